#include "picture.h"

#include "clock.h"
#include "gauge.h"
#include "progress.h"
#include "text.h"

#include <string.h>

bool picture_is_live(const Standing *s) {
    return text_same(s->state, "running") || text_same(s->state, "paused") ||
           text_same(s->state, "planned");
}

static bool is_over(const Standing *s) {
    return text_same(s->state, "finished") || text_same(s->state, "cancelled");
}

/* Where a screen ends, the oldest of what is over is cut. */
static void put_in_order(Arena *a, Standings *all) {
    Standing *sorted = arena_take(a, (all->count + 1) * sizeof *sorted);
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        if (!is_over(&all->at[i]))
            sorted[count++] = all->at[i];
    for (size_t i = all->count; i-- > 0;)
        if (is_over(&all->at[i]))
            sorted[count++] = all->at[i];
    all->at = sorted;
}

bool picture_take(Pg *pg, Arena *a, const char *schema, PictureOrder order, Picture *out) {
    *out = (Picture){0};
    if (!standing_read(pg, a, schema, &out->all) || !lock_holder(pg, a, schema, &out->run) ||
        !standing_lag(pg, &out->lag))
        return false;
    if (order == PICTURE_LIVE_FIRST)
        put_in_order(a, &out->all);
    size_t count = out->all.count + 1;
    out->worker = arena_take(a, count * sizeof(StandingWorker *));
    out->worker_count = arena_take(a, count * sizeof *out->worker_count);
    for (size_t i = 0; i < out->all.count; i++)
        if (picture_is_live(&out->all.at[i]) &&
            !standing_workers(pg, a, schema, &out->all.at[i], &out->worker[i],
                              &out->worker_count[i]))
            return false;
    return true;
}

bool picture_has_life(const Picture *p) {
    for (size_t i = 0; i < p->all.count; i++)
        if (picture_is_live(&p->all.at[i]))
            return true;
    return p->run.pid != 0;
}

/* Each of its lines behind an indent. */
static void add_indented(Text *text, const char *lines) {
    while (*lines) {
        size_t length = strcspn(lines, "\n");
        text_add(text, "    ");
        text_add_bytes(text, lines, length);
        text_add(text, "\n");
        lines += length + (lines[length] != 0);
    }
}

static void add_one(Arena *a, Text *text, const Picture *p, size_t i, const Standing *chosen) {
    const Standing *s = &p->all.at[i];
    text_addf(text, "%s %-9s  %s  %s\n", s == chosen ? ">" : " ", s->state, s->name, s->table);
    text_addf(text, "    %s\n", gauge_line(a, s));
    if (picture_is_live(s) && s->dead)
        text_addf(text, "    %s dead tuples\n", progress_number(a, s->dead));
    add_indented(text, gauge_remarks(a, s));
    for (size_t w = 0; w < p->worker_count[i]; w++)
        text_addf(text, "    %s\n", gauge_worker(a, &p->worker[i][w]));
    text_add(text, "\n");
}

const char *picture_text(Arena *a, const Picture *p, const Standing *chosen) {
    Text text = text_on(a);
    text_addf(&text, "run  %s\n", p->run.pid ? p->run.text : "none");
    if (p->lag >= 0)
        text_addf(&text, "lag  %s\n", clock_say(a, p->lag));
    text_add(&text, "\n");
    for (size_t i = 0; i < p->all.count; i++)
        add_one(a, &text, p, i, chosen);
    if (!p->all.count)
        text_add(&text, "no backfill has begun here\n\n");
    return text.at;
}

static void add_line(Arena *a, Text *text, const Picture *p, const Standing *s) {
    text_addf(text, "%s  %s  %s  %s", clock_stamp(a), s->state, s->name, gauge_brief(a, s));
    if (p->lag >= 0)
        text_addf(text, "  lag %s", clock_say(a, p->lag));
    text_add(text, "\n");
}

const char *picture_line(Arena *a, const Picture *p, const Standing *s) {
    Text text = text_on(a);
    add_line(a, &text, p, s);
    return text.at;
}

const char *picture_lines(Arena *a, const Picture *p) {
    Text text = text_on(a);
    bool some = false;
    for (size_t i = 0; i < p->all.count; i++)
        if (picture_is_live(&p->all.at[i])) {
            add_line(a, &text, p, &p->all.at[i]);
            some = true;
        }
    if (!some && p->run.pid)
        text_addf(&text, "%s  run  %s\n", clock_stamp(a), p->run.text);
    return text.at;
}

static Json *run_json(Arena *a, const LockHolder *run) {
    Json *json = json_new_map(a);
    if (!run->pid)
        return json_new_null(a);
    json_set_integer(json, "pid", run->pid);
    json_set_text(json, "program", run->program);
    json_set_text(json, "role", run->role);
    json_set_text(json, "from", run->from);
    json_set_text(json, "since", run->since);
    return json;
}

Json *picture_json(Arena *a, const Picture *p) {
    Json *json = json_new_map(a), *list = json_new_list(a);
    for (size_t i = 0; i < p->all.count; i++) {
        Json *one = gauge_json(a, &p->all.at[i]), *crew = json_new_list(a);
        for (size_t w = 0; w < p->worker_count[i]; w++)
            json_append(crew, gauge_worker_json(a, &p->worker[i][w]));
        json_set(one, "at_work", crew);
        json_append(list, one);
    }
    json_set_text(json, "event", "watch");
    json_set_text(json, "at", clock_stamp(a));
    json_set(json, "run", run_json(a, &p->run));
    if (p->lag >= 0)
        json_set_integer(json, "replica_lag_ms", p->lag);
    else
        json_set_null(json, "replica_lag_ms");
    json_set(json, "backfills", list);
    return json;
}
