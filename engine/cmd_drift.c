#include "cli.h"

#include "catalog.h"
#include "fail.h"
#include "log.h"
#include "run.h"
#include "session.h"
#include "text.h"

#include <stdio.h>

typedef struct {
    Call *call;
    Pg *pg;
    CatalogKept kept;
    PgRows now;
    CatalogDifferences differences;
} Drift;

static bool refuse_without_ledger(const Run *run) {
    fail(FAIL_ERROR, "there is no ledger in %s: nothing was ever applied",
         run->pg ? pg_database(run->pg) : "the database, which is not there");
    return fail_hint("stint up applies what is pending; for a database that is there already: "
                     "stint resolve VERSION --applied");
}

static bool refuse_without_kept(const Config *config) {
    fail(FAIL_ERROR, "the ledger does not say what %s was after the last run", config->environment);
    return fail_hint("stint drift --save keeps what it is now; each run that changes something "
                     "does where it is protected, or with drift = yes in config.ini");
}

static bool compare(Drift *drift) {
    Arena *a = drift->call->arena;
    const CatalogScope scope = catalog_scope(drift->call->config);
    if (!catalog_read(drift->pg, a, scope, &drift->now) ||
        !catalog_kept(drift->pg, a, scope.ledger_schema, &drift->kept))
        return false;
    if (drift->kept.at)
        drift->differences = catalog_compare(a, &drift->kept.objects, &drift->now);
    if (drift->kept.at && drift->kept.server != drift->kept.server_now)
        log_warn("it was kept by PostgreSQL %d, and this is %d, which may word definitions "
                 "otherwise; stint drift --save keeps them as they are now",
                 drift->kept.server, drift->kept.server_now);
    return true;
}

/* ---- telling ---- */

/* "2026-11-22T10:00:00Z (stint deploy, run 12)" */
static const char *since(const Drift *drift) {
    const CatalogKept *kept = &drift->kept;
    Arena *a = drift->call->arena;
    if (!kept->run)
        return arena_format(a, "%s (accepted by %s)", kept->at, kept->who);
    return arena_format(a, "%s (stint %s, run %lld)", kept->at, kept->command, kept->run);
}

static void print(const Drift *drift) {
    const CatalogDifferences *all = &drift->differences;
    for (size_t i = 0; i < all->count; i++)
        puts(fail_redacted(catalog_say(drift->call->arena, &all->at[i], "    ")));
    if (all->count)
        printf("%zu object%s changed outside Stint since %s\n", all->count,
               all->count == 1 ? "" : "s", since(drift));
    else
        printf("nothing changed outside Stint since %s\n", since(drift));
}

static void print_json(const Drift *drift) {
    Arena *a = drift->call->arena;
    Json *json = json_new_map(a);
    json_set_text(json, "environment", drift->call->config->environment);
    json_set_text(json, "database", pg_database(drift->pg));
    json_set_text(json, "since", drift->kept.at);
    json_set_text(json, "command", drift->kept.command);
    if (drift->kept.run)
        json_set_integer(json, "run", drift->kept.run);
    else
        json_set_null(json, "run");
    json_set(json, "differences", catalog_json(a, &drift->differences));
    puts(fail_redacted(json_text(json)));
}

static void tell(const Drift *drift) {
    if (drift->call->json)
        print_json(drift);
    else
        print(drift);
}

/* ---- accepting ---- */

/* What was accepted, by name: definitions are in the ledger as they are now. */
static const char *facts_of(const Drift *drift) {
    Arena *a = drift->call->arena;
    Json *json = json_new_map(a), *list = json_new_list(a);
    for (size_t i = 0; i < drift->differences.count; i++) {
        const CatalogDifference *one = &drift->differences.at[i];
        json_append_text(
            list, arena_format(a, "%s %s %s", catalog_change(one->change), one->kind, one->name));
    }
    json_set(json, "differences", list);
    return json_text(json);
}

static bool keep(Drift *drift) {
    Arena *a = drift->call->arena;
    const char *schema = drift->call->config->ledger_schema;
    const char *message = arena_format(a, "%zu differences", drift->differences.count);
    return ledger_event(drift->pg, schema, 0, NULL, "drift_accepted", message, facts_of(drift)) &&
           catalog_keep(drift->pg, a, catalog_scope(drift->call->config), 0);
}

static bool save(Run *run, Drift *drift) {
    if (!run_lock(run) || !compare(drift) || !keep(drift))
        return false;
    CatalogDifferences accepted = drift->differences;
    if (!catalog_kept(drift->pg, run->arena, run->config->ledger_schema, &drift->kept))
        return false;
    drift->differences = (CatalogDifferences){0, NULL};
    log_say("%zu differences accepted, %zu objects kept in the ledger", accepted.count,
            drift->now.count);
    tell(drift);
    return true;
}

static bool show(Drift *drift) {
    if (!compare(drift))
        return false;
    if (!drift->kept.at)
        return refuse_without_kept(drift->call->config);
    tell(drift);
    drift->call->exit_code = drift->differences.count ? FAIL_PENDING : 0;
    return true;
}

static bool look(Call *call) {
    Run run = {
        .arena = call->arena, .config = call->config, .command = "drift", .depth = LEDGER_BRIEF};
    Drift drift = {.call = call};
    bool ok = run_peek(&run) && ((run.pg && run.ledger.version) || refuse_without_ledger(&run));
    drift.pg = run.pg;
    ok = ok && (option_given(&call->given, "save") ? save(&run, &drift) : show(&drift));
    run_close(&run);
    return ok;
}

static const Option options[] = {
    {"save", 0, NULL, "accept what is there now: from here on it is compared with that"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_drift = {
    .name = "drift",
    .usage = "[--save]",
    .about = "what changed in the database outside Stint since its last run",
    .help =
        "Compares the schema with what it was after the last run that changed something, as the\n"
        "ledger keeps it where the environment is protected or drift = yes. The exit code is 2\n"
        "where something was added, removed or changed. Rows of tables are not compared.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .targets = TARGETS_DIFF,
    .options = options,
    .run = look,
};
