#include "stage.h"

#include "event.h"
#include "fail.h"
#include "revert.h"
#include "run.h"
#include "runner.h"
#include "session.h"
#include "text.h"

/* ---- looking ---- */

static Stage *listening;

bool stage_look(Stage *stage, PgRows *out) {
    return catalog_read(stage->eye, stage->looks,
                        (CatalogScope){stage->config->ledger_schema, NULL}, out);
}

static size_t index_of(const Stage *stage, const char *name) {
    size_t i = 0;
    while (i < stage->count && !text_same(stage->file[i].name, name))
        i++;
    return i;
}

/* A file is done: what is there now? */
static void hear(void *with, const Event *event) {
    Stage *stage = listening;
    (void)with;
    if (!stage || !stage->seen ||
        (!text_same(event->kind, "migration_applied") &&
         !text_same(event->kind, "migration_rolled_back")))
        return;
    size_t i = index_of(stage, event_text(event, "name"));
    if (i == stage->count || stage_look(stage, &stage->seen[i]))
        return;
    stage->blind = fail_kept(stage->arena);
    fail_clear();
}

static void listen(Stage *stage) {
    static bool is_known;
    listening = stage;
    if (!is_known)
        event_listen(hear, NULL);
    is_known = true;
}

/* ---- a database ---- */

static Config *own_config(const Stage *stage) {
    Config *config = scratch_config(stage->arena, stage->scratch, stage->database);
    config->order = "allow";
    config->guard = "off";
    config->backfills = "inline";
    return config;
}

static bool drop(Stage *stage) {
    const char *name = stage->database;
    pg_close(stage->eye);
    stage->eye = NULL;
    stage->database = NULL;
    return !name || scratch_drop(stage->scratch, name);
}

/* What a run makes itself is no file's doing: the ledger, the schema of search_path. */
static bool furnish(Stage *stage) {
    Arena *a = arena_new();
    Run run = {.arena = a, .config = stage->config, .command = "verify", .depth = LEDGER_BRIEF};
    bool ok = run_connect(&run, SESSION_MUST_EXIST) && run_look(&run) &&
              (!run.plan.due || (run_lock(&run) && run_begin(&run)));
    run_end(&run, "ok");
    run_close(&run);
    arena_free(a);
    return ok;
}

bool stage_begin(Stage *stage) {
    listen(stage);
    if (!drop(stage) || !scratch_make(stage->scratch, stage->arena, stage->model, &stage->database))
        return false;
    stage->config = own_config(stage);
    stage->eye = session_open(stage->arena, stage->config, "verify", SESSION_MUST_EXIST);
    stage->position = 0;
    return stage->eye && furnish(stage);
}

void stage_end(Stage *stage) {
    listening = NULL;
    pg_close(stage->eye);
    stage->eye = NULL;
}

/* ---- up and down ---- */

bool stage_climb(Stage *stage, size_t end, PgRows *seen) {
    RunnerWanted wanted = {.command = "verify", .count = -1, .manner = RUNNER_TRIES};
    RunnerResult result;
    Arena *a = arena_new();
    if (seen || end < stage->count)
        wanted.to = stage->file[end - 1].version;
    stage->seen = seen;
    bool ok = runner_up(a, stage->config, &wanted, &result);
    stage->seen = NULL;
    stage->position = end;
    arena_free(a);
    return stage->blind.kind ? fail_again(&stage->blind) : ok;
}

bool stage_descend(Stage *stage, size_t count, PgRows *seen) {
    Arena *a = arena_new();
    const char **ids = arena_take(a, (count + 1) * sizeof *ids);
    const RevertWanted wanted = {.only = ids};
    for (size_t i = 0; i < count; i++)
        ids[i] = stage->file[stage->position - count + i].id;
    stage->seen = seen;
    bool ok = revert_down(a, stage->config, &wanted);
    stage->seen = NULL;
    stage->position -= count;
    arena_free(a);
    return stage->blind.kind ? fail_again(&stage->blind) : ok;
}
