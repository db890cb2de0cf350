#include "desk.h"

#include "fail.h"
#include "gauge.h"
#include "quarantine.h"
#include "report.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

bool desk_is(const Standing *s, const char *state) {
    return text_same(s->state, state);
}

bool desk_read(Desk *desk) {
    return standing_read(desk->pg, desk->call->arena, desk->call->config->ledger_schema,
                         &desk->all);
}

Pick desk_pick(const Desk *desk) {
    return (Pick){desk->call->arena, desk->call->config, &desk->all, desk->name};
}

const char *desk_typed(const Desk *desk, const char *text) {
    return report_command(desk->call->arena, text);
}

/* ---- list, status ---- */

static bool print_workers(Desk *desk, const Standing *s) {
    StandingWorker *worker;
    size_t count;
    Arena *a = desk->call->arena;
    if (!standing_workers(desk->pg, a, desk->call->config->ledger_schema, s, &worker, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        printf("  %s\n", gauge_worker(a, &worker[i]));
    return true;
}

static void print_indented(const char *text, const char *indent) {
    for (const char *at = text; *at;) {
        size_t length = strcspn(at, "\n");
        printf("%s%.*s\n", indent, (int)length, at);
        at += length + (at[length] != 0);
    }
}

static bool print_failed(Desk *desk, const Standing *s) {
    const char *rows, *schema = desk->call->config->ledger_schema;
    if (!s->quarantined)
        return true;
    if (!quarantine_show(desk->pg, desk->call->arena, schema, s->id, &rows))
        return false;
    print_indented(rows, "    ");
    return true;
}

static bool print_one(Desk *desk, const Standing *s, DeskShow show) {
    Arena *a = desk->call->arena;
    printf("%-9s  %s  %s  %s\n", s->state, s->name, s->table,
           show == DESK_LINES ? gauge_brief(a, s) : gauge_line(a, s));
    if (show == DESK_LINES)
        return true;
    print_indented(desk_typed(desk, gauge_remarks(a, s)), "  ");
    return print_failed(desk, s) && print_workers(desk, s);
}

static bool add_json(Desk *desk, Json *list, const Standing *s, DeskShow show) {
    Arena *a = desk->call->arena;
    Json *json = gauge_json(a, s), *crew = json_new_list(a);
    StandingWorker *worker;
    size_t count = 0;
    json_append(list, json);
    if (show == DESK_LINES)
        return true;
    if (!standing_workers(desk->pg, a, desk->call->config->ledger_schema, s, &worker, &count))
        return false;
    for (size_t i = 0; i < count; i++)
        json_append(crew, gauge_worker_json(a, &worker[i]));
    json_set(json, "at_work", crew);
    return true;
}

/* All of them, or `only` one. */
static bool show_them(Desk *desk, const Standing *only, DeskShow show) {
    Json *whole = json_new_map(desk->call->arena), *list = json_new_list(desk->call->arena);
    bool json = desk->call->json, ok = true;
    for (size_t i = 0; ok && i < desk->all.count; i++) {
        const Standing *s = &desk->all.at[i];
        if (!only || s == only)
            ok = json ? add_json(desk, list, s, show) : print_one(desk, s, show);
    }
    if (!ok)
        return false;
    json_set(whole, "backfills", list);
    if (json)
        puts(json_text(whole));
    else if (!desk->all.count)
        puts("no backfill has begun here");
    return true;
}

bool desk_show(Desk *desk, DeskShow show) {
    const Pick pick = desk_pick(desk);
    Standing *only = desk->name ? standing_find(&desk->all, desk->name) : NULL;
    if (desk->name && !only)
        return pick_unknown(&pick);
    return show_them(desk, only, show);
}

/* ---- what has become of one ---- */

bool desk_say(Desk *desk, const Standing *s, const char *text) {
    if (desk->call->json)
        return desk_read(desk) && show_them(desk, standing_find(&desk->all, s->version), DESK_ALL);
    printf("%s: %s\n", s->name, desk_typed(desk, text));
    return true;
}

bool desk_refuse(const Standing *s, const char *past) {
    static const struct {
        const char *state, *next;
    } ways[] = {
        {"paused", "stint backfill resume %s lets it go on"},
        {"cancelled", "stint backfill resume %s takes it up again"},
        {"failed", "stint backfill status %s says why; stint backfill resume %s tries again"}};
    fail(FAIL_ERROR, "%s cannot be %s: it is %s", s->name, past, s->state);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (desk_is(s, ways[i].state))
            fail_next(ways[i].next, s->name, s->name);
    return false;
}
