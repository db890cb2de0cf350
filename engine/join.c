#include "join.h"

#include "crew.h"
#include "event.h"
#include "fail.h"
#include "reconnect.h"
#include "residue.h"
#include "session.h"
#include "sql.h"
#include "stop.h"
#include "text.h"

#include <string.h>

typedef struct {
    Arena *arena;
    const Config *config;
    const JoinWanted *wanted;
    JoinResult *result;
    Run run;
} Join;

static Migration *file_of(Join *j, const char *id) {
    for (size_t i = 0; i < j->run.files.count; i++)
        if (strcmp(j->run.files.at[i].id, id) == 0)
            return &j->run.files.at[i];
    return NULL;
}

static bool open_file(Join *j, const char *id, Migration **out) {
    *out = file_of(j, id);
    if (!*out) {
        fail(FAIL_LEDGER, "the file of the backfill %s is not in %s", id, j->config->migrations);
        return fail_next("work from a folder that has it");
    }
    return run_open(&j->run, *out);
}

static bool is_other_text(const Migration *m, const Backfill *b) {
    if (strcmp(b->spec, m->tokens) == 0)
        return false;
    fail(FAIL_LEDGER, "%s differs from the text that this backfill runs with", m->path);
    fail_state("nothing was done here");
    fail_next("bring this folder up to date; or let the run go on with the new text: stint resolve "
              "%s --accept-change",
              m->version);
    return true;
}

static void note_done(Join *j, const char *id) {
    Strings *done = &j->result->done;
    size_t size = sizeof *done->at;
    done->at = arena_grow(j->arena, done->at, done->count * size, (done->count + 1) * size);
    done->at[done->count++] = arena_string(j->arena, id);
}

/* A failure of this worker is the backfill's, unless it was stopped or cut off. */
static bool end_with(Join *j, Worker *w, WorkerAnswer answer) {
    if (answer == WORKER_DONE)
        note_done(j, w->migration->id);
    if (answer == WORKER_DONE || answer == WORKER_OVER)
        return true;
    if (answer == WORKER_FAILED && pg_state(w->pg) == PG_IDLE) {
        Failure why = fail_kept(j->arena);
        backfill_set_state(w->pg, j->arena, w->schema, w->backfill, "failed", why.message);
        fail_again(&why);
    }
    return false;
}

static bool work_on(Join *j, const char *id, bool is_up) {
    const Config *config = j->config;
    Migration *m;
    Backfill b;
    if (!open_file(j, id, &m))
        return false;
    if (!backfill_describe(j->run.pg, j->arena, &m->declaration, m->id,
                           is_up ? BACKFILL_UP : BACKFILL_DOWN, &b) ||
        !backfill_find(j->run.pg, j->arena, config->ledger_schema, &b))
        return false;
    if (!b.id || is_other_text(m, &b))
        return !b.id;
    Governor governor;
    if (!governor_of(j->run.pg, j->arena, config->ledger_schema, config, &b, m->name, &governor))
        return false;
    Worker w = worker_of(j->run.pg, j->arena, config->ledger_schema, m, &b, &governor);
    w.until = j->wanted->until;
    w.parent = j->wanted->parent;
    bool asks = !text_same(config_source(config, "lock_timeout"), "default");
    if (!worker_settle(&w, config->statement_timeout, asks ? config->lock_timeout : 0))
        return false;
    event_tell("migration_started", EVENT_SAYS("version", m->version), EVENT_SAYS("name", m->name),
               EVENT_SAYS("kind", "backfill"));
    if (j->wanted->part == JOIN_RESIDUE)
        return end_with(j, &w, residue_work(&w));
    return end_with(
        j, &w, j->wanted->workers > 1 ? crew_run(&w, config, j->wanted->workers) : worker_walk(&w));
}

static bool list(Join *j, Arena *a, PgRows *rows) {
    const char *sql = ledger_sql(a, j->config->ledger_schema, SQL_BACKFILL_AT_WORK);
    if (pg_rows(j->run.pg, a, rows, sql, PG_WITH(j->wanted->name)))
        return true;
    if (!ledger_is_absent(j->run.pg))
        return false;
    fail_clear(); /* no ledger, no backfill */
    *rows = (PgRows){0};
    return true;
}

static bool work(Join *j) {
    PgRows rows;
    if (!list(j, j->arena, &rows))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        if (!work_on(j, pg_cell(&rows, i, 0), pg_true(&rows, i, 3)))
            return false;
        j->result->joined++;
    }
    return true;
}

static bool connect(Join *j) {
    j->run.pg = session_open(j->arena, j->config, "work", SESSION_MUST_EXIST);
    return j->run.pg != NULL;
}

bool join_work(Arena *a, const Config *config, const JoinWanted *wanted, JoinResult *out) {
    Join j = {.arena = a, .config = config, .wanted = wanted, .result = out};
    j.run = (Run){.arena = a, .look = arena_new(), .config = config, .command = "work"};
    *out = (JoinResult){0};
    bool ok = migration_list(j.run.look, config->migrations, &j.run.files) && connect(&j);
    while (ok && !work(&j))
        ok = pg_state(j.run.pg) == PG_LOST && !stop_asked() && reconnect_session(&j.run);
    run_close(&j.run);
    return ok;
}
