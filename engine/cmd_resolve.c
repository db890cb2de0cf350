#include "cli.h"

#include "fail.h"
#include "json.h"
#include "keeper.h"
#include "lock.h"
#include "log.h"
#include "run.h"
#include "session.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    Call *call;
    Run run;
    PlanItem *item;
    const char *value; /* K of --statement-done K */
} Repair;

static bool write(Repair *repair, const char *sql, PgArgs args) {
    return pg_do(repair->run.pg, ledger_sql(repair->call->arena, repair->run.ledger.schema, sql),
                 args);
}

static bool refuse(Repair *repair, const char *why) {
    fail(FAIL_LEDGER, "%s is %s: %s", plan_name(repair->item), plan_state(repair->item->state),
         why);
    return fail_state("nothing was changed");
}

/* What the ledger keeps of the file as it is now. */
static bool open_file(Repair *repair) {
    return repair->item->migration ? run_open(&repair->run, repair->item->migration)
                                   : refuse(repair, "there is no file to take the text from");
}

static const char *down_of(const Migration *m) {
    return m->down_path ? m->down_text.at : NULL;
}

static const char *statements_of(const Repair *repair) {
    const Migration *m = repair->item->migration;
    size_t count = m->kind == MIGRATION_SQL ? m->sql->up.statements.count : 1;
    return arena_format(repair->call->arena, "%zu", count);
}

static bool end_backfill(Repair *repair, const char *id, KeeperEnd end) {
    return keeper_end(repair->run.pg, repair->call->arena, repair->run.ledger.schema, id, end);
}

static bool applied(Repair *repair) {
    const Migration *m = repair->item->migration;
    PlanState state = repair->item->state;
    if (state == PLAN_EDITED)
        return refuse(repair, "it is in the ledger already; --accept-change takes its new text");
    if (state == PLAN_APPLIED || state == PLAN_BASELINED)
        return refuse(repair, "it is in the ledger already");
    if (!open_file(repair))
        return false;
    const char *run = arena_format(repair->call->arena, "%lld", repair->run.id);
    return end_backfill(repair, m->id, KEEPER_COUNTS) &&
           write(repair, SQL_LEDGER_MARK,
                 PG_WITH(m->id, m->version, m->name, migration_kind(m->kind), statements_of(repair),
                         run, m->checksum, m->tokens, m->down_tokens, m->text.at, down_of(m),
                         ledger_who()));
}

static bool is_rolled_back(const PlanItem *item) {
    return text_same(item->row->state, "rolled_back");
}

static bool rolled_back(Repair *repair) {
    if (!repair->item->row || is_rolled_back(repair->item))
        return refuse(repair, "it is not in the ledger");
    return end_backfill(repair, repair->item->row->id, KEEPER_FORGETS) &&
           write(repair, SQL_LEDGER_UNMARK,
                 PG_WITH(repair->item->row->id,
                         arena_format(repair->call->arena, "%lld", repair->run.id)));
}

static bool accept_change(Repair *repair) {
    const Migration *m = repair->item->migration;
    if (!repair->item->row || is_rolled_back(repair->item))
        return refuse(repair, "it is not in the ledger");
    if (!open_file(repair) || !write(repair, SQL_LEDGER_RETEXT,
                                     PG_WITH(m->id, m->checksum, m->tokens, m->down_tokens,
                                             m->text.at, down_of(m), statements_of(repair))))
        return false;
    return m->kind != MIGRATION_BACKFILL ||
           write(repair, SQL_LEDGER_ACCEPT_BACKFILL, PG_WITH(m->id, m->tokens));
}

/* K must be the statement whose outcome nobody wrote down. */
static bool check_statement(Repair *repair) {
    const LedgerRow *row = repair->item->row;
    if (!row || !row->intent)
        return refuse(repair, "no statement of it is in doubt");
    if (text_same(repair->value, arena_format(repair->call->arena, "%ld", row->intent)))
        return true;
    fail(FAIL_USAGE, "statement %s is not the one in doubt", repair->value);
    return fail_hint("statement %ld is", row->intent);
}

static bool statement_done(Repair *repair) {
    const LedgerRow *row = repair->item->row;
    Arena *a = repair->call->arena;
    if (!check_statement(repair))
        return false;
    const char *position = arena_format(a, "%ld", row->intent);
    bool is_last = row->intent >= row->statements;
    if (is_last && repair->item->state == PLAN_REVERTING)
        return write(repair, SQL_REVERT_FINISH, PG_WITH(row->id, ledger_who()));
    if (is_last)
        return write(repair, SQL_LEDGER_FINISH, PG_WITH(row->id, position));
    return write(repair, SQL_LEDGER_ADVANCE, PG_WITH(row->id, position));
}

static bool statement_again(Repair *repair) {
    return check_statement(repair) &&
           write(repair, SQL_LEDGER_GIVE_UP, PG_WITH(repair->item->row->id));
}

static const struct {
    const char *option;
    bool (*repair)(Repair *repair);
    const char *said;
} repairs[] = {
    {"applied", applied, "counts as applied"},
    {"rolled-back", rolled_back, "counts as rolled back: it is pending"},
    {"accept-change", accept_change, "its text of now is what counts as applied"},
    {"statement-done", statement_done, "the statement counts as done"},
    {"statement-again", statement_again, "the statement will run again"},
};

/* The file on disk, or the row of one that is gone. */
static PlanItem *find(Run *run, const char *word) {
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (!item->migration &&
            (text_same(word, item->row->version) || text_same(word, item->row->name)))
            return item;
    }
    const Migration *found = migration_find(&run->files, word);
    for (size_t i = 0; found && i < run->plan.count; i++)
        if (run->plan.item[i].migration == found)
            return &run->plan.item[i];
    return NULL;
}

static bool do_repair(Repair *repair, size_t which) {
    Run *run = &repair->run;
    const Config *config = run->config;
    run->pg = session_open(run->arena, config, run->command, SESSION_MUST_EXIST);
    if (!run->pg || !run_lock(run) || !ledger_prepare(run->pg, config->ledger_schema))
        return false;
    repair->item = find(run, repair->call->given.word[0]);
    if (!repair->item || !pg_do(run->pg, "BEGIN", PG_NONE) ||
        !ledger_begin_run(run->pg, config->ledger_schema, "resolve", config->environment,
                          &run->id) ||
        !repairs[which].repair(repair))
        return false;
    const LedgerRow *row = repair->item->row;
    const char *id = row ? row->id : repair->item->migration->id;
    const char *kind = arena_format(run->arena, "resolve_%s", repairs[which].option);
    return ledger_event(run->pg, config->ledger_schema, run->id, id, kind, repair->value, NULL) &&
           ledger_end_run(run->pg, config->ledger_schema, run->id, "ok", 0) &&
           pg_do(run->pg, "COMMIT", PG_NONE);
}

/* What else follows from it. */
static void warn(const Repair *repair, size_t which) {
    const Run *run = &repair->run;
    const PlanItem *item = repair->item, *first = NULL;
    size_t late = 0;
    if (repairs[which].repair == rolled_back && item->state == PLAN_BACKFILLING)
        log_warn("the rows that %s has changed stay changed", plan_name(item));
    if (repairs[which].repair != applied || plan_is_repeatable(item))
        return;
    for (size_t i = 0; i < run->plan.count && &run->plan.item[i] != item; i++)
        if (plan_is_due(&run->plan.item[i]) && !plan_is_repeatable(&run->plan.item[i])) {
            first = first ? first : &run->plan.item[i];
            late++;
        }
    if (late)
        log_warn("%zu before it %s pending, and out of order now: stint resolve %s --applied, if "
                 "that is in the database too",
                 late, late == 1 ? "is" : "are", plan_version(first));
}

static const char *said(const Repair *repair, size_t which) {
    if (repairs[which].repair == rolled_back && !repair->item->migration)
        return "counts as rolled back; its file is gone, so nothing of it is pending";
    return repairs[which].said;
}

static void say(Repair *repair, size_t which) {
    const char *name = plan_name(repair->item);
    warn(repair, which);
    if (!repair->call->json) {
        printf("%s: %s\n", name, said(repair, which));
        return;
    }
    Json *json = json_new_map(repair->call->arena);
    json_set_text(json, "version", plan_version(repair->item));
    json_set_text(json, "name", name);
    json_set_text(json, "resolved", repairs[which].option);
    puts(json_text(json));
}

static bool resolve(Call *call) {
    Repair repair = {.call = call,
                     .run = {.arena = call->arena, .config = call->config, .command = "resolve"}};
    size_t which = 0, count = 0, most = sizeof repairs / sizeof *repairs;
    for (size_t i = 0; i < most; i++)
        if (option_given(&call->given, repairs[i].option)) {
            which = i;
            repair.value = option_value(&call->given, repairs[i].option);
            count++;
        }
    if (count != 1 || call->given.word_count != 1) {
        fail(FAIL_USAGE, "resolve takes one VERSION and one of its options");
        return fail_next("stint help resolve");
    }
    bool ok = do_repair(&repair, which);
    if (ok)
        say(&repair, which);
    run_close(&repair.run);
    return ok;
}

static const Option options[] = {
    {"applied", 0, NULL, "it counts as applied, without running it (baseline, or done by hand)"},
    {"rolled-back", 0, NULL, "it counts as not applied (undone by hand, or the file is gone)"},
    {"accept-change", 0, NULL, "an edited file: the text of now counts as what was applied"},
    {"statement-done", 0, "K", "the statement in doubt has run"},
    {"statement-again", 0, "K", "the statement in doubt has not run"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_resolve = {
    .name = "resolve",
    .usage =
        "VERSION --applied|--rolled-back|--accept-change|--statement-done K|--statement-again K",
    .about = "repair the ledger by hand, with an audit event",
    .needs = NEED_CONFIG,
    .options = options,
    .run = resolve,
};
