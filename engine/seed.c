#include "seed.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "gate.h"
#include "log.h"
#include "loss.h"
#include "message.h"
#include "protection.h"
#include "run.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <string.h>

typedef struct {
    Run run;
    Migration file;
    const char *before; /* when it was run here, where it runs once */
    long done;          /* statements of it that are committed */
    FailPlace place;
} Seed;

static bool find_file(Seed *seed) {
    Run *run = &seed->run;
    Arena *a = run->arena;
    const char *environment = run->config->environment;
    const char *stem = file_join(a, run->config->scripts, arena_format(a, "seeds/%s", environment));
    const char *sql = arena_format(a, "%s.sql", stem), *lua = arena_format(a, "%s.lua", stem);
    bool has_sql = file_exists(sql), has_lua = file_exists(lua);
    if (!has_sql && !has_lua) {
        fail(FAIL_ERROR, "there is no seed for %s", environment);
        return fail_hint("it would be %s (or .lua)", sql);
    }
    if (has_sql && has_lua)
        return fail(FAIL_CONFIG, "there are two seeds for %s: %s and %s", environment, sql, lua);
    const char *id = arena_format(a, "seed/%s", environment);
    seed->file = (Migration){.id = id,
                             .version = id,
                             .name = id,
                             .path = has_sql ? sql : lua,
                             .kind = has_sql ? MIGRATION_SQL : MIGRATION_LUA};
    return true;
}

static bool open_file(Seed *seed) {
    Migration *m = &seed->file;
    if (!run_open(&seed->run, m))
        return fail_state("nothing was run");
    if (m->kind == MIGRATION_BACKFILL)
        return fail(FAIL_CONFIG, "%s:%d: a seed declares migration {...}, not backfill {...}",
                    m->path, m->declaration.line);
    if (m->kind == MIGRATION_SQL && m->sql->down)
        return fail(FAIL_CONFIG, "%s: a seed has no way down", m->path);
    return true;
}

static bool refuse_edited(const Seed *seed, const char *at, const char *who) {
    fail(FAIL_LEDGER, "%s was edited after it was run here (at %s by %s)", seed->file.path, at,
         who);
    fail_hint("a seed runs once in a protected environment");
    fail_state("nothing was run");
    return fail_next("undo the edit; what is new in it belongs into a migration");
}

/* Where a seed runs once: has it? */
static bool look_back(Seed *seed) {
    Run *run = &seed->run;
    PgRows rows;
    if (!protection_of(run->config) || !run->ledger.version)
        return true;
    if (!pg_rows(run->pg, run->arena, &rows,
                 ledger_sql(run->arena, run->config->ledger_schema, SQL_SEED_LAST),
                 PG_WITH(seed->file.id)))
        return fail_in("cannot read the ledger");
    if (!rows.count)
        return true;
    if (!text_same(pg_cell(&rows, 0, 2), seed->file.tokens))
        return refuse_edited(seed, pg_cell(&rows, 0, 0), pg_cell(&rows, 0, 1));
    seed->before = pg_cell(&rows, 0, 0);
    return true;
}

static const char *event_sql(Seed *seed, const char *ms) {
    Run *run = &seed->run;
    const Migration *m = &seed->file;
    return ledger_inline(run->pg, run->arena, run->config->ledger_schema, SQL_SEED_EVENT,
                         PG_WITH(arena_format(run->arena, "%lld", run->id), m->id, ledger_who(),
                                 m->checksum, m->tokens, ms));
}

static bool send(Seed *seed, const Message *message) {
    size_t completed, statement;
    Pg *pg = seed->run.pg;
    if (pg_message(pg, message->text.at, message_copies(message), &completed))
        return true;
    if (!pg_error(pg)->lost && message_where(message, completed, pg_error(pg)->position, &statement,
                                             &seed->place) == MESSAGE_STATEMENT)
        fail_at(seed->place);
    pg_roll_back(pg);
    return false;
}

static bool send_whole(Seed *seed) {
    const SqlHalf *half = &seed->file.sql->up;
    Message message = message_on(seed->run.arena, half, seed->file.name);
    message_add(&message, "BEGIN", 1);
    for (size_t i = 0; i < half->statements.count; i++)
        message_add_statement(&message, i);
    message_add(&message, session_own_role(seed->run.arena, seed->run.pg), 2);
    message_add(&message, event_sql(seed, NULL), 1);
    message_add(&message, "COMMIT", 1);
    return send(seed, &message);
}

static bool write_event(Seed *seed, long long start) {
    const char *ms = arena_format(seed->run.arena, "%lld", clock_ms() - start);
    return run_clean(&seed->run) && pg_do_all(seed->run.pg, event_sql(seed, ms));
}

/* The file's own borders, as psql would send it. */
static bool send_parts(Seed *seed) {
    const SqlHalf *half = &seed->file.sql->up;
    long long start = clock_ms();
    for (size_t p = 0; p < half->parts.count; p++) {
        const Part *part = &half->parts.at[p];
        Message message = message_on(seed->run.arena, half, seed->file.name);
        if (stop_asked())
            return stop_failure();
        for (size_t i = part->first; i < part->first + part->count; i++)
            message_add_statement(&message, i);
        if (!send(seed, &message))
            return false;
        seed->done = (long)(part->first + part->count);
    }
    return write_event(seed, start);
}

static bool call_lua(Seed *seed) {
    Pg *pg = seed->run.pg;
    const Declaration *d = &seed->file.declaration;
    long long start = clock_ms();
    if (!script_flag(d, "transaction", true))
        return script_call(d, "up", pg) && write_event(seed, start);
    Message closing = message_on(seed->run.arena, NULL, seed->file.name);
    message_add(&closing, session_own_role(seed->run.arena, seed->run.pg), 2);
    message_add(&closing, event_sql(seed, NULL), 1);
    message_add(&closing, "COMMIT", 1);
    bool ok = pg_do(pg, "BEGIN", PG_NONE) && script_call(d, "up", pg) && send(seed, &closing);
    if (!ok)
        pg_roll_back(pg);
    return ok;
}

static bool run_file(Seed *seed) {
    const Migration *m = &seed->file;
    seed->run.used = true;
    if (m->kind == MIGRATION_LUA)
        return call_lua(seed);
    const Parts *parts = &m->sql->up.parts;
    bool whole = parts->count == 1 && parts->at[0].kind == PART_TRANSACTION &&
                 !m->sql->up.directives.no_transaction;
    return whole || !parts->count ? send_whole(seed) : send_parts(seed);
}

/* The attempt is written after the rollback, or it would go with it. */
static bool explain(Seed *seed) {
    Run *run = &seed->run;
    const Migration *m = &seed->file;
    Failure why = fail_kept(run->arena);
    bool in_parts = seed->done || (m->kind == MIGRATION_LUA &&
                                   !script_flag(&m->declaration, "transaction", true));
    if (pg_state(run->pg) == PG_LOST) {
        fail_again(&why);
        fail_state("whether it was committed is not known: the connection was lost");
        return fail_next("look, then: stint seed");
    }
    pg_stoppable(run->pg, false);
    if (!run_clean(run) || !ledger_event(run->pg, run->config->ledger_schema, run->id, m->id,
                                         "seed_failed", why.message, NULL))
        log_warn("the attempt could not be written to the ledger: %s", failure()->message);
    pg_stoppable(run->pg, true);
    fail_again(&why);
    if (why.kind == FAIL_ERROR)
        fail_as(in_parts ? FAIL_PARTIAL : FAIL_MIGRATION);
    fail_in("%s", m->name);
    if (!in_parts)
        fail_state("rolled back: nothing of it is left");
    else if (m->kind == MIGRATION_SQL)
        fail_state("%ld of %zu statements are done, the rest is not", seed->done,
                   m->sql->up.statements.count);
    else
        fail_state("nobody knows how far it came");
    return fail_next(in_parts ? "mend it, then: stint seed begins with its first statement again"
                              : "mend it, then: stint seed");
}

static void say_pending(const Run *run) {
    if (run->plan.due)
        log_say("%zu migration%s pending: stint up", run->plan.due,
                run->plan.due == 1 ? " is" : "s are");
}

static void tell_started(const Seed *seed) {
    const Run *run = &seed->run;
    const Migration *m = &seed->file;
    event_tell("run_started", EVENT_SAYS("command", "seed"),
               EVENT_SAYS("environment", run->config->environment),
               EVENT_SAYS("database", pg_database(run->pg)));
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", "seed"));
}

static bool go(Seed *seed, const Consent *consent) {
    Run *run = &seed->run;
    Strings losses = {0, NULL};
    if (!run_connect(run, SESSION_MUST_EXIST) || !run_lock(run) || !open_file(seed) ||
        !look_back(seed) || seed->before)
        return seed->before != NULL;
    if (seed->file.kind == MIGRATION_SQL)
        losses = loss_of(run->arena, &seed->file.sql->up);
    if (!consent_given(run->arena, run->config, consent, "a seed", losses, "stint seed"))
        return false;
    const GateWanted gates = {
        .command = "seed",
        .of = {.arena = run->arena, .config = run->config, .pg = run->pg, .ledger = &run->ledger},
        .override = consent->override,
        .reason = consent->reason};
    if (!gate_pass(&gates, run->id))
        return false;
    say_pending(run);
    tell_started(seed);
    return run_begin(run) && (run_file(seed) || explain(seed));
}

bool seed_run(Arena *a, const Config *config, const Consent *consent) {
    Seed seed = {.run = {.arena = a, .config = config, .command = "seed"}};
    long long start = clock_ms();
    bool ok = find_file(&seed) && go(&seed, consent);
    run_end(&seed.run, ok ? "ok" : "failed");
    if (ok)
        event_tell("run_finished", EVENT_SAYS("command", "seed"),
                   EVENT_SAYS("seed", seed.file.path), EVENT_SAYS("seeded_at", seed.before),
                   EVENT_SAYS("checksum", seed.file.checksum),
                   EVENT_COUNTS("duration_ms", clock_ms() - start));
    else
        event_tell("run_failed", EVENT_SAYS("command", "seed"),
                   EVENT_SAYS("error", failure()->message));
    run_close(&seed.run);
    return ok;
}
