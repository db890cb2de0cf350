#include "governor.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "ledger.h"
#include "log.h"
#include "setting.h"
#include "sql.h"
#include "text.h"
#include "verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ms */
enum {
    LOOK_EVERY = 1000,
    LOOK_CLOSE = 250,
    LOOK_EACH = 1, /* with each batch */
    LONGEST_PAUSE = 3600000,
    NAP = 250,
    SHORT_NAP = 20,
    TELL_EVERY = 30000,
    TICK = 100,
    LONG_BATCH = 600,
};
enum { COLUMNS = 13 };

/* throttle = { replica_lag = "5s" }: read as config.ini's are; false is no limit. */
static bool read_limits(Governor *g) {
    const Declaration *d = g->backfill->declaration;
    Pairs own = script_pairs(g->arena, d, "throttle");
    for (size_t i = 0; i < own.count; i++) {
        const char *value = text_same(own.value[i], "false") ? "0" : own.value[i];
        if (!setting_store(g->arena, setting_find(own.name[i]), value, &g->limits))
            return script_at(d);
    }
    return true;
}

bool governor_of(Pg *pg, Arena *a, const char *schema, const Config *config, const Backfill *b,
                 const char *name, Governor *out) {
    *out = (Governor){.pg = pg,
                      .arena = a,
                      .schema = schema,
                      .name = name,
                      .backfill = b,
                      .limits = *config,
                      .health = {.pg = pg, .schema = schema, .arena = a}};
    return read_limits(out) && hours_read(pg, a, b->declaration, &out->hours);
}

/* What the ledger says of it, and whether this look is ours. */
typedef struct {
    Arena *arena;
    bool is_mine;
    const char *desired, *held_by;
    double now;
    Verdict verdict;
    HealthState state[HEALTH_SIGNALS], before[HEALTH_SIGNALS];
    long long next;     /* ms until the next look */
    const char *closes; /* the window, or NULL */
} Look;

static double number(const PgRows *rows, size_t row, int column) {
    return pg_cell(rows, row, column) ? strtod(pg_cell(rows, row, column), NULL) : 0;
}

static bool take(Governor *g, Look *look) {
    PgRows rows;
    long long before = clock_us();
    if (!pg_rows(g->pg, look->arena, &rows, ledger_sql(look->arena, g->schema, SQL_GOVERNOR_TAKE),
                 PG_WITH(arena_format(look->arena, "%lld", g->backfill->id))))
        return false;
    g->commit = (double)(clock_us() - before) / 1e6;
    if (!rows.count)
        return true; /* the next batch says so */
    look->is_mine = pg_true(&rows, 0, 0);
    look->desired = pg_cell(&rows, 0, 1);
    look->held_by = pg_cell(&rows, 0, 2);
    look->now = number(&rows, 0, 4);
    look->verdict = (Verdict){.budget = number(&rows, 0, 3),
                              .calm = (int)pg_integer(&rows, 0, 5),
                              .rest = (int)pg_integer(&rows, 0, 6),
                              .is_held = pg_true(&rows, 0, 7)};
    return true;
}

static bool recall(Governor *g, Look *look) {
    PgRows rows;
    if (!pg_rows(g->pg, look->arena, &rows, ledger_sql(look->arena, g->schema, SQL_GOVERNOR_MEMORY),
                 PG_WITH(arena_format(look->arena, "%lld", g->backfill->id))))
        return false;
    for (size_t i = 0; i < rows.count; i++) {
        HealthSignal signal;
        if (health_find(pg_cell(&rows, i, 0), &signal))
            look->state[signal] = (HealthState){.value = number(&rows, i, 1),
                                                .load = number(&rows, i, 2),
                                                .was_seen = pg_true(&rows, i, 3),
                                                .most = number(&rows, i, 4),
                                                .usual = number(&rows, i, 5),
                                                .looks = number(&rows, i, 6),
                                                .counter = number(&rows, i, 7),
                                                .at = number(&rows, i, 8),
                                                .since = number(&rows, i, 9),
                                                .mark = pg_cell(&rows, i, 10)};
    }
    return true;
}

/* Said once: it is not zero, it is unknown. */
static void tell_blind(Governor *g, const Look *look) {
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        const HealthState *s = &look->state[i];
        if (g->told_blind[i] || !verdict_is_blind((HealthSignal)i, &g->limits, s))
            continue;
        g->told_blind[i] = true;
        log_say("%s: %s cannot be seen here: %s", g->name, health_name((HealthSignal)i),
                s->about ? s->about
                         : arena_format(look->arena, "GRANT pg_read_all_stats TO %s would show it",
                                        pg_user(g->pg)));
    }
}

static const char *held_by_hours(const Governor *g, Look *look, bool *ok) {
    bool is_open = true;
    *ok = !g->hours.from || hours_ask(g->pg, look->arena, &g->hours, &is_open, &look->closes);
    if (!*ok || is_open)
        return NULL;
    look->closes = NULL;
    return arena_format(look->arena, "window: opens at %s %s", g->hours.from, g->hours.zone);
}

static const char *held_by_function(const Governor *g, Look *look) {
    ScriptPause pause = {0};
    const Declaration *d = g->backfill->declaration;
    const char *names[HEALTH_SIGNALS];
    double values[HEALTH_SIGNALS];
    if (!script_is_function(d, "throttle"))
        return NULL;
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        names[i] = health_name((HealthSignal)i);
        values[i] = look->state[i].is_there ? look->state[i].value : NAN;
    }
    pause = (ScriptPause){.count = HEALTH_SIGNALS, .name = names, .value = values};
    if (!script_pause(look->arena, d, "throttle", &pause)) {
        const char *why = arena_format(look->arena, "throttle: %s", failure()->message);
        fail_clear();
        return why;
    }
    if (pause.ms <= 0)
        return NULL;
    look->next = pause.ms < LONGEST_PAUSE ? pause.ms : LONGEST_PAUSE;
    return pause.reason ? arena_format(look->arena, "throttle: %s", pause.reason) : "throttle";
}

static bool measure(Governor *g, Look *look) {
    g->health.backfill = g->backfill->id;
    if (!health_measure(&g->health, look->arena, look->now, look->state, look->before))
        return false;
    health_note(&look->state[HEALTH_COMMIT_LATENCY], g->commit, NULL);
    if (g->waiters > 0)
        health_note(&look->state[HEALTH_LOCK_WAITERS], g->waiters, g->waiter);
    g->waiters = 0;
    tell_blind(g, look);
    return true;
}

/* A batch may be a standby's work for long, and it is too late to see that when more have come. */
static long long until_next(const Look *look) {
    const HealthState *lag = &look->state[HEALTH_REPLICA_LAG];
    if (look->verdict.is_held)
        return LOOK_CLOSE;
    if (lag->limit > 0 && !isnan(lag->value))
        return LOOK_EACH;
    return look->verdict.is_close ? LOOK_CLOSE : LOOK_EVERY;
}

/* People first, then the clock on the wall, the limits, the team's function. */
static bool judge(Governor *g, Look *look) {
    Verdict *v = &look->verdict;
    bool ok = true;
    verdict_reach(look->arena, &g->limits, look->state, look->before, v);
    look->next = until_next(look);
    const char *window = held_by_hours(g, look, &ok);
    if (!ok)
        return false;
    if (text_same(look->desired, "pause")) {
        look->held_by = "paused";
        look->next = LOOK_CLOSE;
        return true;
    }
    look->held_by = window ? window : v->reason ? v->reason : held_by_function(g, look);
    return true;
}

static const char *text_of(Arena *a, double value) {
    return isnan(value) ? NULL : isinf(value) ? "Infinity" : arena_format(a, "%.17g", value);
}

static bool write_down(Governor *g, Look *look) {
    Arena *a = look->arena;
    const Verdict *v = &look->verdict;
    Strings column[COLUMNS];
    const char *array[COLUMNS];
    for (int c = 0; c < COLUMNS; c++)
        column[c] = (Strings){HEALTH_SIGNALS, arena_take(a, HEALTH_SIGNALS * sizeof(char *))};
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        const HealthState *s = &look->state[i];
        const char *cells[COLUMNS] = {health_name((HealthSignal)i),
                                      s->is_there ? text_of(a, s->value) : NULL,
                                      text_of(a, s->limit),
                                      text_of(a, s->load),
                                      s->was_seen ? "t" : "f",
                                      text_of(a, s->most),
                                      text_of(a, s->usual),
                                      text_of(a, s->looks),
                                      text_of(a, s->counter),
                                      text_of(a, s->at),
                                      text_of(a, s->since),
                                      s->mark,
                                      s->about};
        for (int c = 0; c < COLUMNS; c++)
            column[c].at[i] = cells[c];
    }
    for (int c = 0; c < COLUMNS; c++)
        array[c] = backfill_array(a, column[c]);
    return pg_do(g->pg, ledger_sql(a, g->schema, SQL_GOVERNOR_JUDGE),
                 PG_WITH(arena_format(a, "%lld", g->backfill->id), look->held_by,
                         text_of(a, v->budget), arena_format(a, "%lld", look->next), look->closes,
                         arena_format(a, "%d", v->calm), arena_format(a, "%d", v->rest),
                         v->is_held ? "t" : "f", array[0], array[1], array[2], array[3], array[4],
                         array[5], array[6], array[7], array[8], array[9], array[10], array[11],
                         array[12], v->slow));
}

static bool look_now(Governor *g, Look *look) {
    if (!take(g, look))
        return false;
    if (look->is_mine &&
        (!recall(g, look) || !measure(g, look) || !judge(g, look) || !write_down(g, look)))
        return false;
    const char *why = text_same(look->desired, "pause") ? "paused" : look->held_by;
    snprintf(g->reason, sizeof g->reason, "%s", why ? why : "");
    return true;
}

/* What only came at a bad moment: the verdict that there is holds until it is too old. */
static bool is_passing(const Pg *pg) {
    static const char *const states[] = {"55P03", "57014", "40P01", "40001",
                                         "53100", "53200", "53300", NULL};
    for (const char *const *s = states; *s; s++)
        if (pg_failed_with(pg, *s))
            return true;
    return false;
}

bool governor_look(Governor *g) {
    Arena *a = arena_new();
    Look *look = arena_take(a, sizeof *look);
    *look = (Look){.arena = a};
    bool ok = look_now(g, look);
    arena_free(a);
    if (ok || pg_state(g->pg) == PG_LOST || !is_passing(g->pg))
        return ok;
    fail_clear();
    return true;
}

bool governor_forget(Governor *g) {
    return pg_do(g->pg, ledger_sql(g->arena, g->schema, SQL_GOVERNOR_FORGET),
                 PG_WITH(g->backfill->migration));
}

void governor_tell(Governor *g, const char *why) {
    long long now = clock_ms();
    size_t signal = why ? strcspn(why, ":") : 0;
    bool same = why && strncmp(why, g->told, signal) == 0 && strcspn(g->told, ":") == signal;
    if (!why)
        *g->told = '\0';
    if (!why || (same && now - g->told_at < TELL_EVERY))
        return;
    g->told_at = now;
    snprintf(g->told, sizeof g->told, "%s", why);
    event_tell("throttled", EVENT_SAYS("name", g->name), EVENT_SAYS("throttled_by", why));
}

bool governor_hold(Governor *g) {
    long long since = clock_ms();
    if (!governor_look(g))
        return false;
    governor_tell(g, *g->reason ? g->reason : NULL);
    if (*g->reason)
        clock_sleep(NAP);
    else if (clock_ms() - since < SHORT_NAP) /* another one looks */
        clock_sleep(SHORT_NAP);
    g->held += *g->reason ? clock_ms() - since : 0;
    return true;
}

/* Who waits for a batch of ours is seen while it runs. To look is a kindness: what fails is
 * forgotten. */
static void tick(void *with) {
    Governor *g = with;
    if (g->before.tick)
        g->before.tick(g->before.with);
    if (g->limits.lock_waiters <= 0 || clock_ms() - g->began < LONG_BATCH)
        return;
    Arena *a = arena_new();
    Failure kept = fail_kept(a);
    Pg *witness = pg_witness(g->pg);
    const char *who;
    double waiters = witness ? health_waiters(&g->health, a, witness, &who) : -1;
    if (waiters > g->waiters) {
        g->waiters = waiters;
        snprintf(g->waiter, sizeof g->waiter, "%s", who);
    }
    fail_again(&kept);
    arena_free(a);
}

void governor_watch(Governor *g) {
    g->health.backfill = g->backfill->id;
    g->began = clock_ms();
    g->before = pg_on_wait(g->pg, (PgWait){TICK, tick, g});
}

void governor_unwatch(Governor *g) {
    pg_on_wait(g->pg, g->before);
}

void governor_before(Governor *g) {
    g->began = clock_ms();
}
