#include "wish.h"

#include "fail.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *past, *so; /* "it cannot be ..."; the state in which it is so already */
    const char *suited[5]; /* without a name: the only one in one of these */
} wishes[] = {
    [STANDING_PAUSE] = {"paused", "paused", {"running", "planned"}},
    [STANDING_RESUME] = {"resumed", "running", {"paused", "cancelled", "failed"}},
    [STANDING_CANCEL] = {"cancelled", "cancelled", {"running", "planned", "paused", "failed"}},
};

static const char *said(Desk *desk, const Standing *s, StandingWishes wish) {
    Arena *a = desk->call->arena;
    if (wish == STANDING_PAUSE)
        return arena_format(a,
                            "paused; every worker ends its batch. stint backfill resume %s lets it "
                            "go on",
                            s->name);
    if (wish == STANDING_RESUME)
        return s->workers ? "it goes on"
                          : "it may go on, but nobody is at it: stint work does its batches";
    return arena_format(a,
                        "cancelled. %lld of about %lld rows are walked, and what is changed stays "
                        "so.\nto take it up again: stint backfill resume %s\nto let it count as "
                        "done: stint resolve %s --applied\nas if never begun: stint resolve %s "
                        "--rolled-back",
                        s->rows_done, s->rows_total, s->name, s->version, s->version);
}

static bool want(Desk *desk, StandingWishes wish) {
    bool done;
    const char *word = standing_wish(wish)->word;
    const Pick pick = desk_pick(desk);
    Standing *s = pick_one(&pick, word, wishes[wish].suited, wishes[wish].so);
    if (!s)
        return false;
    if (desk_is(s, wishes[wish].so))
        return desk_say(desk, s, arena_format(desk->call->arena, "it is %s already", s->state));
    if (!standing_want(desk->pg, desk->call->config->ledger_schema, s, wish, &done))
        return false;
    return done ? desk_say(desk, s, said(desk, s, wish)) : desk_refuse(s, wishes[wish].past);
}

bool wish_pause(Desk *desk) {
    return want(desk, STANDING_PAUSE);
}

bool wish_resume(Desk *desk) {
    return want(desk, STANDING_RESUME);
}

bool wish_cancel(Desk *desk) {
    return want(desk, STANDING_CANCEL);
}

/* "50%" */
static bool read_speed(const char *word, double *speed) {
    char *end;
    double percent = strtod(word, &end);
    *speed = percent / 100;
    return end != word && strcmp(end, "%") == 0 && percent >= 1 && percent <= 100;
}

bool wish_speed(Desk *desk) {
    static const char *const suited[] = {"running", "planned", "paused", "failed", NULL};
    const Call *call = desk->call;
    const Pick pick = desk_pick(desk);
    double speed;
    if (!desk->speed) {
        fail(FAIL_USAGE, "speed takes the part of their time that workers may work");
        if (desk->name && !standing_find(&desk->all, desk->name) &&
            read_speed(arena_format(call->arena, "%s%%", desk->name), &speed))
            return fail_next("stint backfill speed %s%%", desk->name);
        return fail_next("stint backfill speed %s 50%%", desk->name ? desk->name : "NAME");
    }
    if (!read_speed(desk->speed, &speed)) {
        fail(FAIL_USAGE, "%s is no speed", desk->speed);
        return fail_hint("a part of the workers' time from 1%% to 100%%, such as 50%%");
    }
    Standing *s = pick_one(&pick, "speed", suited, NULL);
    if (!s)
        return false;
    if (desk_is(s, "finished") || desk_is(s, "cancelled"))
        return desk_refuse(s, "made faster or slower");
    if (!standing_speed(desk->pg, call->config->ledger_schema, s, speed))
        return false;
    return desk_say(
        desk, s,
        arena_format(call->arena, "at %g%% of its speed from the next batch on", 100 * speed));
}
