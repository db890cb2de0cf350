#include "lock.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "sql.h"
#include "stop.h"

enum { POLL_FIRST = 50, POLL_MOST = 1000, SAY_EVERY = 5000 };

static LockAnswer ask(Pg *pg, const char *sql, const char *schema) {
    Arena *a = arena_new();
    PgRows rows;
    LockAnswer answer = LOCK_FAILED;
    if (pg_row(pg, a, &rows, sql, PG_WITH(schema)))
        answer = pg_true(&rows, 0, 0) ? LOCK_TAKEN : LOCK_BUSY;
    arena_free(a);
    return answer;
}

LockAnswer lock_check(Pg *pg, const char *schema) {
    return ask(pg, SQL_LOCK_IS_OURS, schema);
}

void lock_release(Pg *pg, const char *schema) {
    /* the end of the session would do it too: a failure here is none */
    if (ask(pg, SQL_LOCK_RELEASE, schema) == LOCK_FAILED)
        fail_clear();
}

bool lock_holder(Pg *pg, Arena *a, const char *schema, LockHolder *out) {
    PgRows rows;
    *out = (LockHolder){0};
    if (!pg_rows(pg, a, &rows, SQL_LOCK_HOLDER, PG_WITH(schema)))
        return false;
    if (!rows.count)
        return true;
    const char *state = pg_cell(&rows, 0, 6), *query = pg_cell(&rows, 0, 8);
    *out = (LockHolder){.pid = (int)pg_integer(&rows, 0, 0),
                        .program = pg_cell(&rows, 0, 1),
                        .role = pg_cell(&rows, 0, 2),
                        .from = pg_cell(&rows, 0, 3),
                        .since = pg_cell(&rows, 0, 4),
                        .seconds = pg_integer(&rows, 0, 5),
                        .query = query ? query : ""};
    out->text = arena_format(a, "pid %d (%s, role %s; more is not visible to this role)", out->pid,
                             out->program, out->role ? out->role : "unknown");
    if (out->since)
        out->text = arena_format(a, "pid %d (%s, role %s from %s, since %s, %s for %s)", out->pid,
                                 out->program, out->role, out->from, out->since,
                                 state ? state : "?", clock_say(a, 1000 * pg_integer(&rows, 0, 7)));
    return true;
}

bool lock_end_holder(Pg *pg, const LockHolder *holder) {
    Arena *a = arena_new();
    PgRows rows;
    bool ok =
        pg_row(pg, a, &rows, SQL_LOCK_END_HOLDER, PG_WITH(arena_format(a, "%d", holder->pid)));
    arena_free(a);
    return ok;
}

static void say_who(const LockHolder *holder) {
    log_say("waiting for the run lock, held by %s", holder->pid ? holder->text : "nobody now");
    event_tell("blocked", EVENT_SAYS("by", holder->text), EVENT_COUNTS("pid", holder->pid),
               EVENT_SAYS("on", "run lock"));
}

static bool busy(Pg *pg, const char *schema, long long wait) {
    Arena *a = arena_new();
    LockHolder holder;
    if (lock_holder(pg, a, schema, &holder)) {
        const char *who = holder.pid ? holder.text : "a run that has just ended";
        fail(FAIL_RUN_LOCK, "another run is at work: the run lock is held by %s", who);
        fail_detail("waited %s for it (run_lock_wait)", clock_say(a, wait));
        fail_next("stint lock show, and if that session is dead: stint lock release");
    }
    arena_free(a);
    return false;
}

bool lock_take(Pg *pg, const char *schema, long long wait) {
    long long start = clock_ms(), next_word = start;
    for (int n = 0;; n++) {
        LockAnswer answer = ask(pg, SQL_LOCK_TRY, schema);
        long long now = clock_ms();
        if (answer != LOCK_BUSY)
            return answer == LOCK_TAKEN;
        if (stop_asked())
            return stop_failure();
        if (now - start >= wait)
            return busy(pg, schema, wait);
        if (now >= next_word) {
            Arena *a = arena_new();
            LockHolder holder;
            if (lock_holder(pg, a, schema, &holder))
                say_who(&holder);
            arena_free(a);
            next_word = now + SAY_EVERY;
        }
        long long left = start + wait - now, sleep = clock_backoff(POLL_FIRST, POLL_MOST, n);
        clock_sleep(sleep < left ? sleep : left);
    }
}
