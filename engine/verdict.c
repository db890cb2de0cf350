#include "verdict.h"

#include <math.h>

enum { FIRST_LOOKS = 60, LOOKS_TO_KNOW = 5, CALM = 2, REST = 2, EARLY_LOOKS = 11 };

static const double SMOOTHING = 0.3, CALM_BELOW = 0.7, GROWS_BELOW = 0.5, SHEDS_FROM = 0.8,
                    LESS = 0.8, MUCH_LESS = 0.5, LEAST = 0.1, GROWTH = 1.25;

static bool is_seen(const HealthState *s) {
    return s->is_there && !isnan(s->value);
}

bool verdict_is_blind(HealthSignal signal, const Config *limits, const HealthState *state) {
    return health_limit(signal, limits) > 0 && state->is_there && isnan(state->value);
}

/* The mean of the first minute, for signals without a limit that fits every server. */
static void remember(HealthState *s, const HealthState *before) {
    s->was_seen = before->was_seen || is_seen(s);
    s->most = s->things > before->most ? s->things : before->most;
    s->usual = before->usual;
    s->looks = before->looks;
    if (!is_seen(s) || s->looks >= FIRST_LOOKS)
        return;
    s->looks++;
    s->usual += (s->value - s->usual) / s->looks;
}

static void weigh(HealthSignal signal, const Config *limits, HealthState *s,
                  const HealthState *before) {
    double times = health_times_usual(signal) * s->usual;
    s->limit = health_limit(signal, limits);
    if (s->limit > 0 && s->looks >= LOOKS_TO_KNOW && times > s->limit)
        s->limit = times;
    s->load = s->limit > 0 && is_seen(s) ? s->value / s->limit : 0;
    if (health_is_soft(signal) && !health_is_quick(signal))
        s->load = before->load + SMOOTHING * (s->load - before->load);
}

/* What was there and is gone, or cannot be seen any more, is never taken for fine. */
static const char *vanished(Arena *a, HealthSignal signal, const HealthState *s) {
    if (s->limit <= 0)
        return NULL;
    if (s->was_seen && s->is_there && isnan(s->value))
        return arena_format(a, "%s: could be seen before and now it cannot%s%s",
                            health_name(signal), s->about ? ": " : "", s->about ? s->about : "");
    if (s->things >= s->most)
        return NULL;
    return arena_format(a, "%s: %.0f of %.0f that were there are gone", health_name(signal),
                        s->most - s->things, s->most);
}

static const char *beyond(Arena *a, HealthSignal signal, const HealthState *s) {
    return arena_format(a, "%s: %s, limit %s%s%s%s", health_name(signal),
                        health_say(a, signal, s->value), health_say(a, signal, s->limit),
                        s->about ? " (" : "", s->about ? s->about : "", s->about ? ")" : "");
}

typedef struct {
    const char *gone;         /* why the first that is gone counts; or NULL */
    double hard;              /* the greatest load */
    double change, load;      /* the least that one makes of the budget, and its load */
    HealthSignal worst, slow; /* whose those are */
    bool is_close;
} Loads;

/* What a signal makes of the budget: less than 1 of it, as much as it is, or more. */
static double change(HealthSignal signal, const HealthState *s, const HealthState *before) {
    bool is_soft = health_is_soft(signal), is_quick = health_is_quick(signal);
    if (s->load >= 1 && is_soft)
        return MUCH_LESS;
    if (s->load >= SHEDS_FROM && (is_soft || is_quick))
        return is_soft ? LESS : MUCH_LESS;
    if (s->load >= GROWS_BELOW && is_quick)
        return s->load > before->load && !is_soft ? LESS : 1;
    return s->load >= CALM_BELOW ? 1 : GROWTH;
}

static Loads greatest(Arena *a, const Config *limits, HealthState *state,
                      const HealthState *before) {
    Loads out = {.change = GROWTH};
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        HealthSignal signal = (HealthSignal)i;
        HealthState *s = &state[i];
        remember(s, &before[i]);
        weigh(signal, limits, s, &before[i]);
        if (!out.gone)
            out.gone = vanished(a, signal, s);
        out.is_close = out.is_close || (health_is_quick(signal) && s->load >= GROWS_BELOW);
        double own = change(signal, s, &before[i]);
        if (own < out.change || (own == out.change && s->load > out.load)) {
            out.change = own;
            out.load = s->load;
            out.slow = signal;
        }
        if (!health_is_soft(signal) && s->load > out.hard) {
            out.hard = s->load;
            out.worst = signal;
        }
    }
    return out;
}

/* `rest`: looks until it may grow again. */
static void change_budget(Verdict *v, const Loads *loads, int rest) {
    v->rest -= v->rest > 0;
    if (loads->change == 1 || (loads->change > 1 && (v->rest || v->budget >= 1)))
        return;
    v->budget = fmax(fmin(v->budget * loads->change, 1), LEAST);
    v->rest = rest;
}

/* What a standby can take is not known before it has taken some: it begins slowly. */
static void begin_slowly(Verdict *v, const Loads *loads, const HealthState *before) {
    if (before->looks < 1)
        v->budget = LEAST;
    else
        change_budget(v, loads, 0);
}

static bool is_early(const HealthState *lag, const HealthState *before) {
    return lag->limit > 0 && is_seen(lag) && before->looks < EARLY_LOOKS;
}

void verdict_reach(Arena *a, const Config *limits, HealthState *state, const HealthState *before,
                   Verdict *v) {
    Loads loads = greatest(a, limits, state, before);
    bool was_held = v->is_held;
    v->is_close = loads.is_close;
    v->calm = loads.gone || loads.hard >= CALM_BELOW ? 0 : v->calm + 1;
    v->is_held = loads.gone || loads.hard >= 1 || (was_held && v->calm < CALM);
    if (v->is_held) {
        const char *worst = loads.gone ? loads.gone : beyond(a, loads.worst, &state[loads.worst]);
        v->reason = v->calm ? "waiting for calm" : worst;
        return;
    }
    const HealthState *lag = &before[HEALTH_REPLICA_LAG];
    if (was_held) {
        v->budget = fmax(v->budget / 2, LEAST);
        v->rest = REST;
    } else if (is_early(&state[HEALTH_REPLICA_LAG], lag))
        begin_slowly(v, &loads, lag);
    else
        change_budget(v, &loads, REST);
    if (v->budget < 1 && loads.change <= 1)
        v->slow = beyond(a, loads.slow, &state[loads.slow]);
}
