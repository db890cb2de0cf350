#include "verdict.h"

#include <math.h>

enum { FIRST_LOOKS = 60, LOOKS_TO_KNOW = 5, CALM = 2, REST = 2, EARLY_LOOKS = 11 };

static const double SMOOTHING = 0.3, CALM_BELOW = 0.7, GROWS_BELOW = 0.5, SHEDS_FROM = 0.8,
                    LEAST = 0.1, GROWTH = 1.25;

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
    double hard, soft;  /* the greatest loads */
    const char *reason; /* of the first that is gone, or of the greatest hard load */
    const char *slow;   /* of the greatest soft load */
    const char *rising; /* of a hard one that is close and was further away before; or NULL */
    bool is_gone, is_close;
} Loads;

static Loads greatest(Arena *a, const Config *limits, HealthState *state,
                      const HealthState *before) {
    Loads out = {0};
    for (int i = 0; i < HEALTH_SIGNALS; i++) {
        HealthSignal signal = (HealthSignal)i;
        HealthState *s = &state[i];
        remember(s, &before[i]);
        weigh(signal, limits, s, &before[i]);
        const char *gone = vanished(a, signal, s);
        if (gone && !out.is_gone) {
            out.reason = gone;
            out.is_gone = true;
        }
        bool is_close = health_is_quick(signal) && s->load >= GROWS_BELOW;
        out.is_close = out.is_close || is_close;
        bool rises = s->load > before[i].load || s->load >= SHEDS_FROM;
        if (is_close && rises && !health_is_soft(signal))
            out.rising = beyond(a, signal, s);
        if (health_is_soft(signal) && s->load > out.soft) {
            out.soft = s->load;
            out.slow = beyond(a, signal, s);
        } else if (!health_is_soft(signal) && s->load > out.hard) {
            out.hard = s->load;
            if (!out.is_gone)
                out.reason = beyond(a, signal, s);
        }
    }
    return out;
}

static void change_budget(Verdict *v, const Loads *loads) {
    double most = loads->hard > loads->soft ? loads->hard : loads->soft;
    v->rest -= v->rest > 0;
    if (loads->soft >= SHEDS_FROM)
        v->budget *= loads->soft >= 1 ? 0.5 : 0.8;
    else if (loads->rising)
        v->budget *= loads->hard >= SHEDS_FROM ? 0.5 : 0.8;
    else if (most < GROWS_BELOW && !v->rest && v->budget < 1)
        v->budget *= GROWTH;
    else
        return;
    v->rest = REST;
    v->budget = v->budget > 1 ? 1 : v->budget < LEAST ? LEAST : v->budget;
}

/* What a standby can take is not known before it has taken some: it begins slowly. */
static bool is_early(const HealthState *lag, const HealthState *before) {
    return lag->limit > 0 && lag->things > 0 && before->looks < EARLY_LOOKS;
}

static void begin_slowly(Verdict *v, const Loads *loads, const HealthState *before) {
    if (before->looks < 1)
        v->budget = LEAST;
    else if (loads->hard < GROWS_BELOW && loads->soft < GROWS_BELOW)
        v->budget = fmin(GROWTH * v->budget, 1);
}

void verdict_reach(Arena *a, const Config *limits, HealthState *state, const HealthState *before,
                   Verdict *v) {
    Loads loads = greatest(a, limits, state, before);
    bool was_held = v->is_held;
    v->is_close = loads.is_close;
    v->calm = loads.is_gone || loads.hard >= CALM_BELOW ? 0 : v->calm + 1;
    v->is_held = loads.is_gone || loads.hard >= 1 || (was_held && v->calm < CALM);
    v->reason = v->is_held ? loads.reason : NULL;
    v->slow = loads.soft >= SHEDS_FROM ? loads.slow : loads.rising;
    if (v->is_held && !v->reason)
        v->reason = "waiting for calm";
    if (v->is_held)
        return;
    const HealthState *lag = &before[HEALTH_REPLICA_LAG];
    if (was_held) {
        v->budget = v->budget / 2 < LEAST ? LEAST : v->budget / 2;
        v->rest = REST;
    } else if (is_early(&state[HEALTH_REPLICA_LAG], lag))
        begin_slowly(v, &loads, lag);
    else
        change_budget(v, &loads);
}
