#include "muster.h"

#include "aim.h"
#include "clock.h"
#include "fail.h"
#include "log.h"
#include "report.h"
#include "summary.h"
#include "tally.h"
#include "text.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BAR_EVERY = 100, LINE_EVERY = 5000, LEAST_WIDTH = 7 };

typedef struct {
    const Command *command;
    Call *call;
    Tally tally;
    int width;
    size_t shown; /* so many have their line */
    long long told_at;
    Arena *passing; /* for what is told at once */
} Muster;

static bool drawn; /* a line stands on the terminal that is no line yet */

static void clear_bar(void) {
    if (drawn)
        fputs("\r\033[K", stderr);
    drawn = false;
}

/* ---- what is told while they are at work ---- */

/* As it came, and whose it is. */
static void pass_on(Muster *m, const FleetShip *ship, const char *line) {
    Json *said;
    arena_reset(m->passing);
    if (!json_parse(m->passing, line, strlen(line), &said)) {
        fail_clear();
        return;
    }
    json_set_text(said, "target", ship->target->name);
    puts(json_text(said));
    fflush(stdout);
}

static void heard(void *with, FleetShip *ship, const char *line) {
    Muster *m = with;
    tally_hear(&m->tally, ship, line);
    if (m->call->json && !tally_asks(&m->tally))
        pass_on(m, ship, line);
}

static void print_said(const FleetShip *ship) {
    fflush(stdout);
    for (const char *at = ship->said.at; at && *at;) {
        size_t length = strcspn(at, "\n");
        if (length)
            fprintf(stderr, "%s: %.*s\n", ship->target->name, (int)length, at);
        at += length + (at[length] == '\n');
    }
}

static int count_width(const Muster *m) {
    int length = (int)strlen(tally_counts(&m->tally));
    return length > LEAST_WIDTH ? length : LEAST_WIDTH;
}

static void print_ship(const Muster *m, const FleetShip *ship) {
    Arena *a = m->call->arena;
    const char *count = "-", *code = "-";
    if (ship->state != FLEET_NOT_STARTED)
        code = arena_format(a, "%d", ship->code);
    if (ship->state == FLEET_OK || ship->state == FLEET_PENDING ||
        (!tally_asks(&m->tally) && ship->state != FLEET_NOT_STARTED))
        count = arena_format(a, "%lld", tally_of(ship));
    clear_bar();
    if (!m->call->json)
        printf("%-*s  %-11s  %*s  %4s\n", m->width, ship->target->name,
               tally_state(&m->tally, ship->state), count_width(m), count, code);
    print_said(ship);
}

static void print_head(Muster *m, const Targets *targets) {
    m->width = (int)strlen("target");
    for (size_t i = 0; i < targets->count; i++) {
        int length = (int)strlen(targets->at[i].name);
        m->width = length > m->width ? length : m->width;
    }
    if (!m->call->json)
        printf("%-*s  %-11s  %*s  %4s\n", m->width, "target", "state", count_width(m),
               tally_counts(&m->tally), "exit");
}

static void print_progress(const Fleet *fleet, const char *before, const char *after) {
    fflush(stdout);
    fprintf(stderr, "%s%zu of %zu targets, %zu at work, %zu failed%s", before, fleet->ended,
            fleet->count, fleet->at_work, fleet->failed, after);
    fflush(stderr);
}

/* Lines come in the order of the targets, whoever is the first to end. */
static void looked(void *with, const Fleet *fleet) {
    Muster *m = with;
    long long now = clock_ms();
    bool terminal = isatty(STDERR_FILENO) && !m->call->json;
    while (m->shown < fleet->count && fleet->ship[m->shown].state > FLEET_RUNNING)
        print_ship(m, &fleet->ship[m->shown++]);
    if (m->call->quiet || !fleet->at_work || now - m->told_at < (terminal ? BAR_EVERY : LINE_EVERY))
        return;
    m->told_at = now;
    print_progress(fleet, terminal ? "\r\033[K" : "", terminal ? "" : "\n");
    drawn = terminal;
}

/* ---- the end ---- */

static void print_json(const Muster *m, const Fleet *fleet) {
    Arena *a = m->call->arena;
    Json *whole = json_new_map(a);
    if (!tally_asks(&m->tally)) {
        json_set_text(whole, "event", "fleet_finished");
        json_set_text(whole, "at", clock_stamp(a));
        json_set_text(whole, "command", m->command->name);
    }
    json_set_text(whole, "environment", m->call->config->environment);
    puts(fail_redacted(json_text(tally_json(&m->tally, fleet, whole))));
}

static void say_next(const Muster *m, const Fleet *fleet) {
    size_t of[TALLY_STATES];
    Arena *a = m->call->arena;
    tally_states(fleet, of);
    if (!fleet->count)
        log_warn("%s has no targets: its list is empty", m->call->config->environment);
    if (fleet->reason)
        log_warn("%s: %zu not started", fleet->reason, of[FLEET_NOT_STARTED]);
    if (tally_asks(&m->tally) || of[FLEET_OK] == fleet->count)
        return;
    size_t left = fleet->count - of[FLEET_OK];
    const char *next = arena_format(a, "stint %s goes on with the %zu that %s left",
                                    m->command->name, left, left == 1 ? "is" : "are");
    fflush(stdout);
    fprintf(stderr, "NEXT: %s\n", report_command(a, next));
}

static void finish(Muster *m, const Fleet *fleet) {
    while (m->shown < fleet->count)
        print_ship(m, &fleet->ship[m->shown++]);
    clear_bar();
    if (m->call->json)
        print_json(m, fleet);
    else
        puts(tally_text(&m->tally, fleet));
    summary_fleet(m->call, &m->tally, fleet);
    say_next(m, fleet);
    m->call->exit_code = tally_code(fleet);
}

/* ---- the processes ---- */

static bool is_of(const Option *table, const Option *option) {
    for (; table && (table->name || table->letter); table++)
        if (table == option)
            return true;
    return false;
}

/* The command's own options go on; settings do by the environment, as everything that may be
 * secret. */
static const char *const *words_of(const Muster *m) {
    const Given *given = &m->call->given;
    Arena *a = m->call->arena;
    const char **out = arena_take(a, (given->count + given->word_count + 6) * sizeof *out);
    size_t n = 0;
    out[n++] = "--json";
    out[n++] = m->call->verbose ? "-v" : "-q";
    if (m->call->yes)
        out[n++] = "-y";
    out[n++] = m->command->name;
    for (size_t i = 0; i < given->count; i++) {
        const Option *option = given->option[i];
        if (is_of(m->command->options, option) && !text_same(option->name, "summary"))
            out[n++] = option->takes ? arena_format(a, "--%s=%s", option->name, given->value[i])
                                     : arena_format(a, "--%s", option->name);
    }
    out[n++] = "--";
    for (size_t i = 0; i < given->word_count; i++)
        out[n++] = given->word[i];
    return out;
}

static const char *const *variables_of(void *with, const Target *target) {
    const Muster *m = with;
    Arena *a = m->call->arena;
    const char *const *own = target_variables(a, target);
    size_t n = 0;
    while (own[n])
        n++;
    const char **out = arena_take(a, (n + 2) * sizeof *out);
    Text chosen = text_on(a);
    text_addf(&chosen, "%s=%s --target ", AIM_CHOSEN, report_choice(a));
    text_add_word(&chosen, target->name);
    memcpy(out, own, n * sizeof *out);
    out[n] = chosen.at;
    return out;
}

/* A question changes nothing that a canary could show. */
static const Config *config_of(const Muster *m) {
    const Config *config = m->call->config;
    if (m->command->targets == TARGETS_RUN || m->command->targets == TARGETS_BACK)
        return config;
    Config *all = arena_take(m->call->arena, sizeof *all);
    *all = *config;
    all->canary = all->max_failures = 0;
    return all;
}

bool muster_run(const Command *command, Call *call, const Targets *targets) {
    Muster muster = {.command = command,
                     .call = call,
                     .tally = {call->arena, command->targets},
                     .told_at = clock_ms(),
                     .passing = arena_new()};
    const FleetWanted wanted = {.config = config_of(&muster),
                                .targets = *targets,
                                .words = words_of(&muster),
                                .variables = variables_of,
                                .heard = heard,
                                .looked = looked,
                                .with = &muster};
    Fleet fleet;
    if (!summary_open(call))
        return false;
    log_before(clear_bar);
    print_head(&muster, targets);
    bool ok = fleet_run(call->arena, &wanted, &fleet);
    finish(&muster, &fleet);
    log_before(NULL);
    arena_free(muster.passing);
    return ok;
}
