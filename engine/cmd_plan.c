#include "cli.h"

#include "backfill.h"
#include "fail.h"
#include "gate.h"
#include "json.h"
#include "log.h"
#include "prospect.h"
#include "run.h"
#include "session.h"
#include "text.h"
#include "verify.h"
#include "variable.h"

#include <string.h>

static const char *const part_kinds[] = {
    [PART_TRANSACTION] = "in a transaction",
    [PART_OWN] = "in the file's own transaction",
    [PART_ROLLED_BACK] = "in the file's own transaction, rolled back",
    [PART_SOLO] = "outside of any transaction",
};

static const char *statement_text(Arena *a, const SqlHalf *half, const Statement *s) {
    Bytes sql = variable_sql(half, s);
    return arena_string(a, fail_redacted(arena_bytes(a, sql.at, sql.length)));
}

/* The first line of a statement, cut where a terminal would. */
static const char *first_line(Arena *a, const SqlHalf *half, const Statement *s) {
    Text line = text_on(a);
    const char *sql = statement_text(a, half, s);
    for (size_t i = 0; sql[i] && line.length < 100; i++) {
        char c = sql[i];
        bool blank = c == '\n' || c == '\r' || c == '\t' || c == ' ';
        if (!blank)
            text_add_char(&line, c);
        else if (line.length && line.at[line.length - 1] != ' ')
            text_add_char(&line, ' ');
    }
    if (line.length >= 100)
        text_add(&line, "...");
    return line.at;
}

static void print_statements(Call *call, const ReviewFile *file, size_t from) {
    const SqlHalf *half = &file->item->migration->sql->up;
    bool whole = option_given(&call->given, "sql");
    for (size_t p = 0; p < half->parts.count; p++) {
        const Part *part = &half->parts.at[p];
        if (part->first + part->count <= from && half->statements.count)
            continue;
        printf("  %s:\n", part_kinds[part->kind]);
        for (size_t i = part->first; i < part->first + part->count; i++) {
            const Statement *s = &half->statements.at[i];
            printf("  %4zu  line %-4zu %s\n", i + 1, s->line,
                   whole ? statement_text(call->arena, half, s) : first_line(call->arena, half, s));
            prospect_print(call->arena, file, i + 1);
        }
    }
    if (!half->statements.count)
        puts("        no statements");
}

/* What the database decides, where its table is there already. */
static void print_order(Call *call, Pg *pg, const Migration *m) {
    Backfill b;
    if (!pg || !backfill_describe(pg, call->arena, &m->declaration, m->id, BACKFILL_UP, &b)) {
        fail_clear();
        puts("        in an order that is chosen when it begins");
        return;
    }
    printf("        %s\n", b.order);
    printf("        written meanwhile: %s: %s\n", b.writes, b.writes_why);
    if (text_same(call->config->backfills, "detached"))
        puts("        by stint work: it is begun and left (backfills = detached)");
    else if (b.workers > 1)
        printf("        by %ld workers\n", b.workers);
}

static void print_backfill(Call *call, Pg *pg, const Migration *m) {
    const Declaration *d = &m->declaration;
    Pairs set = script_pairs(call->arena, d, "set");
    const char *where = script_text(call->arena, d, "where"),
               *verify = script_text(call->arena, d, "verify"),
               *batch = script_text(call->arena, d, "batch");
    printf("  batches of %s over %s, each a transaction:\n", script_text(call->arena, d, "target"),
           script_text(call->arena, d, "table"));
    for (size_t i = 0; i < set.count; i++)
        printf("        SET %s = %s\n", set.name[i], set.value[i]);
    if (batch)
        printf("        %s\n", batch);
    if (script_has(d, "transform"))
        puts("        a function, row by row");
    if (where)
        printf("        WHERE %s\n", where);
    print_order(call, pg, m);
    if (verify)
        printf("        verify: %s\n", verify);
}

static bool is_sql(const Migration *m) {
    return m->kind == MIGRATION_SQL || m->kind == MIGRATION_REPEATABLE;
}

static void print_function(Call *call, const ReviewFile *file) {
    const Migration *m = file->item->migration;
    printf("  a function, %s\n", script_flag(&m->declaration, "transaction", true)
                                     ? "in a transaction"
                                     : "outside of any transaction");
    prospect_print_script(call->arena, file);
}

static void print_item(Call *call, Pg *pg, const Review *review, const Precedent *precedent,
                       const PlanItem *item) {
    const ReviewFile *file = review_file(review, item->migration->id);
    const Migration *m = item->migration;
    size_t from = item->row && item->state == PLAN_PARTIAL ? (size_t)item->row->position : 0;
    printf("%s (%s%s%s)\n", m->path, migration_kind(m->kind),
           item->state == PLAN_PENDING ? "" : ", ",
           item->state == PLAN_PENDING ? "" : plan_state(item->state));
    if (is_sql(m))
        print_statements(call, file, from);
    else if (m->kind == MIGRATION_BACKFILL)
        print_backfill(call, pg, m);
    else
        print_function(call, file);
    prospect_print_time(call->arena, precedent, m);
    prospect_print_findings(call->arena, review, file);
}

static Json *item_json(Call *call, const Review *review, const Precedent *precedent,
                       const PlanItem *item) {
    Arena *a = call->arena;
    const ReviewFile *file = review_file(review, item->migration->id);
    const Migration *m = item->migration;
    Json *json = json_new_map(a), *list = json_new_list(a);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "kind", migration_kind(m->kind));
    json_set_text(json, "state", plan_state(item->state));
    json_set_text(json, "path", m->path);
    json_set_text(json, "checksum", m->checksum);
    prospect_set_time(json, precedent, m);
    json_set_integer(json, "position",
                     item->row && item->state == PLAN_PARTIAL ? item->row->position : 0);
    for (size_t p = 0; is_sql(m) && p < m->sql->up.parts.count; p++) {
        const Part *part = &m->sql->up.parts.at[p];
        for (size_t i = part->first; i < part->first + part->count; i++) {
            const Statement *s = &m->sql->up.statements.at[i];
            Json *one = json_new_map(a);
            json_set_integer(one, "number", (long long)i + 1);
            json_set_integer(one, "line", (long long)s->line);
            json_set_text(one, "kind", s->words);
            json_set_text(one, "runs", part_kinds[part->kind]);
            json_set_text(one, "sql", statement_text(a, &m->sql->up, s));
            json_set(one, "impact", prospect_json(a, file, i + 1));
            json_append(list, one);
        }
    }
    for (size_t i = 0; !is_sql(m) && i < json_count(file->deeds); i++) {
        const Json *deed = json_at(file->deeds, i);
        long long number = json_as_integer(json_get(deed, "number"));
        if (number <= (long long)json_count(list))
            continue; /* within the one before */
        Json *one = json_new_map(a);
        json_set_integer(one, "number", number);
        json_set_integer(one, "line", json_as_integer(json_get(deed, "line")));
        json_set_text(one, "kind", json_as_text(json_get(deed, "kind")));
        json_set_text(one, "sql", fail_redacted(json_as_text(json_get(deed, "sql"))));
        json_set(one, "impact", prospect_json(a, file, (size_t)number));
        json_append(list, one);
    }
    json_set(json, "statements", list);
    return json;
}

/* What is not for this environment. */
static Json *skipped_json(Arena *a, const Run *run) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        if (!item->skipped)
            continue;
        Json *json = json_new_map(a);
        json_set_text(json, "version", plan_version(item));
        json_set_text(json, "name", plan_name(item));
        json_set_text(json, "reason", item->skipped);
        json_append(list, json);
    }
    return list;
}

static void print_skipped(const Run *run) {
    for (size_t i = 0; i < run->plan.count; i++)
        if (run->plan.item[i].skipped)
            printf("%s: skipped here: %s\n", run->plan.item[i].migration->path,
                   run->plan.item[i].skipped);
}

/* The team's checks that up will ask. */
static Json *checks_json(Arena *a, const Run *run) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < run->checks.count; i++) {
        const Hook *check = &run->checks.at[i];
        Json *json = json_new_map(a);
        json_set_text(json, "name", check->name);
        json_set_text(json, "when", script_text(a, &check->declaration, "when"));
        json_set_text(json, "level", script_text(a, &check->declaration, "level"));
        json_set_text(json, "about", script_text(a, &check->declaration, "about"));
        json_append(list, json);
    }
    return list;
}

static void print_checks(Arena *a, const Run *run) {
    for (size_t i = 0; i < run->checks.count; i++) {
        const Declaration *d = &run->checks.at[i].declaration;
        const char *about = script_text(a, d, "about");
        bool warns = text_same(script_text(a, d, "level"), "warn");
        printf("check %s (%s%s)%s%s\n", run->checks.at[i].name, script_text(a, d, "when"),
               warns ? ", warns only" : "", about ? ": " : "", about ? about : "");
    }
}

/* As a deploy would be asked now. */
static bool look_at_gates(Run *run, const Review *review, Gates *out) {
    PlanItem **item = arena_take(run->look, (run->plan.count + 1) * sizeof(PlanItem *));
    GateWanted wanted = {.command = "deploy",
                         .review = review,
                         .of = {.arena = run->arena,
                                .config = run->config,
                                .pg = run->pg,
                                .ledger = &run->ledger,
                                .item = item}};
    *out = (Gates){0, NULL};
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]))
            item[wanted.of.count++] = &run->plan.item[i];
    return !wanted.of.count || gate_look(&wanted, out);
}

static void print_gates(Arena *a, const Gates *gates) {
    for (size_t i = 0; i < gates->count; i++)
        printf("gate %s\n", gate_say(a, &gates->at[i], "  "));
}

/* --rehearse, or --queries, which needs one. `out` NULL: not asked for. */
static bool rehearse(Call *call, Run *run, const Review *review, Rehearsal **out) {
    const Given *given = &call->given;
    const RehearsalQueries queries = {option_given(given, "queries"),
                                      given->word_count ? given->word[0] : NULL};
    *out = NULL;
    if (!run->plan.due || (!queries.asks && !option_given(given, "rehearse")))
        return true;
    *out = arena_take(call->arena, sizeof **out);
    return rehearsal_hold(run, review, &queries, *out);
}

/* Only --queries has a word. */
static bool check_words(const Call *call) {
    size_t most = option_given(&call->given, "queries"), count = call->given.word_count;
    return count <= most || fail(FAIL_USAGE, "plan takes no words: %s", call->given.word[most]);
}

static void print_json(Call *call, Run *run, const Review *review, const Gates *gates,
                       const Rehearsal *rehearsal, const Precedent *precedent) {
    Json *whole = json_new_map(call->arena), *list = json_new_list(call->arena),
         *judged = judge_json(&review->judge);
    json_set_text(whole, "environment", call->config->environment);
    json_set_text(whole, "database", run->pg ? pg_database(run->pg) : NULL);
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]))
            json_append(list, item_json(call, review, precedent, &run->plan.item[i]));
    json_set(whole, "pending", list);
    json_set_text(whole, "hash", review->hash);
    json_set(whole, "findings", json_get(judged, "findings"));
    json_set(whole, "coverage", json_get(judged, "coverage"));
    if (rehearsal)
        json_set(whole, "rehearsal", rehearsal_json(call->arena, rehearsal));
    json_set(whole, "skipped", skipped_json(call->arena, run));
    json_set(whole, "checks", checks_json(call->arena, run));
    json_set(whole, "gates", gate_json(call->arena, gates));
    puts(json_text(whole));
}

static bool open_due(Run *run) {
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]) && !run_open(run, run->plan.item[i].migration))
            return false;
    return true;
}

static bool plan(Call *call) {
    Run run = {
        .arena = call->arena, .config = call->config, .command = "plan", .depth = LEDGER_BRIEF};
    Review review = {0};
    Gates gates;
    Rehearsal *rehearsal = NULL;
    Precedent precedent;
    bool ok =
        check_words(call) && run_peek(&run) && plan_accept(&run.plan, call->config->order) &&
        review_make(&run, &review) && open_due(&run) && (!run.plan.due || verify_load(&run)) &&
        look_at_gates(&run, &review, &gates) && rehearse(call, &run, &review, &rehearsal) &&
        precedent_read(call->arena, call->config, option_value(&call->given, "from"), &precedent);
    if (ok && !call->json)
        log_say("plan: environment %s, database %s", call->config->environment,
                run.pg ? session_place(call->arena, run.pg) : "(not there yet)");
    if (ok && call->json)
        print_json(call, &run, &review, &gates, rehearsal, &precedent);
    else if (ok && !run.plan.due)
        puts(run.plan.count ? "nothing to do: all migrations are applied"
                            : "nothing to do: there are no migrations yet");
    for (size_t i = 0; ok && !call->json && i < run.plan.count; i++)
        if (plan_is_due(&run.plan.item[i]))
            print_item(call, run.pg, &review, &precedent, &run.plan.item[i]);
    if (ok && !call->json) {
        print_skipped(&run);
        print_checks(call->arena, &run);
        print_gates(call->arena, &gates);
        if (rehearsal)
            prospect_print_rehearsal(call->arena, rehearsal);
        prospect_print_end(call, &review);
    }
    run_close(&run);
    return ok;
}

static const Option options[] = {
    {"sql", 0, NULL, "whole statements instead of their first lines"},
    {"from", 0, "ENV", "how long the same texts took there"},
    {"rehearse", 0, NULL, "run the files on an empty copy of the schema (scratch) and compare"},
    {"queries", 0, NULL,
     "and tell which statements of applications break: of pg_stat_statements, or of a FILE"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_plan = {
    .name = "plan",
    .usage = "[--sql] [--from ENV] [--rehearse] [--queries [FILE]]",
    .about = "what up would do now: files, statements, locks, findings",
    .help =
        "Asks the database for the shape and size of its tables and says of each statement what it\n"
        "locks, rewrites, reads as a whole and builds, and what the rules find. Changes nothing.\n"
        "The hash at the end stands for all of it: deploy --plan HASH runs this plan or none.",
    .needs = NEED_CONFIG,
    .targets = TARGETS_ASK,
    .options = options,
    .run = plan,
};
