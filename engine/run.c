#include "run.h"

#include "backfill.h"
#include "begun.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "known.h"
#include "lock.h"
#include "log.h"
#include "protection.h"
#include "repeatable.h"
#include "scope.h"
#include "session.h"
#include "sql.h"
#include "text.h"
#include "variable.h"

#include <string.h>

static bool list_files(Run *run) {
    return migration_list(run->look, run->config->migrations, &run->files) &&
           repeatable_list(run->look, run->config->scripts, &run->files);
}

/* Reads the folder. What cannot be read is told when it is wanted. */
static void list_ahead(void *with) {
    Run *run = with;
    arena_free(run->look);
    run->look = arena_new();
    run->files_read = list_files(run);
    run->sums_read = false;
    fail_clear();
}

/* What each file is: its checksum. */
static void read_sums(void *with) {
    Run *run = with;
    run->sums_read = true;
    Known *known = known_open(run->look, run->config->folder);
    for (size_t i = 0; i < run->files.count; i++) {
        Migration *m = &run->files.at[i];
        m->checksum = known_checksum(known, m->path);
        if (!m->checksum && migration_read(run->look, m))
            known_note(known, m->path, m->checksum);
    }
    known_close(known);
    fail_clear();
}

bool run_connect(Run *run, SessionDatabase database) {
    run->pg =
        session_open_meanwhile(run->arena, run->config, run->command, database, list_ahead, run);
    return run->pg != NULL;
}

bool run_peek(Run *run) {
    run_connect(run, SESSION_MUST_EXIST);
    bool missing = !run->pg && text_same(failure()->sqlstate, "3D000");
    if (!run->pg && (!missing || run->config->is_protected))
        return false;
    if (missing) {
        log_say("the database does not exist yet; stint up makes it");
        fail_clear();
    }
    return run_look(run);
}

/* A file that may have been edited is judged by more than a brief look shows. */
static bool is_brief_enough(const Run *run) {
    for (size_t i = 0; i < run->files.count; i++) {
        const Migration *m = &run->files.at[i];
        const LedgerRow *row = ledger_row(&run->ledger, m->id);
        if (row && !row->tokens &&
            (m->down_path || row->had_twin || !text_same(m->checksum, row->checksum)))
            return false;
    }
    return true;
}

static bool read_ledger(Run *run) {
    const char *schema = run->config->ledger_schema;
    run->ledger = (Ledger){.schema = schema};
    if (!run->pg)
        return true;
    if (!ledger_read(run->pg, run->look, schema, run->depth, &run->ledger))
        return false;
    return run->depth == LEDGER_WHOLE || is_brief_enough(run) ||
           ledger_read(run->pg, run->look, schema, LEDGER_WHOLE, &run->ledger);
}

bool run_look(Run *run) {
    if (!run->files_read)
        list_ahead(run);
    if (!run->files_read && !list_files(run))
        return false;
    run->files_read = false; /* the next look reads them again */
    run->next = 0;
    run->looks++;
    if (run->pg && !run->sums_read)
        pg_meanwhile(run->pg, read_sums, run);
    const bool ok = read_ledger(run);
    if (ok && !run->sums_read)
        read_sums(run);
    if (!ok || !plan_make(run->look, &run->files, &run->ledger, &run->plan))
        return false;
    scope_read(run);
    if (run->pg && !begun_read(run))
        return false;
    if (!run->plan.due || !run->ledger.version)
        return true;
    if (!ledger_read_failures(run->pg, run->look, &run->ledger))
        return false;
    plan_tell_failures(&run->plan, &run->ledger);
    return true;
}

static void append(Arena *a, Strings *strings, const char *string) {
    size_t n = strings->count, size = sizeof *strings->at;
    if (n == 0 || (n >= 64 && (n & (n - 1)) == 0)) /* room doubles from 64 on */
        strings->at = arena_grow(a, strings->at, n * size, (n ? 2 * n : 64) * size);
    strings->at[strings->count++] = string;
}

void run_note_applied(Run *run, const char *id, long long ms) {
    run->applied++;
    append(run->arena, &run->done, arena_string(run->arena, id));
    append(run->arena, &run->done_ms, arena_format(run->arena, "%lld", ms));
}

static bool write_durations(Run *run) {
    const char *id = arena_format(run->arena, "%lld", run->id);
    const char *sql = ledger_sql(run->arena, run->ledger.schema, SQL_LEDGER_DURATIONS);
    return !run->done.count || pg_do(run->pg, sql,
                                     PG_WITH(backfill_array(run->arena, run->done),
                                             backfill_array(run->arena, run->done_ms), id));
}

/* A run that failed may have changed something too. One that could not look in the beginning keeps
 * nothing: what others did before it would count as its own. */
static bool keep_description(const Run *run) {
    return !run->drift ||
           drift_keep(run->pg, run->arena, catalog_scope(run->config), run->id, run->drift);
}

void run_end(Run *run, const char *outcome) {
    Failure why = fail_kept(run->arena);
    if (run->id && run->pg && pg_state(run->pg) == PG_IDLE) {
        bool cleaned = run_clean(run);
        pg_stoppable(run->pg, false);
        if (!cleaned || !write_durations(run) ||
            !ledger_end_run(run->pg, run->config->ledger_schema, run->id, outcome, run->applied) ||
            !keep_description(run))
            log_warn("%s", failure()->message);
    }
    fail_again(&why);
}

bool run_clean(Run *run) {
    if (!run->used)
        return true;
    pg_stoppable(run->pg, false);
    run->used = !pg_do_all(run->pg, session_clean(run->arena, run->pg));
    pg_stoppable(run->pg, true);
    run->session = (StepSession){0};
    return !run->used;
}

/* Some first migration makes the schema itself. */
static bool makes_schemas(const Run *run) {
    for (size_t i = 0; i < run->files.count; i++)
        if (run->files.at[i].text.at && strcasestr(run->files.at[i].text.at, "create schema"))
            return true;
    return false;
}

bool run_lock(Run *run) {
    const Config *config = run->config;
    PgRows rows;
    if (!run_clean(run) || !lock_take(run->pg, config->ledger_schema, config->run_lock_wait))
        return false;
    run->locked = true;
    if (!run->server_started) {
        if (!pg_row(run->pg, run->arena, &rows, SQL_SESSION_STARTED, PG_NONE))
            return false;
        run->server_started = pg_cell(&rows, 0, 0);
        run->has_event_triggers = pg_true(&rows, 0, 1);
    }
    run->files_read =
        run->look != NULL; /* what another run did is in the ledger, not in our files */
    return protection_look(run->pg, config) && run_look(run);
}

/* What a run needs and a fresh database lacks: the ledger, the schema of its search_path. */
static bool settle(Run *run) {
    const Config *config = run->config;
    if (run->plan.due && !makes_schemas(run) && !session_make_schema(run->pg, run->arena, config))
        return false;
    if (!run->ledger.version && !ledger_prepare(run->pg, config->ledger_schema))
        return false;
    run->ledger.version = LEDGER_VERSION;
    return true;
}

static bool tell_drift(Run *run, const Drift *drift) {
    const size_t count = catalog_wholes(run->arena, &drift->all).count;
    const char *names = drift_names(run->arena, drift), *since = drift_since(run->arena, drift);
    const char *doubt = drift_doubt(run->arena, drift);
    log_warn("%zu object%s changed outside Stint since %s: %s; stint drift shows it, stint drift "
             "--save accepts it",
             count, count == 1 ? "" : "s", since, names);
    if (doubt)
        log_warn("%s", doubt);
    event_tell("drift_found", EVENT_COUNTS("objects", (long long)count), EVENT_SAYS("names", names),
               EVENT_SAYS("since", since));
    return drift_note(run->pg, run->arena, catalog_scope(run->config), run->id, drift);
}

/* What others have changed must not hold up a deploy; nor must that it could not be looked for. */
static bool look_for_drift(Run *run) {
    Drift *drift = arena_take(run->arena, sizeof *drift);
    if (!drift_is_kept(run->config))
        return true;
    if (drift_find(run->pg, run->arena, catalog_scope(run->config), run->id, drift)) {
        run->drift = drift;
        return !drift->all.count || tell_drift(run, drift);
    }
    if (failure()->kind == FAIL_INTERRUPTED || pg_state(run->pg) == PG_LOST)
        return false;
    log_warn("cannot look for what changed outside Stint: %s", failure()->message);
    fail_clear();
    return true;
}

bool run_begin(Run *run) {
    const Config *config = run->config;
    return run->id || (settle(run) && protection_mark(run->pg, config) &&
                       ledger_begin_run(run->pg, config->ledger_schema, run->command,
                                        config->environment, &run->id) &&
                       look_for_drift(run));
}

static bool fill(Run *run, Migration *m) {
    const ConfigPairs *variables = &run->config->variables;
    SqlFile *sql = m->sql;
    return variable_fill(run->look, variables, &sql->up) &&
           (!sql->down || variable_fill(run->look, variables, sql->down));
}

static bool refuse_unwritten(const Migration *m) {
    fail(FAIL_CONFIG, "%s is still empty: write it or delete it", m->path);
    return fail_hint("it holds only what stint new wrote; to apply a file without a statement, "
                     "write a comment of your own instead");
}

Arena *run_file_arena(Run *run) {
    if (!run->file)
        run->file = arena_new();
    arena_reset(run->file);
    return run->file;
}

/* 0 is no limit at all, here and there. */
static bool check_patience(const Run *run, const Migration *m, const SqlHalf *half) {
    const Directives *d = &half->directives;
    Arena *a = run->arena;
    long long most = run->config->lock_timeout_max;
    if (d->lock_timeout < 0 || !most || (d->lock_timeout && d->lock_timeout <= most))
        return true;
    fail(FAIL_CONFIG, "%s: its lock-timeout (%s) is above lock_timeout_max (%s)", m->path,
         d->lock_timeout ? clock_say(a, d->lock_timeout) : "none", clock_say(a, most));
    return fail_hint("let it wait for less: lock_retries tries again; or raise lock_timeout_max "
                     "for this environment in config.ini");
}

bool run_open(Run *run, Migration *m) {
    bool lua = m->kind == MIGRATION_LUA || m->kind == MIGRATION_BACKFILL;
    if (lua && !run->script)
        run->script = hook_world(run->arena, run->config);
    if (lua && !run->script)
        return false;
    if (!migration_open(run->look, m, run->script))
        return false;
    if (m->kind == MIGRATION_SQL && !m->sql->up.statements.count &&
        strstr(m->text.at, MIGRATION_UNWRITTEN))
        return refuse_unwritten(m);
    return lua || (check_patience(run, m, &m->sql->up) &&
                   (!m->sql->down || check_patience(run, m, m->sql->down)) && fill(run, m));
}

void run_close(Run *run) {
    script_close(run->script);
    pg_close(run->pg);
    arena_free(run->look);
    arena_free(run->file);
    run->file = NULL;
    run->script = NULL;
    run->pg = NULL;
    run->look = NULL;
}
