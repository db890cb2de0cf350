#include "cli.h"

#include "drift.h"
#include "fail.h"
#include "log.h"
#include "run.h"

#include <stdio.h>

static bool refuse_without_ledger(const Run *run) {
    fail(FAIL_ERROR, "there is no ledger in %s: nothing was ever applied",
         run->pg ? pg_database(run->pg) : "the database, which is not there");
    return fail_hint("stint up applies what is pending; for a database that is there already: "
                     "stint resolve VERSION --applied");
}

static bool refuse_without_kept(const Config *config) {
    fail(FAIL_ERROR, "the ledger does not say what %s was after the last run", config->environment);
    return fail_hint("stint drift --save keeps what it is now; each run does where it is "
                     "protected, or with drift = yes in config.ini");
}

/* ---- telling ---- */

static void print(Arena *a, const Drift *drift) {
    const CatalogDifferences all = catalog_wholes(a, &drift->all);
    for (size_t i = 0; i < all.count; i++)
        puts(fail_redacted(catalog_say(a, &all.at[i], "    ")));
    if (all.count)
        printf("%zu object%s changed outside Stint since %s\n", all.count,
               all.count == 1 ? "" : "s", drift_since(a, drift));
    else
        printf("nothing changed outside Stint since %s\n", drift_since(a, drift));
}

static void set_run(Json *json, const char *name, long long run) {
    if (run)
        json_set_integer(json, name, run);
    else
        json_set_null(json, name);
}

static void print_json(const Run *run, const Drift *drift) {
    Arena *a = run->arena;
    const CatalogDifferences all = catalog_wholes(a, &drift->all);
    Json *json = json_new_map(a);
    json_set_text(json, "environment", run->config->environment);
    json_set_text(json, "database", pg_database(run->pg));
    json_set_text(json, "since", drift->at);
    json_set_text(json, "command", drift->command);
    set_run(json, "run", drift->run);
    set_run(json, "untold_run", drift->all.count ? drift->untold : 0);
    json_set(json, "differences", catalog_json(a, &all));
    puts(fail_redacted(json_text(json)));
}

static void tell(const Call *call, const Run *run, const Drift *drift) {
    const char *doubt = drift_doubt(run->arena, drift);
    if (doubt)
        log_warn("%s", doubt);
    if (call->json)
        print_json(run, drift);
    else
        print(run->arena, drift);
}

/* ---- looking and accepting ---- */

static bool save(Call *call, Run *run) {
    Drift accepted, drift;
    const CatalogScope scope = catalog_scope(run->config);
    if (!run_lock(run) || !drift_accept(run->pg, run->arena, scope, &accepted) ||
        !drift_find(run->pg, run->arena, scope, 0, &drift))
        return false;
    log_say("%zu differences accepted, %zu objects kept in the ledger",
            catalog_wholes(run->arena, &accepted.all).count, accepted.objects);
    tell(call, run, &drift);
    return true;
}

static bool show(Call *call, Run *run) {
    Drift drift;
    if (!drift_find(run->pg, run->arena, catalog_scope(run->config), 0, &drift))
        return false;
    if (!drift.at)
        return refuse_without_kept(run->config);
    tell(call, run, &drift);
    call->exit_code = drift.all.count ? FAIL_PENDING : 0;
    return true;
}

static bool look(Call *call) {
    Run run = {
        .arena = call->arena, .config = call->config, .command = "drift", .depth = LEDGER_BRIEF};
    bool ok = run_peek(&run) && ((run.pg && run.ledger.version) || refuse_without_ledger(&run)) &&
              (option_given(&call->given, "save") ? save(call, &run) : show(call, &run));
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
        "Compares the schema with what the last run left, as the ledger keeps it where the\n"
        "environment is protected or drift = yes. A run that finds some warns, and it stays until\n"
        "--save accepts it. The exit code is 2 where something was added, removed or changed. Rows\n"
        "of tables are not compared.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .targets = TARGETS_DIFF,
    .options = options,
    .run = look,
};
