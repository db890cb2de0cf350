#include "health.h"

#include "clock.h"
#include "fail.h"
#include "ledger.h"
#include "sql.h"
#include "text.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum { TIME, BYTES, COUNT, PERCENT, FLAG } Unit;
typedef enum {
    GAUGE,
    RATE,   /* a counter: how much a second, smoothed over one */
    SHARE,  /* a counter of hundredths of seconds: the same, where its span is not 0 */
    LATELY, /* a counter: how much within its span */
} Kind;
typedef enum { HARD, SOFT } Weight;

static const double MUCH_TO_REPLAY = 1 << 20; /* bytes */
static const double FURTHEST = 10, ALL = 100;

/* What grows with the hour has its limit at so many times the usual, where that is more. */
static const struct {
    const char *name;
    const char *sql, *sql_before_17; /* NULL: the server cannot tell; the same */
    Unit unit;
    Kind kind;
    Weight weight;
    bool is_quick;
    double times_usual;
    size_t limit; /* in Config */
} signals[HEALTH_SIGNALS] = {
#define LIMIT(key) offsetof(Config, key)
    [HEALTH_REPLICA_LAG] = {"replica_lag", SQL_HEALTH_REPLICA_LAG, NULL, TIME, GAUGE, HARD, true, 0,
                            LIMIT(replica_lag)},
    [HEALTH_REPLICA_LAG_BYTES] = {"replica_lag_bytes", SQL_HEALTH_REPLICA_LAG_BYTES, NULL, BYTES,
                                  GAUGE, HARD, true, 0, LIMIT(replica_lag_bytes)},
    [HEALTH_SLOT_WAL] = {"slot_wal", SQL_HEALTH_SLOT_WAL, NULL, BYTES, GAUGE, HARD, false, 0,
                         LIMIT(slot_wal)},
    [HEALTH_ARCHIVE_BACKLOG] = {"archive_backlog", SQL_HEALTH_ARCHIVE_BACKLOG, NULL, BYTES, GAUGE,
                                HARD, false, 0, LIMIT(archive_backlog)},
    [HEALTH_LOCK_WAITERS] = {"lock_waiters", SQL_HEALTH_LOCK_WAITERS, NULL, COUNT, GAUGE, HARD,
                             true, 0, LIMIT(lock_waiters)},
    [HEALTH_ACTIVE_OTHERS] = {"active_others", SQL_HEALTH_ACTIVE_OTHERS, NULL, COUNT, GAUGE, SOFT,
                              false, 1.5, LIMIT(active_others)},
    [HEALTH_CPU_PRESSURE] = {"cpu_pressure", SQL_HEALTH_CPU_PRESSURE, NULL, PERCENT, SHARE, SOFT,
                             true, 0, LIMIT(cpu_pressure)},
    [HEALTH_COMMIT_LATENCY] = {"commit_latency", NULL, NULL, TIME, GAUGE, SOFT, false, 5,
                               LIMIT(commit_latency)},
    [HEALTH_REQUESTED_CHECKPOINTS] = {"requested_checkpoints", SQL_HEALTH_REQUESTED_CHECKPOINTS,
                                      SQL_HEALTH_REQUESTED_CHECKPOINTS_BEFORE_17, COUNT, LATELY,
                                      SOFT, false, 0, LIMIT(requested_checkpoints)},
    [HEALTH_DEAD_TUPLES] = {"dead_tuples", SQL_HEALTH_DEAD_TUPLES, NULL, COUNT, GAUGE, HARD, false,
                            0, LIMIT(dead_tuples)},
    [HEALTH_HORIZON_HELD] = {"horizon_held", SQL_HEALTH_HORIZON_HELD, NULL, TIME, GAUGE, HARD,
                             false, 0, LIMIT(horizon_held)},
    [HEALTH_WRAPAROUND_VACUUM] = {"wraparound_vacuum", SQL_HEALTH_WRAPAROUND_VACUUM, NULL, FLAG,
                                  GAUGE, HARD, false, 0, LIMIT(wraparound_vacuum)},
    [HEALTH_WAL_RATE] = {"wal_rate", SQL_HEALTH_WAL_RATE, NULL, BYTES, RATE, HARD, true, 0,
                         LIMIT(wal_rate)},
#undef LIMIT
};

const char *health_name(HealthSignal signal) {
    return signals[signal].name;
}

bool health_find(const char *name, HealthSignal *out) {
    for (int i = 0; i < HEALTH_SIGNALS; i++)
        if (text_same(signals[i].name, name)) {
            *out = (HealthSignal)i;
            return true;
        }
    return false;
}

double health_limit(HealthSignal signal, const Config *limits) {
    const char *field = (const char *)limits + signals[signal].limit;
    long long number;
    bool flag;
    if (signals[signal].unit == FLAG) {
        memcpy(&flag, field, sizeof flag);
        return flag ? 1 : 0;
    }
    memcpy(&number, field, sizeof number);
    return signals[signal].unit == TIME ? (double)number / 1000 : (double)number;
}

bool health_is_soft(HealthSignal signal) {
    return signals[signal].weight == SOFT;
}

bool health_is_quick(HealthSignal signal) {
    return signals[signal].is_quick;
}

double health_times_usual(HealthSignal signal) {
    return signals[signal].times_usual;
}

const char *health_say(Arena *a, HealthSignal signal, double value) {
    const char *a_second = signals[signal].kind == RATE ? "/s" : "";
    if (isinf(value))
        return "too much";
    if (signals[signal].unit == TIME)
        return clock_say(a, (long long)(value * 1000));
    if (signals[signal].unit == PERCENT)
        return arena_format(a, "%.0f%%", value);
    if (signals[signal].unit != BYTES)
        return arena_format(a, "%.3g", value);
    return arena_format(a, "%s%s", text_size(a, value), a_second);
}

static const char *sql_of(const Health *h, HealthSignal signal) {
    bool old = pg_version(h->pg) < 170000 && signals[signal].sql_before_17;
    return old ? signals[signal].sql_before_17 : signals[signal].sql;
}

static const char *filled(const Health *h, Arena *a, Pg *pg, const char *sql) {
    return ledger_inline(
        pg, a, h->schema, sql,
        PG_WITH(arena_format(a, "%lld", h->backfill), arena_format(a, "%d", pg_pid(h->pg))));
}

/* A second row of a signal counts where it is worse. `now` less the time that its mark was first
 * seen is a value as well. */
static void read_row(HealthState *s, const HealthState *before, Kind kind, const PgRows *rows,
                     size_t row, double now) {
    double value = pg_cell(rows, row, 1) ? strtod(pg_cell(rows, row, 1), NULL) : NAN;
    double span = pg_cell(rows, row, 3) ? strtod(pg_cell(rows, row, 3), NULL) : 0;
    const char *mark = pg_cell(rows, row, 4);
    s->is_there = true;
    s->things = strtod(pg_cell(rows, row, 2), NULL);
    if (mark) {
        s->mark = mark;
        s->since = text_same(mark, before->mark) ? before->since : now;
        value = now - s->since;
    }
    if (kind != GAUGE && !isnan(value)) {
        double step = now - before->at, fresh = value - before->counter;
        bool known = before->at > 0 && step > 0 && fresh >= 0;
        double rate = kind == SHARE ? span * fmin(fresh / step, ALL) : fresh / step;
        s->counter = value;
        s->at = now;
        if (kind == LATELY)
            value = known ? before->value * exp(-step / span) + fresh : 0;
        else
            value = known ? before->value + (rate - before->value) * (1 - exp(-step)) : 0;
    }
    if (isnan(s->value) || value > s->value || !pg_cell(rows, row, 1)) {
        s->value = value;
        s->about = pg_cell(rows, row, 5);
    }
}

static void read(const PgRows *rows, double now, HealthState *state, const HealthState *before) {
    for (size_t row = 0; row < rows->count; row++) {
        HealthSignal signal;
        if (health_find(pg_cell(rows, row, 0), &signal))
            read_row(&state[signal], &before[signal], signals[signal].kind, rows, row, now);
    }
}

/* All that the server has not refused, in one statement; or one alone. */
static bool ask(Health *h, Arena *a, int only, PgRows *out) {
    Text text = text_on(a);
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        if ((only >= 0 && i != only) || h->refusal[i] || !signals[i].sql)
            continue;
        text_addf(&text, "%s(%s)", text.length ? "UNION ALL\n" : "",
                  filled(h, a, h->pg, sql_of(h, (HealthSignal)i)));
    }
    *out = (PgRows){0};
    return !text.length || pg_rows(h->pg, a, out, text.at, PG_NONE);
}

/* A right or a function that this server does not have, or a file that its system does not read
 * (XX000, from the first look on); else it may answer the next time. */
static bool is_for_good(const Pg *pg, const HealthState *before) {
    const char *state = pg_error(pg)->sqlstate;
    return text_starts(state, "42") || text_starts(state, "0A") ||
           (text_starts(state, "XX") && !before->was_seen);
}

static bool ask_singly(Health *h, Arena *a, double now, HealthState *state,
                       const HealthState *before) {
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        PgRows rows;
        if (ask(h, a, i, &rows)) {
            read(&rows, now, state, before);
            continue;
        }
        if (pg_state(h->pg) == PG_LOST)
            return false;
        h->refusal[i] = is_for_good(h->pg, &before[i]) ? HEALTH_REFUSED : HEALTH_REFUSED_NOW;
        h->why[i] = arena_string(h->arena, failure()->message);
        fail_clear();
    }
    return true;
}

/* A lag is that of what was replayed last; how late what is written now will be tells how fast a
 * standby replays. That is seen where it has not come through what it had to replay at the look
 * before; where it has, it is as fast as that at least. One that stands still would never come: it
 * is foreseen no further than ten times as late as it is. */
static void foresee(HealthState *state, const HealthState *before) {
    HealthState *lag = &state[HEALTH_REPLICA_LAG];
    const HealthState *wal = &state[HEALTH_WAL_RATE], *wal_before = &before[HEALTH_WAL_RATE];
    double bytes = state[HEALTH_REPLICA_LAG_BYTES].value,
           had = before[HEALTH_REPLICA_LAG_BYTES].value, step = wal->at - wal_before->at,
           replayed = wal->counter - wal_before->counter - bytes + had;
    if (isnan(lag->value) || isnan(replayed) || wal_before->at <= 0 || step <= 0)
        return;
    if (replayed > had)
        lag->counter = lag->counter > 0 ? fmax(lag->counter, replayed / step) : 0;
    else if (had >= MUCH_TO_REPLAY)
        lag->counter +=
            (fmax(replayed, 0) / step - lag->counter) * (lag->counter > 0 ? 1 - exp(-3 * step) : 1);
    if (lag->counter <= 0)
        return;
    lag->counter = fmax(lag->counter, bytes / (FURTHEST * fmax(lag->value, 1)));
    lag->value = fmax(lag->value, bytes / lag->counter);
}

bool health_measure(Health *h, Arena *a, double now, HealthState *state, HealthState *before) {
    PgRows rows;
    memcpy(before, state, HEALTH_SIGNALS * sizeof *state);
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        HealthState *s = &state[i];
        s->is_there = false;
        s->value = NAN;
        s->things = 0;
        s->mark = s->about = NULL;
        if (h->refusal[i] == HEALTH_REFUSED_NOW)
            h->refusal[i] = HEALTH_ANSWERED;
    }
    if (ask(h, a, -1, &rows))
        read(&rows, now, state, before);
    else if (pg_state(h->pg) == PG_LOST)
        return false;
    else {
        fail_clear();
        if (!ask_singly(h, a, now, state, before))
            return false;
    }
    foresee(state, before);
    for (int i = 0; i < HEALTH_SIGNALS; i++)
        if (h->refusal[i]) {
            state[i].is_there = true;
            state[i].about = h->why[i];
        }
    return true;
}

void health_note(HealthState *s, double value, const char *about) {
    s->is_there = true;
    if (!isnan(s->value) && value <= s->value)
        return;
    s->value = value;
    s->about = about;
}

double health_waiters(const Health *h, Arena *a, Pg *witness, const char **about) {
    PgRows rows;
    const char *sql = filled(h, a, witness, SQL_HEALTH_LOCK_WAITERS);
    if (!pg_row(witness, a, &rows, sql, PG_NONE))
        return -1;
    *about = pg_cell(&rows, 0, 5);
    return strtod(pg_cell(&rows, 0, 1), NULL);
}
