#include "cli.h"

#include "approval.h"
#include "fail.h"
#include "gate.h"
#include "ignore.h"
#include "json.h"
#include "log.h"
#include "report.h"
#include "run.h"
#include "signature.h"
#include "text.h"

#include <string.h>

typedef struct {
    Call *call;
    Run run;
    const char *comment;
    const Json *kinds; /* of approvals that are wanted here */
} Approve;

/* ---- what is open ---- */

static Json *approval_json(Arena *a, const Approval *approval) {
    Json *json = json_new_map(a);
    json_set_text(json, "by", approval->by);
    json_set_text(json, "at", approval->at);
    json_set_text(json, "environment", approval->environment);
    json_set_text(json, "comment", approval->comment);
    json_set_text(json, "refused", approval->refused);
    return json;
}

static Json *file_json(Arena *a, const Migration *m, const Author *author) {
    Json *json = json_new_map(a);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "file", m->path);
    json_set_text(json, "checksum", m->checksum);
    json_set_text(json, "author", author->email);
    json_set_text(json, "author_role", author->role);
    return json;
}

static void add_json(Arena *a, Json *to, const Migration *m, const Approvals *all) {
    Json *json = file_json(a, m, &all->author), *rows = json_new_list(a);
    for (size_t i = 0; i < all->count; i++)
        json_append(rows, approval_json(a, &all->approval[i]));
    json_set(json, "approvals", rows);
    json_append(to, json);
}

static void print_author(const Author *author) {
    printf("    author    %s%s%s%s\n", author->email ? author->email : "not known",
           author->role ? " (" : ": ", author->role ? author->role : author->why,
           author->role ? ")" : "");
}

static void print_open(const Migration *m, const Approvals *all) {
    printf("%s  %s\n", m->name, m->path);
    print_author(&all->author);
    for (size_t i = 0; i < all->count; i++) {
        const Approval *one = &all->approval[i];
        printf("    %-8s  %.10s %.8s  %s%s%s%s%s\n", one->refused ? "void" : "approved", one->at,
               one->at + 11, one->by, one->comment ? ": " : "", one->comment ? one->comment : "",
               one->refused ? " -- " : "", one->refused ? one->refused : "");
    }
    if (!all->count)
        puts("    not approved by anybody");
}

static bool list(Approve *ap) {
    Run *run = &ap->run;
    Arena *a = ap->call->arena;
    Json *whole = json_new_map(a), *files = json_new_list(a);
    const ApprovalWanted anything = {APPROVAL_BY_ANYBODY, {0}};
    const char *refused = NULL;
    if (!ap->call->json)
        printf("environment %s, %zu pending\n", run->config->environment, run->plan.due);
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        Approvals all;
        if (!plan_is_due(item))
            continue;
        if (!run_open(run, item->migration) ||
            !approval_count(run->pg, a, run->config, item->migration, &anything, &all))
            return false;
        refused = all.refused;
        if (ap->call->json)
            add_json(a, files, item->migration, &all);
        else
            print_open(item->migration, &all);
    }
    if (refused)
        log_warn("a deploy by this role would count none of them: %s", refused);
    if (!ap->call->json)
        return true;
    json_set_text(whole, "environment", run->config->environment);
    json_set(whole, "migrations", files);
    puts(json_text(whole));
    return true;
}

/* ---- one more ---- */

static bool refuse(const PlanItem *item) {
    if (item->skipped)
        fail(FAIL_LEDGER, "%s is not for this environment (%s)", plan_name(item), item->skipped);
    else
        fail(FAIL_LEDGER, "%s is %s: there is nothing to approve", plan_name(item),
             plan_state(item->state));
    fail_state("nothing was approved");
    return fail_next("stint approve lists what is pending");
}

/* What the policies of the environment want of approvals. */
static bool read_kinds(Approve *ap) {
    Json *wants;
    if (!gate_wants(ap->call->arena, ap->run.config, "deploy", &wants))
        return false;
    ap->kinds = wants ? json_get(wants, "approvals") : NULL;
    return true;
}

/* The pending file that `word` means; NULL: failed. */
static Migration *find(Run *run, const char *word) {
    Migration *found = migration_find(&run->files, word);
    for (size_t i = 0; found && i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        if (item->migration != found)
            continue;
        if (plan_is_due(item))
            return run_open(run, found) ? found : NULL;
        refuse(item);
    }
    return NULL;
}

/* What stands in the way of it, for somebody who believes that all is done. */
static bool warn(Approve *ap, const Migration *m, const char *by) {
    const Config *config = ap->run.config;
    Arena *a = ap->call->arena;
    const char *told = NULL;
    for (size_t i = 0; ap->kinds && i < json_count(ap->kinds); i++) {
        const ApprovalWanted wanted = approval_wanted(a, json_at(ap->kinds, i));
        Approvals all;
        if (!approval_count(ap->run.pg, a, config, m, &wanted, &all))
            return false;
        const char *refused = all.count ? all.approval[0].refused : NULL;
        if (!refused || text_same(refused, told))
            continue;
        told = refused;
        log_warn("%s: the approval by %s does not count for %s: %s", m->name, by,
                 config->environment, refused);
    }
    return true;
}

static void say(Approve *ap, const Migration *m, const Author *author, const ApprovalGiven *given,
                Json *to) {
    Arena *a = ap->call->arena;
    const char *by = given->key ? given->key : given->by;
    if (ap->call->json) {
        Json *json = file_json(a, m, author);
        json_set_text(json, "by", by);
        json_append(to, json);
        return;
    }
    printf("%s  %s\n    checksum  %s\n", m->name, m->path, m->checksum);
    print_author(author);
    printf("    approved for %s by %s%s\n", ap->run.config->environment, by,
           given->key ? ", signed" : "");
}

/* All of them or none. */
static bool give(Approve *ap) {
    const Given *words = &ap->call->given;
    Run *run = &ap->run;
    Arena *a = ap->call->arena;
    Migration **m = arena_take(a, words->word_count * sizeof(Migration *));
    ApprovalGiven *given = arena_take(a, words->word_count * sizeof *given);
    for (size_t i = 0; i < words->word_count; i++)
        if (!(m[i] = find(run, words->word[i])))
            return false;
    if (!read_kinds(ap) || !pg_do(run->pg, "BEGIN", PG_NONE))
        return false;
    for (size_t i = 0; i < words->word_count; i++)
        if (!approval_give(run->pg, a, run->config, m[i], ap->comment, &given[i]))
            return false;
    if (!pg_do(run->pg, "COMMIT", PG_NONE))
        return false;
    Json *whole = json_new_map(a), *files = json_new_list(a);
    for (size_t i = 0; i < words->word_count; i++) {
        Author author = author_of(a, run->config, m[i]);
        say(ap, m[i], &author, &given[i], files);
        if (!warn(ap, m[i], given[i].key ? given[i].key : given[i].by))
            return false;
    }
    if (!ap->kinds || !json_count(ap->kinds))
        log_warn("no policy for %s asks for approvals: nothing there waits for this one",
                 run->config->environment);
    if (!ap->call->json)
        return true;
    json_set_text(whole, "environment", run->config->environment);
    json_set(whole, "approved", files);
    puts(json_text(whole));
    return true;
}

static bool new_key(Call *call, const char *path) {
    const char *key;
    if (call->given.word_count)
        return fail(FAIL_USAGE, "--new-key approves nothing: leave %s out", call->given.word[0]);
    if (!signature_new_key(call->arena, path, &key) || !ignore_secret(call->arena, path))
        return false;
    printf("NAME %s\n", key);
    log_say("%s is yours alone; the line above, with your name, goes into approval_keys", path);
    return true;
}

static bool no_ledger(const Run *run) {
    fail(FAIL_LEDGER, "there is no ledger in the schema %s of this database yet",
         run->config->ledger_schema);
    fail_state("nothing was approved");
    return fail_hint("its owner makes it: stint doctor --grants shows the SQL");
}

static bool approve(Call *call) {
    const char *path = option_value(&call->given, "new-key");
    if (path)
        return new_key(call, path);
    Approve ap = {.call = call, .comment = option_value(&call->given, "comment")};
    ap.run = (Run){.arena = call->arena, .config = call->config, .command = "approve"};
    ap.run.depth = LEDGER_WHOLE;
    if (ap.comment && !call->given.word_count) {
        fail(FAIL_USAGE, "approve --comment takes the VERSION that is approved");
        return fail_next("stint help approve");
    }
    bool ok = run_peek(&ap.run);
    if (ok && !ap.run.ledger.version)
        ok = no_ledger(&ap.run);
    else if (ok)
        ok = call->given.word_count ? give(&ap) : list(&ap);
    run_close(&ap.run);
    return ok;
}

static const Option options[] = {
    {"comment", 0, "TEXT", "why, for who reads it later"},
    {"new-key", 0, "FILE", "makes a private key in FILE, and shows its line for approval_keys"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_approve = {
    .name = "approve",
    .usage = "[VERSION...] [--comment TEXT] | --new-key FILE",
    .about = "approve exactly this text; without VERSION, what is approved",
    .help =
        "Writes into the ledger that the role of this session approves a pending file for this\n"
        "environment, signed with approval_key where there is one. It holds for this text: a\n"
        "change of the file makes it void (comments and white space are no change). Without\n"
        "VERSION, each pending file with its author and its approvals.",
    .needs = NEED_CONFIG,
    .options = options,
    .run = approve,
};
