#include "cli.h"

#include "clock.h"
#include "difference.h"
#include "fail.h"
#include "gauge.h"
#include "json.h"
#include "log.h"
#include "report.h"
#include "run.h"
#include "session.h"

#include <string.h>
#include <unistd.h>

static const char *kind_of(const PlanItem *item) {
    return item->row ? item->row->kind : migration_kind(item->migration->kind);
}

/* Pending Lua is opened, so that a backfill is called one; a file that cannot be read is pending
 * all the same, and `up` says why. */
static void open_lua(Run *run) {
    for (size_t i = 0; i < run->plan.count; i++) {
        PlanItem *item = &run->plan.item[i];
        if (plan_is_due(item) && item->migration->kind == MIGRATION_LUA &&
            !run_open(run, item->migration))
            fail_clear();
    }
}

static const char *error_of(const PlanItem *item) {
    return item->failure ? item->failure->message : NULL;
}

static bool read_standings(Call *call, const Run *run, Standings *out) {
    *out = (Standings){0};
    for (size_t i = 0; i < run->plan.count; i++)
        if (run->plan.item[i].state == PLAN_BACKFILLING)
            return standing_read(run->pg, call->arena, run->ledger.schema, out);
    return true;
}

/* How far a backfill is that has begun; NULL: it is none, or over. */
static const Standing *standing_of(const Standings *all, const PlanItem *item) {
    for (size_t i = 0; i < all->count && item->row; i++)
        if (text_same(all->at[i].migration, item->row->id) &&
            !text_same(all->at[i].state, "finished"))
            return &all->at[i];
    return NULL;
}

static Json *item_json(Arena *a, const PlanItem *item, const Standing *standing) {
    Json *json = json_new_map(a);
    const LedgerRow *row = item->row;
    json_set_text(json, "version", plan_version(item));
    json_set_text(json, "name", plan_name(item));
    json_set_text(json, "kind", kind_of(item));
    json_set_text(json, "state", plan_state(item->state));
    if (item->skipped)
        json_set_text(json, "skipped", item->skipped);
    json_set_text(json, "checksum", row ? row->checksum : item->migration->checksum);
    json_set_text(json, "applied_at", row ? row->applied_at : NULL);
    json_set_text(json, "applied_by", row && row->applied_at ? row->applied_by : NULL);
    if (row && row->duration_ms >= 0)
        json_set_integer(json, "duration_ms", row->duration_ms);
    else
        json_set_null(json, "duration_ms");
    json_set_text(json, "error", error_of(item));
    if (item->state == PLAN_REVERTING)
        json_set_flag(json, "rolling_back", true);
    if (item->state == PLAN_PARTIAL || item->state == PLAN_REVERTING) {
        json_set_integer(json, "position", row->position);
        json_set_integer(json, "statements", row->statements);
    }
    if (standing)
        json_set(json, "backfill", gauge_json(a, standing));
    return json;
}

static void print_json(Call *call, Run *run, const Standings *standings) {
    Json *whole = json_new_map(call->arena), *list = json_new_list(call->arena);
    json_set_text(whole, "environment", call->config->environment);
    json_set_text(whole, "database", run->pg ? pg_database(run->pg) : NULL);
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        json_append(list, item_json(call->arena, item, standing_of(standings, item)));
    }
    json_set(whole, "migrations", list);
    json_set_integer(whole, "pending", (long long)run->plan.due);
    puts(json_text(whole));
}

static const char *color_of(PlanState state) {
    switch (state) {
    case PLAN_APPLIED:
    case PLAN_BASELINED:
        return "\033[32m";
    case PLAN_PENDING:
    case PLAN_ROLLED_BACK:
        return "\033[33m";
    default:
        return "\033[31m";
    }
}

static void print_padded(const char *word, int width) {
    fputs(word, stdout);
    for (int n = (int)strlen(word); n < width; n++)
        putchar(' ');
}

/* Piece by piece: to format a thousand lines would take as long as to read them from the ledger. */
static void print_item(Call *call, const PlanItem *item, int width) {
    static int colored = -1;
    if (colored < 0)
        colored = report_is_colored(STDOUT_FILENO);
    const LedgerRow *row = item->row;
    if (colored)
        fputs(color_of(item->state), stdout);
    print_padded(item->skipped ? "skipped" : plan_state(item->state), 12);
    fputs(colored ? "\033[0m " : " ", stdout);
    print_padded(plan_name(item), width);
    if (item->skipped)
        printf("  %s", item->skipped);
    if (row && row->applied_at) {
        fputs("  ", stdout);
        fwrite(row->applied_at, 1, 10, stdout);
        putchar(' ');
        fwrite(row->applied_at + 11, 1, 8, stdout);
        fputs("  ", stdout);
        fputs(row->applied_by, stdout);
    }
    if (row && row->applied_at && row->duration_ms >= 0) {
        fputs("  ", stdout);
        fputs(clock_say(call->arena, row->duration_ms), stdout);
    }
    if (item->state == PLAN_PARTIAL || item->state == PLAN_REVERTING)
        printf("  %s%ld of %ld statements%s",
               item->state == PLAN_REVERTING ? "being rolled back (stint down goes on): " : "",
               row->position, row->statements, row->intent ? ", one may or may not have run" : "");
    puts("");
    if (item->failure)
        printf("             last attempt %.10s %.8s: %s\n", item->failure->at,
               item->failure->at + 11, item->failure->message);
    if (item->begun_edited && item->state == PLAN_BACKFILLING)
        printf("             edited since it began: stint up will not go on with it\n");
    else if (item->begun_edited)
        printf("             edited before statement %ld: stint up will not go on with it\n",
               row->position + 1);
    if (item->down_changed)
        printf("             its way down was changed since\n");
}

/* What an edited file says now against what was applied. */
static bool print_difference(Call *call, Run *run, const PlanItem *item) {
    const char *text, *down;
    if (item->state != PLAN_EDITED)
        return true;
    if (!ledger_texts(run->pg, call->arena, run->ledger.schema, item->row->id, &text, &down))
        return false;
    Text out = text_on(call->arena);
    difference_add(&out, text, item->migration->text.at);
    for (char *line = out.at; line && *line;) {
        char *end = strchr(line, '\n');
        printf("             %.*s\n", (int)(end ? end - line : (long)strlen(line)), line);
        line = end ? end + 1 : NULL;
    }
    return true;
}

/* What stands in the way of the next up. */
static void say_next(const Call *call, const Run *run) {
    static const struct {
        PlanState state;
        const char *next;
    } ways[] = {
        {PLAN_EDITED, "%s: undo the edit; or, if the database is right as it is: stint resolve %s "
                      "--accept-change"},
        {PLAN_MISSING, "%s: bring the file back; or let it go: stint resolve %s --rolled-back"},
    };
    for (size_t i = 0; i < run->plan.count; i++)
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++) {
            const PlanItem *item = &run->plan.item[i];
            if (item->state != ways[k].state || plan_is_repeatable(item))
                continue;
            const char *next =
                arena_format(call->arena, ways[k].next, plan_name(item), plan_version(item));
            log_say("%s", report_command(call->arena, next));
        }
}

static bool print_text(Call *call, Run *run, const Standings *standings) {
    int width = 0;
    for (size_t i = 0; i < run->plan.count; i++) {
        int length = (int)strlen(plan_name(&run->plan.item[i]));
        width = length > width ? length : width;
    }
    printf("environment %s, database %s\n", call->config->environment,
           run->pg ? session_place(call->arena, run->pg) : "(not there yet)");
    for (size_t i = 0; i < run->plan.count; i++) {
        print_item(call, &run->plan.item[i], width);
        const Standing *standing = standing_of(standings, &run->plan.item[i]);
        if (standing)
            printf("             %s: %s\n", standing->state, gauge_brief(call->arena, standing));
        if (!print_difference(call, run, &run->plan.item[i]))
            return false;
    }
    printf("%zu pending\n", run->plan.due);
    say_next(call, run);
    return true;
}

/* For --check: what disagrees wins over what is pending. */
static int check_code(const Run *run) {
    int code = run->plan.due ? FAIL_PENDING : 0;
    bool strict = strcmp(run->config->order, "strict") == 0;
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        PlanState state = item->state;
        if (state == PLAN_REVERTING && !code)
            code = FAIL_PENDING;
        if (plan_is_repeatable(item))
            continue;
        if (state == PLAN_EDITED || item->begun_edited ||
            ((state == PLAN_MISSING || state == PLAN_OUT_OF_ORDER) && strict))
            code = FAIL_LEDGER;
    }
    return code;
}

static bool status(Call *call) {
    Run run = {
        .arena = call->arena, .config = call->config, .command = "status", .depth = LEDGER_DATED};
    Standings standings;
    bool ok = run_peek(&run) && read_standings(call, &run, &standings);
    if (ok) {
        open_lua(&run);
        if (call->json)
            print_json(call, &run, &standings);
        else
            ok = print_text(call, &run, &standings);
        if (option_given(&call->given, "check"))
            call->exit_code = check_code(&run);
    }
    run_close(&run);
    return ok;
}

static const Option options[] = {
    {"check", 0, NULL, "exit with 2 when something is pending, 4 when files and ledger disagree"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_status = {
    .name = "status",
    .usage = "[--check]",
    .about = "every migration and its state",
    .help = "States: applied pending failed partial edited missing out_of_order baselined\n"
            "backfilling rolled_back. An edited file is shown with its difference.\n"
            "A file for other environments is shown as skipped, and does not count as pending.\n"
            "Repeatable files come last: pending when new or changed; missing does not matter.",
    .needs = NEED_CONFIG | NEED_NO_WORDS,
    .targets = TARGETS_ASK,
    .options = options,
    .run = status,
};
