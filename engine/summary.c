#include "summary.h"

#include "clock.h"
#include "event.h"
#include "fail.h"
#include "log.h"
#include "report.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static struct {
    Arena *arena;
    FILE *file;
    Text rows; /* of the table: the files */
    const char *database;
    long long applied, waiting;
} noted;

/* A cell of a table: what would end it is taken out of its meaning. */
static void add_cell(Text *out, const char *text) {
    for (; text && *text; text++)
        if (*text == '|' || *text == '\\' || *text == '`' || *text == '<' || *text == '*')
            text_addf(out, "\\%c", *text);
        else
            text_add_char(out, *text == '\n' ? ' ' : *text);
}

/* Whatever is in it, it stays text. */
static void add_block(Text *out, const char *label, const char *text) {
    if (!text)
        return;
    text_add(out, "\n    ");
    text_add(out, label);
    for (; *text; text++) {
        text_add_char(out, *text);
        text_add(out, *text == '\n' ? "    " : "");
    }
}

static void add_row(const Event *event, const char *what) {
    text_add(&noted.rows, "| ");
    add_cell(&noted.rows, event_text(event, "name"));
    text_addf(&noted.rows, " | %s | ", what);
    if (strcmp(what, "applied") == 0)
        text_add(&noted.rows, clock_say(noted.arena, event_integer(event, "duration_ms")));
    text_add(&noted.rows, " |\n");
}

static void listen(void *with, const Event *event) {
    (void)with;
    if (strcmp(event->kind, "run_started") == 0)
        noted.database = arena_string(noted.arena, event_text(event, "database"));
    if (strcmp(event->kind, "migration_applied") == 0) {
        add_row(event, "applied");
        noted.applied++;
    }
    if (strcmp(event->kind, "migration_failed") == 0)
        add_row(event, "failed");
    if (strcmp(event->kind, "backfill_left") == 0)
        add_row(event, "backfilling: stint work does its batches");
    if (strcmp(event->kind, "run_finished") == 0)
        noted.waiting = event_integer(event, "waiting");
}

static void write_out(const char *text) {
    fputs(fail_redacted(text), noted.file);
    bool bad = ferror(noted.file);
    if (fclose(noted.file) != 0 || bad)
        log_warn("the summary could not be written");
    noted.file = NULL;
}

bool summary_open(const Call *call) {
    const char *path = option_value(&call->given, "summary");
    if (!path)
        return true;
    noted.arena = arena_new();
    noted.rows = text_on(noted.arena);
    noted.file = fopen(path, "ae");
    if (!noted.file)
        return fail_errno(FAIL_USAGE, "cannot write the summary to %s", path);
    event_listen(listen, NULL);
    return true;
}

static void add_failure(Text *out, const Failure *why) {
    add_block(out, "ERROR: ", why->message);
    if (why->place.file && why->place.line) {
        const char *at = arena_format(noted.arena, "%s:%zu", why->place.file, why->place.line);
        add_block(out, "  at ", at);
        add_block(out, "     ", why->place.source);
    }
    add_block(out, "DETAIL: ", why->detail);
    add_block(out, "HINT: ", report_command(noted.arena, why->hint));
    add_block(out, "STATE: ", why->state);
    add_block(out, "NEXT: ", report_command(noted.arena, why->next));
    text_add(out, "\n");
}

bool summary_close(const Call *call, bool ok) {
    if (!noted.file)
        return ok;
    Failure why = fail_kept(noted.arena);
    Text out = text_on(noted.arena);
    text_add(&out, "## stint deploy: ");
    add_cell(&out, call->config->environment);
    text_addf(&out, "\n\n**%s**: %lld applied",
              !ok             ? "failed"
              : noted.waiting ? "pending"
                              : "ok",
              noted.applied);
    if (noted.database) {
        text_add(&out, " to ");
        add_cell(&out, noted.database);
    } else if (ok)
        text_add(&out, ", nothing was pending");
    if (noted.waiting)
        text_addf(&out, "; %lld wait%s for a backfill", noted.waiting,
                  noted.waiting == 1 ? "s" : "");
    text_add(&out, "\n");
    if (noted.rows.length)
        text_addf(&out, "\n| migration | | time |\n| --- | --- | ---: |\n%s", noted.rows.at);
    if (!ok)
        add_failure(&out, &why);
    text_add(&out, "\n");
    write_out(out.at);
    return ok || fail_again(&why);
}

void summary_fleet(const Call *call, const Tally *tally, const Fleet *fleet) {
    if (!noted.file)
        return;
    Text out = text_on(noted.arena);
    text_add(&out, "## stint deploy: ");
    add_cell(&out, call->config->environment);
    text_addf(&out, "\n\n%s\n", tally_text(tally, fleet));
    if (fleet->reason) {
        text_add(&out, "\nStopped: ");
        add_cell(&out, fleet->reason);
        text_add(&out, "\n");
    }
    text_add(&out, "\n| target | state | applied | exit | |\n| --- | --- | ---: | ---: | --- |\n");
    for (size_t i = 0; i < fleet->count; i++) {
        const FleetShip *ship = &fleet->ship[i];
        text_add(&out, "| ");
        add_cell(&out, ship->target->name);
        text_addf(&out, " | %s | %lld | ", tally_state(tally, ship->state), tally_of(ship));
        if (ship->state != FLEET_NOT_STARTED)
            text_addf(&out, "%d", ship->code);
        text_add(&out, " | ");
        add_cell(&out, tally_error(ship));
        text_add(&out, " |\n");
    }
    text_add(&out, "\n");
    write_out(out.at);
}
