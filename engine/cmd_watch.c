#include "cli.h"

#include "clock.h"
#include "fail.h"
#include "log.h"
#include "picture.h"
#include "report.h"
#include "screen.h"
#include "session.h"
#include "stop.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LIVE_EVERY = 500, JSON_EVERY = 1000, LINE_EVERY = 5000 };

typedef struct {
    Call *call;
    long long every;
    Pg *pg;
    Arena *session; /* of `pg` */
    Arena *moment;  /* of the picture */
    Picture picture;
    PictureOrder order;
    Standing *chosen; /* in the picture: what keys are for; or NULL */
    char name[128];   /* its name, from one picture to the next */
    char said[240];   /* what came of the last key, or of the connection */
    bool is_blind;    /* the last picture could not be taken */
} Watch;

static void say(Watch *w, const char *text) {
    snprintf(w->said, sizeof w->said, "%s", fail_redacted(text));
}

/* A server that restarts is waited for. */
static bool connect(Watch *w) {
    if (w->pg && pg_state(w->pg) == PG_IDLE)
        return true;
    pg_close(w->pg);
    arena_free(w->session);
    w->session = arena_new();
    w->pg = session_open(w->session, w->call->config, "watch", SESSION_MUST_EXIST);
    return w->pg != NULL;
}

/* The same as before, or else the first that is under way, or else the newest. */
static void choose(Watch *w) {
    const Standings *all = &w->picture.all;
    w->chosen = NULL;
    for (size_t i = 0; i < all->count; i++)
        if (text_same(all->at[i].name, w->name))
            w->chosen = &all->at[i];
    for (size_t i = 0; i < all->count && !w->chosen; i++)
        if (picture_is_live(&all->at[i]))
            w->chosen = &all->at[i];
    if (!w->chosen && all->count)
        w->chosen = &all->at[w->order == PICTURE_LIVE_FIRST ? 0 : all->count - 1];
    snprintf(w->name, sizeof w->name, "%s", w->chosen ? w->chosen->name : "");
}

static bool take(Watch *w) {
    arena_free(w->moment);
    w->moment = arena_new();
    w->chosen = NULL;
    if (!connect(w) ||
        !picture_take(w->pg, w->moment, w->call->config->ledger_schema, w->order, &w->picture)) {
        w->picture = (Picture){0};
        return false;
    }
    choose(w);
    return true;
}

/* ---- on a terminal ---- */

static bool want(Watch *w, StandingWishes wish) {
    bool done;
    const Standing *s = w->chosen;
    if (!standing_want(w->pg, w->call->config->ledger_schema, s, wish, &done))
        return false;
    const char *word = standing_wish(wish)->word;
    say(w,
        arena_format(w->moment, done ? "%s: %s" : "%s: no %s: it is %s", s->name, word, s->state));
    return true;
}

static bool pause_it(Watch *w) {
    return want(w, STANDING_PAUSE);
}

static bool resume(Watch *w) {
    return want(w, STANDING_RESUME);
}

static const double speeds[] = {0.05, 0.1, 0.25, 0.5, 0.75, 1};
enum { SPEEDS = sizeof speeds / sizeof *speeds };

static bool set_speed(Watch *w, double speed) {
    const Standing *s = w->chosen;
    if (!picture_is_live(s)) {
        say(w, arena_format(w->moment, "%s: it is %s", s->name, s->state));
        return true;
    }
    say(w, arena_format(w->moment, "%s: at %.0f%% of its speed", s->name, 100 * speed));
    return standing_speed(w->pg, w->call->config->ledger_schema, s, speed);
}

static bool faster(Watch *w) {
    for (size_t i = 0; i < SPEEDS; i++)
        if (speeds[i] > w->chosen->speed + 0.001)
            return set_speed(w, speeds[i]);
    return set_speed(w, 1);
}

static bool slower(Watch *w) {
    for (size_t i = SPEEDS; i-- > 0;)
        if (speeds[i] < w->chosen->speed - 0.001)
            return set_speed(w, speeds[i]);
    return set_speed(w, speeds[0]);
}

static bool move(Watch *w, long by) {
    const Standings *all = &w->picture.all;
    long at = (long)(w->chosen - all->at) + by;
    if (at >= 0 && at < (long)all->count)
        w->chosen = &all->at[at];
    return true;
}

static bool next(Watch *w) {
    return move(w, 1);
}

static bool previous(Watch *w) {
    return move(w, -1);
}

static const struct {
    int key;
    bool (*run)(Watch *w);
} keys[] = {
    {'p', pause_it}, {'r', resume},   {'+', faster},       {'=', faster},         {'-', slower},
    {'j', next},     {'k', previous}, {SCREEN_DOWN, next}, {SCREEN_UP, previous},
};

static bool press(Watch *w, int key) {
    for (size_t i = 0; w->chosen && i < sizeof keys / sizeof *keys; i++)
        if (keys[i].key == key && !keys[i].run(w))
            return false;
    return true;
}

static void draw(Watch *w) {
    Arena *a = w->moment;
    Text text = text_on(a);
    const Config *config = w->call->config;
    text_addf(&text, "environment %s", config->environment);
    if (w->pg)
        text_addf(&text, ", database %s", session_place(a, w->pg));
    text_addf(&text, "  %.19s\n", clock_stamp(a));
    text_addf(&text, "p pause  r resume  + faster  - slower  j k choose  q quit\n%s\n", w->said);
    text_add(&text, picture_text(a, &w->picture, w->picture.all.count > 1 ? w->chosen : NULL));
    screen_show(a, report_command(a, text.at));
}

/* Keys are heard at once, the picture is taken again when its time has come, or after a key. */
static bool watch_keys(Watch *w, long long until) {
    for (long long left; (left = until - clock_ms()) > 0 && !stop_asked();) {
        int key = screen_key(left);
        if (key == 'q' || key == 'Q' || key == SCREEN_CLOSED)
            return false;
        if (key == SCREEN_NONE)
            continue;
        if (!press(w, key)) {
            say(w, failure()->message);
            fail_clear();
        }
        snprintf(w->name, sizeof w->name, "%s", w->chosen ? w->chosen->name : "");
        return true;
    }
    return true;
}

/* False: not yet. */
static bool look(Watch *w) {
    bool ok = take(w);
    if (!ok)
        say(w, failure()->message);
    else if (w->is_blind)
        say(w, "");
    fail_clear();
    w->is_blind = !ok;
    return ok;
}

static bool live(Watch *w) {
    bool goes_on = true;
    w->order = PICTURE_LIVE_FIRST;
    while (goes_on && !stop_asked()) {
        look(w);
        draw(w);
        goes_on = watch_keys(w, clock_ms() + w->every);
    }
    screen_close();
    return true;
}

/* ---- elsewhere ---- */

static void print(Watch *w) {
    bool is_last = !picture_has_life(&w->picture);
    if (w->call->json)
        puts(json_text(picture_json(w->moment, &w->picture)));
    else if (is_last && w->chosen)
        fputs(picture_line(w->moment, &w->picture, w->chosen), stdout);
    else
        fputs(picture_lines(w->moment, &w->picture), stdout);
    fflush(stdout);
}

/* Until nothing is under way any more. */
static bool log_pictures(Watch *w) {
    bool has_life = picture_has_life(&w->picture);
    if (!has_life && !w->call->json)
        puts("nothing is under way");
    else
        print(w);
    while (has_life && !stop_asked()) {
        clock_sleep(w->every);
        if (stop_asked())
            return true;
        if (!look(w)) {
            log_warn("%s; trying again", w->said);
            continue;
        }
        has_life = picture_has_life(&w->picture);
        print(w);
    }
    return true;
}

static bool is_live(const Watch *w) {
    return !w->call->json && isatty(STDOUT_FILENO);
}

static bool read_every(Watch *w) {
    const char *given = option_value(&w->call->given, "interval");
    w->every = w->call->json ? JSON_EVERY : is_live(w) ? LIVE_EVERY : LINE_EVERY;
    return !given || (clock_duration(given, &w->every) && w->every) ||
           fail(FAIL_USAGE, "--interval takes a duration such as 500ms or 5s, not %s", given);
}

static bool watch(Call *call) {
    Watch w = {.call = call};
    bool ok = read_every(&w) && take(&w);
    if (ok)
        ok = is_live(&w) && screen_open() ? live(&w) : log_pictures(&w);
    if (ok && stop_asked())
        call->exit_code = stop_code();
    pg_close(w.pg);
    arena_free(w.session);
    arena_free(w.moment);
    return ok;
}

static const Option options[] = {
    {"interval", 0, "TIME", "how often (500ms on a terminal, else 5s; 1s with --json)"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_watch = {
    .name = "watch",
    .usage = "[--interval TIME]",
    .about = "a live view of runs and backfills",
    .help =
        "On a terminal: a picture that changes, with keys: p pauses the backfill that is chosen,\n"
        "r lets it go on, + and - change its speed, j and k (or arrows) choose, q ends the view\n"
        "(and nothing else). Elsewhere a line for each backfill that is under way, or with\n"
        "--json one object a line, until nothing is under way any more.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .options = options,
    .run = watch,
};
