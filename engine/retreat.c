#include "retreat.h"

#include "backfill.h"
#include "clock.h"
#include "event.h"
#include "fail.h"
#include "lexer.h"
#include "log.h"
#include "sql.h"
#include "stop.h"
#include "text.h"
#include "utf8.h"

#include <string.h>

/* Parts of lock_timeout that the tries wait, in percent: bursts of short ones, then the whole. */
static const int ladder[] = {10, 10, 20, 30, 50, 50, 100};
enum {
    RUNGS = sizeof ladder / sizeof *ladder,
    SHORTEST = 50,    /* ms that a try waits at least */
    DRAIN = 5,        /* a pause is this many times the try before it: the queue drains */
    OLD = 1000,       /* a transaction of this age is not about to end by itself */
    LOOK_EVERY = 100, /* at a waiting try */
    LOOK_AGAIN = 250, /* at holders, during a pause */
    SAY_EVERY = 5000,
    DISPLACES = 250, /* beyond deadlock_timeout, autovacuum has given way */
};

/* A query as it may be shown and kept: no literals, no line ends, at most 80 bytes. */
static const char *shape(Arena *a, const char *query) {
    Text out = text_on(a);
    Lexer lexer = lexer_on(query, strlen(query));
    for (Token t = lexer_next(&lexer);
         t.kind != TOKEN_END && t.kind != TOKEN_BAD && out.length < 80; t = lexer_next(&lexer)) {
        if (t.kind == TOKEN_COMMENT)
            continue;
        if (out.length && !strchr(",;.)", query[t.at]) && out.at[out.length - 1] != '.')
            text_add_char(&out, ' ');
        if (t.kind == TOKEN_STRING || t.kind == TOKEN_NUMBER)
            text_add_char(&out, '?');
        else
            text_add_bytes(&out, query + t.at, t.length);
    }
    if (out.length > 80)
        out.at[utf8_cut(out.at, 80)] = 0;
    return out.at;
}

static void keep_blockers(Retreat *r, const PgRows *rows) {
    Text text = text_on(r->arena);
    r->autovacuum = r->wraparound = false;
    for (size_t i = 0; i < rows->count; i++) {
        const char *state = pg_cell(rows, i, 3);
        text_addf(&text, "%spid %s (%s%s%s%s%s, transaction %s old): %s", i ? "; " : "",
                  pg_cell(rows, i, 0), pg_cell(rows, i, 1), *pg_cell(rows, i, 2) ? ", role " : "",
                  pg_cell(rows, i, 2), *state ? ", " : "", state,
                  clock_say(r->arena, pg_integer(rows, i, 4)),
                  shape(r->arena, pg_cell(rows, i, 5)));
        r->autovacuum = r->autovacuum || pg_true(rows, i, 6);
        r->wraparound = r->wraparound || pg_true(rows, i, 7);
    }
    r->blockers = rows->count ? text.at : NULL;
}

static void say_blocked(Retreat *r, const char *what) {
    log_say("%s: %s %s", r->name, what, r->blockers);
    event_tell("blocked", EVENT_SAYS("name", r->name), EVENT_SAYS("by", r->blockers),
               EVENT_COUNTS("tries", r->tries));
}

static void look_at_blockers(Retreat *r, Arena *a, long long since) {
    Failure before = fail_kept(a);
    Pg *witness = pg_witness(r->pg);
    PgRows rows;
    if (!witness || !pg_rows(witness, a, &rows, SQL_RETREAT_BLOCKERS,
                             PG_WITH(arena_format(a, "%d", pg_pid(r->pg))))) {
        fail_again(&before); /* to look is a kindness, not a duty */
        return;
    }
    if (!rows.count)
        return;
    bool news = !r->blockers;
    keep_blockers(r, &rows);
    r->blocked += since < 2 * LOOK_EVERY ? since : LOOK_EVERY;
    if (news)
        say_blocked(r, "waiting for a lock held by");
    long long limit = r->rung ? r->rung : r->timeout;
    if (r->bounded && limit && r->blocked > limit + limit / 2 + LOOK_EVERY && !r->cancelled) {
        r->cancelled = true;
        pg_cancel(r->pg);
    }
}

/* While the session waits: is it for a lock, and whose? Several locks in a row may each take
 * lock_timeout: together they may not. */
static void look(void *with) {
    Retreat *r = with;
    Arena *a = arena_new(); /* a statement may be looked at for hours */
    long long now = clock_ms(), since = now - r->looked;
    r->looked = now;
    look_at_blockers(r, a, since);
    arena_free(a);
}

void retreat_watch(Retreat *r, Arena *a, Pg *pg, const char *name) {
    r->arena = a;
    r->pg = pg;
    r->name = name;
    r->tries = 0;
    r->rung = r->blocked = 0;
    r->blockers = NULL;
    r->cancelled = false;
    r->looked = clock_ms();
    pg_on_wait(pg, (PgWait){LOOK_EVERY, look, r});
}

void retreat_unwatch(Retreat *r) {
    pg_on_wait(r->pg, (PgWait){0});
}

/* The table that a statement locks against readers or writers, or NULL. */
static const char *locked_table(const Statement *s) {
    static const char *const words[] = {
        "ALTER TABLE", "DROP TABLE",     "TRUNCATE", "CREATE INDEX", "DROP INDEX",
        "LOCK",        "CREATE TRIGGER", "REINDEX",  "CLUSTER",      NULL};
    for (const char *const *w = words; *w; w++)
        if (text_starts(s->words, *w))
            return s->table ? s->table : s->object;
    return NULL;
}

static bool is_made_here(const SqlHalf *half, const char *table) {
    for (size_t i = 0; i < half->statements.count; i++) {
        const Statement *s = &half->statements.at[i];
        if (text_starts(s->words, "CREATE TABLE") && text_same_word(s->object, table))
            return true;
    }
    return false;
}

static Strings tables_of(Retreat *r, const SqlHalf *half, const Part *part) {
    Strings tables = {0, arena_take(r->arena, (part->count + 1) * sizeof(char *))};
    for (size_t i = part->first; i < part->first + part->count; i++) {
        const char *table = locked_table(&half->statements.at[i]);
        if (table && !is_made_here(half, table))
            tables.at[tables.count++] = table;
    }
    return tables;
}

/* How many old transactions hold the tables; names them. */
static bool count_holders(Retreat *r, const char *tables, size_t *count) {
    PgRows rows;
    bool ok = pg_rows(r->pg, r->arena, &rows, SQL_RETREAT_HOLDERS,
                      PG_WITH(tables, arena_format(r->arena, "%d", OLD)));
    *count = ok ? rows.count : 0;
    if (ok)
        keep_blockers(r, &rows);
    return ok;
}

bool retreat_cares(Retreat *r, const SqlHalf *half, const Part *part) {
    return r->timeout && tables_of(r, half, part).count;
}

bool retreat_probe(Retreat *r, const SqlHalf *half, const Part *part) {
    Strings tables = tables_of(r, half, part);
    long long until = clock_ms() + r->pause_most, next_word = 0;
    size_t holders = 0;
    if (!tables.count || !r->timeout)
        return true;
    const char *array = backfill_array(r->arena, tables);
    for (;;) {
        long long now = clock_ms();
        if (!count_holders(r, array, &holders))
            return false;
        if (!holders || now >= until)
            break;
        if (stop_asked())
            return stop_failure();
        if (now >= next_word) {
            say_blocked(r, "not queueing for a lock behind");
            next_word = now + SAY_EVERY;
        }
        clock_sleep(LOOK_AGAIN);
    }
    if (!holders) /* else they are who the try will meet */
        r->blockers = NULL;
    return true;
}

void retreat_unbounded(Retreat *r) {
    r->bounded = r->cancelled = false;
}

const char *retreat_setting(Retreat *r, Arena *a) {
    r->bounded = true;
    r->blocked = 0;
    r->cancelled = false;
    r->looked = clock_ms();
    return r->rung ? arena_format(a, "SET LOCAL lock_timeout = '%lldms'", r->rung) : NULL;
}

bool retreat_is_lock(const Retreat *r) {
    const char *state = failure()->sqlstate;
    return text_same(state, "55P03") || text_same(state, "40P01") ||
           (r->cancelled && text_same(state, "57014"));
}

static long long deadlock_timeout(Retreat *r) {
    PgRows rows;
    if (pg_row(r->pg, r->arena, &rows, SQL_RETREAT_DEADLOCK_TIMEOUT, PG_NONE))
        return pg_integer(&rows, 0, 0);
    fail_clear();
    return 1000;
}

/* The next try's lock_timeout: up the ladder; past deadlock_timeout where autovacuum stands in the
 * way, for only then does the server ask it to yield. */
static long long next_rung(Retreat *r) {
    if (r->autovacuum && !r->wraparound && r->tries % 3 == 1)
        return deadlock_timeout(r) + DISPLACES;
    long long rung = r->timeout * ladder[(r->tries - 1) % RUNGS] / 100;
    return rung > SHORTEST ? rung : r->timeout < SHORTEST ? r->timeout : SHORTEST;
}

static bool used_up(Retreat *r, const Failure *why) {
    fail_again(why);
    fail_as(FAIL_TABLE_LOCK);
    if (r->blockers)
        fail_detail("In the way after %ld tries: %s", r->tries, r->blockers);
    else
        fail_detail("Tried %ld times (lock_retries).", r->tries);
    if (r->wraparound)
        fail_hint(
            "that vacuum works against transaction id wraparound and does not yield: let it end");
    return false;
}

bool retreat_again(Retreat *r) {
    Failure why = fail_kept(r->arena);
    if (++r->tries > r->tries_most)
        return used_up(r, &why);
    long long last = r->rung ? r->rung : r->timeout;
    long long pause =
        clock_backoff(DRAIN * last, r->pause_most > DRAIN * last ? r->pause_most : DRAIN * last,
                      (int)(r->tries / RUNGS));
    event_tell("retry", EVENT_SAYS("name", r->name), EVENT_SAYS("error", why.message),
               EVENT_SAYS("by", r->blockers), EVENT_COUNTS("try", r->tries),
               EVENT_COUNTS("pause_ms", pause));
    r->rung = next_rung(r);
    clock_sleep(pause < DRAIN * last ? DRAIN * last : pause);
    r->blockers = NULL;
    fail_clear();
    return stop_asked() ? stop_failure() : true;
}
