#include "progress.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "file.h"
#include "hook.h"
#include "json.h"
#include "log.h"
#include "report.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_EVERY = 100, LINE_EVERY = 5000, FLUSH_EVERY = 50, BAR_WIDTH = 24 };

static struct {
    bool json, quiet, terminal, to_terminal;
    bool untimed; /* the same work gives the same lines */
    bool drawn;   /* a bar stands on the terminal's last line */
    long long shown_at;
} shown;

static void clear_bar(void) {
    if (!shown.drawn)
        return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    shown.drawn = false;
}

const char *progress_number(Arena *a, long long n) {
    char digits[32], *out = arena_take(a, 48), *at = out;
    int length = snprintf(digits, sizeof digits, "%lld", n);
    for (int i = 0; i < length; i++) {
        *at++ = digits[i];
        if ((length - i) % 3 == 1 && i + 1 < length && digits[i] != '-')
            *at++ = ',';
    }
    return out;
}

const char *progress_bar(Arena *a, double part) {
    char *out = arena_take(a, BAR_WIDTH + 1);
    int full = (int)(part * BAR_WIDTH);
    for (int i = 0; i < BAR_WIDTH; i++)
        out[i] = i < full ? '#' : '.';
    return out;
}

const char *progress_left(Arena *a, long long seconds) {
    return seconds < 0 ? "?" : seconds ? clock_say(a, seconds * 1000) : "<1s";
}

static const char *batch_line(Arena *a, const Event *event) {
    long long done = event_integer(event, "rows_done"), total = event_integer(event, "rows_total");
    long long eta = event_integer(event, "eta_seconds");
    double part = total > 0 ? (double)done / (double)total : 0;
    if (part > 0.99) /* an estimate: the end says when it is the end */
        part = 0.99;
    return arena_format(a, "[%s] %3.0f%%  %s of ~%s rows  ETA %s  %s rows/s  batch %s",
                        progress_bar(a, part), 100 * part, progress_number(a, done),
                        progress_number(a, total), progress_left(a, eta),
                        progress_number(a, (long long)event_number(event, "rows_per_second")),
                        progress_number(a, event_integer(event, "batch_size")));
}

static void show_batch(Arena *a, const Event *event) {
    long long now = clock_ms();
    if (now - shown.shown_at < (shown.terminal ? BAR_EVERY : LINE_EVERY))
        return;
    shown.shown_at = now;
    if (shown.terminal) {
        fprintf(stderr, "\r\033[K%s", batch_line(a, event));
        fflush(stderr);
        shown.drawn = true;
    } else
        fprintf(stderr, "%s: %s\n", event_text(event, "name"), batch_line(a, event));
}

static const char *in_brackets(Arena *a, const Event *event) {
    const char *time = clock_say(a, event_integer(event, "duration_ms"));
    return shown.untimed ? "" : arena_format(a, "  (%s)", time);
}

static void show_started(const Event *event) {
    long long pending = event_integer(event, "pending"),
              down = event_integer(event, "to_roll_back");
    fprintf(stderr, "%s: environment %s, database %s", event_text(event, "command"),
            event_text(event, "environment"), event_text(event, "database"));
    if (pending || down)
        fprintf(stderr, ", %lld %s", pending ? pending : down,
                pending ? "pending" : "to roll back");
    fputs("\n", stderr);
}

static void show_finished(Arena *a, const Event *event) {
    const char *command = event_text(event, "command"), *seed = event_text(event, "seed");
    const char *before = event_text(event, "seeded_at");
    const char *time = clock_say(a, event_integer(event, "duration_ms"));
    long long applied = event_integer(event, "applied"), down = event_integer(event, "rolled_back");
    long long waiting = event_integer(event, "waiting");
    const char *took = shown.untimed ? "" : arena_format(a, " in %s", time);
    if (seed && before)
        printf("nothing to do: %s was run at %s\n", seed, before);
    else if (seed)
        printf("seeded  %s  (%s)\n", seed, time);
    else if (down)
        printf("%lld rolled back in %s\n", down, time);
    else if (command)
        puts("nothing to roll back");
    else if (waiting)
        printf("%lld applied%s; %lld wait%s for a backfill\n", applied, took, waiting,
               waiting == 1 ? "s" : "");
    else if (applied)
        printf("%lld applied%s\n", applied, took);
    else if (event_integer(event, "backfilling"))
        puts("nothing else to do now");
    else
        puts(event_integer(event, "migrations") ? "nothing to do: all migrations are applied"
                                                : "nothing to do: there are no migrations yet");
}

static void show_throttled(Arena *a, const Event *event) {
    const char *name = event_text(event, "name"), *why = event_text(event, "throttled_by");
    const char *next = arena_format(a, "; stint backfill resume %s lets it go on", name);
    log_say("%s: waiting: %s%s", name, why,
            text_same(why, "paused") ? report_command(a, next) : "");
}

/* A backfill whose batches are somebody else's. */
static void show_left(Arena *a, const Event *event) {
    const char *name = event_text(event, "name");
    long long done = event_integer(event, "rows_done"), total = event_integer(event, "rows_total");
    bool paused = text_same(event_text(event, "state"), "paused");
    double part = total > 0 ? 100 * (double)done / (double)total : 0;
    const char *next = paused ? "it is paused: stint backfill resume lets it go on"
                              : "stint work does its batches";
    printf("backfilling  %s  %s of ~%s rows (%.0f%%); %s\n", name, progress_number(a, done),
           progress_number(a, total), part > 99 ? 99 : part, report_command(a, next));
}

/* A terminal sees every line at once; a pipe gets those of quick files together. */
static void flush_soon(const Event *event) {
    static long long flushed;
    long long now = clock_ms();
    if (!shown.to_terminal && now - flushed < FLUSH_EVERY && strncmp(event->kind, "run_", 4) != 0)
        return;
    flushed = now;
    fflush(stdout);
}

static void show_text(Arena *a, const Event *event) {
    const char *kind = event->kind;
    if (strcmp(kind, "batch") == 0) {
        if (!shown.quiet)
            show_batch(a, event);
        return;
    }
    clear_bar();
    if (strcmp(kind, "run_started") == 0)
        shown.untimed = !shown.to_terminal && text_same(event_text(event, "command"), "deploy");
    if (strcmp(kind, "run_started") == 0 && !shown.quiet)
        show_started(event);
    else if (strcmp(kind, "migration_started") == 0)
        shown.shown_at = clock_ms();
    else if (strcmp(kind, "migration_applied") == 0)
        printf("applied  %s%s\n", event_text(event, "name"), in_brackets(a, event));
    else if (strcmp(kind, "reset") == 0 && text_same(event_text(event, "way"), "database"))
        printf("dropped  the database %s, and made it again\n", event_text(event, "database"));
    else if (strcmp(kind, "reset") == 0)
        printf("dropped  %lld objects of %s\n", event_integer(event, "objects"),
               event_text(event, "database"));
    else if (strcmp(kind, "migration_rolled_back") == 0)
        printf("rolled back  %s  (%s)\n", event_text(event, "name"),
               clock_say(a, event_integer(event, "duration_ms")));
    else if (strcmp(kind, "backfill_finished") == 0)
        log_say("%s: %s rows changed in %s", event_text(event, "name"),
                progress_number(a, event_integer(event, "rows")),
                clock_say(a, event_integer(event, "duration_ms")));
    else if (strcmp(kind, "retry") == 0)
        log_say("%s: trying again: %s", event_text(event, "name"), event_text(event, "error"));
    else if (strcmp(kind, "throttled") == 0)
        show_throttled(a, event);
    else if (strcmp(kind, "backfill_left") == 0)
        show_left(a, event);
    else if (strcmp(kind, "blocked") == 0 && text_same(event_text(event, "on"), "backfill"))
        printf("waits  %s  for the backfill %s\n", event_text(event, "name"),
               event_text(event, "by"));
    else if (strcmp(kind, "run_finished") == 0)
        show_finished(a, event);
    flush_soon(event);
}

static void show_json(Arena *a, const Event *event) {
    Json *line = json_new_map(a);
    json_set_text(line, "event", event->kind);
    json_set_text(line, "at", clock_stamp(a));
    for (size_t i = 0; i < event->count; i++) {
        const EventField *f = &event->field[i];
        if (f->type == EVENT_TEXT)
            json_set_text(line, f->name, f->text);
        else if (f->type == EVENT_INTEGER)
            json_set_integer(line, f->name, f->integer);
        else if (f->type == EVENT_YES_OR_NO)
            json_set_flag(line, f->name, f->integer != 0);
        else
            json_set_number(line, f->name, f->number);
    }
    puts(fail_redacted(json_text(line)));
    fflush(stdout);
}

static void listen(void *with, const Event *event) {
    Arena *a = with;
    arena_reset(a);
    if (shown.json)
        show_json(a, event);
    else
        show_text(a, event);
}

void progress_show(const Call *call) {
    shown.json = call->json;
    shown.quiet = call->quiet;
    shown.terminal = !call->json && !call->quiet && isatty(STDERR_FILENO);
    shown.to_terminal = isatty(STDOUT_FILENO);
    log_before(clear_bar);
    event_listen(listen, arena_new());
    hook_listen();
}
