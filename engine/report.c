#include "report.h"

#include "cli.h"
#include "fail.h"
#include "json.h"
#include "log.h"
#include "stop.h"
#include "text.h"

#include <string.h>
#include <unistd.h>

static ReportColor wanted = REPORT_AS_TERMINAL;
static const char *chosen_place = "", *chosen_environment = "", *chosen_target = "";

static const struct {
    int code;
    const char *about;
} codes[] = {
    {0, "ok"},
    {1, "error"},
    {2, "pending or different"},
    {3, "the run lock was not obtained"},
    {4, "files and ledger disagree"},
    {5, "refused by a policy, gate or check"},
    {6, "a migration failed and left nothing behind"},
    {7, "a migration is partly applied"},
    {8, "a table lock was not obtained, nothing changed"},
    {9, "cannot connect, or a transaction-mode pooler"},
    {64, "usage"},
    {78, "configuration, or a migration that cannot be read"},
    {130, "interrupted (143: SIGTERM)"},
};

void report_color(ReportColor color) {
    wanted = color;
}

bool report_is_colored(int fd) {
    return wanted == REPORT_AS_TERMINAL && isatty(fd);
}

void report_codes(FILE *out) {
    fputs("\nexit codes:\n", out);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        fprintf(out, "  %3d  %s\n", codes[i].code, codes[i].about);
}

void report_chosen(const char *place, const char *environment) {
    chosen_place = place;
    chosen_environment = environment;
}

void report_target(const char *target) {
    chosen_target = target;
}

const char *report_choice(Arena *a) {
    return arena_format(a, "%s%s", chosen_place, chosen_environment);
}

static bool is_letter(char c) {
    return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-/.", c);
}

/* The length of a command's name at `at` that reads the configuration; 0: there is none. */
static size_t command_length(const char *at) {
    for (const Command *const *c = cli_commands(); *c; c++) {
        size_t length = strlen((*c)->name);
        if (((*c)->needs & NEED_CONFIG) && strncmp(at, (*c)->name, length) == 0 &&
            !is_letter(at[length]))
            return length;
    }
    return 0;
}

/* Does the command that goes on here name its environment itself? */
static bool has_environment(const char *at) {
    const char *end = strstr(at, "stint "), *found = strstr(at, " -e ");
    return found && (!end || found < end);
}

const char *report_command(Arena *a, const char *text) {
    static const char word[] = "stint ";
    if (!text || (!*chosen_place && !*chosen_environment && !*chosen_target))
        return text;
    Text out = text_on(a);
    for (const char *found, *from = text; (found = strstr(text, word)); text = found) {
        bool begins = found == from || !is_letter(found[-1]);
        found += strlen(word);
        size_t length = begins ? command_length(found) : 0;
        text_add_bytes(&out, text, (size_t)(found - text) + length);
        found += length;
        if (!length)
            continue;
        text_add(&out, chosen_place);
        text_add(&out, has_environment(found) ? "" : chosen_environment);
        text_add(&out, has_environment(found) ? "" : chosen_target);
    }
    text_add(&out, text);
    return out.at;
}

void report_source(Text *text, const FailPlace *place) {
    if (!place->source || !place->line)
        return;
    text_addf(text, "%6zu | %s\n", place->line, place->source);
    if (!place->column)
        return;
    text_add(text, "       | ");
    const char *at = place->source;
    for (size_t i = 1; i < place->column && *at; i++) {
        text_add_char(text, *at == '\t' ? '\t' : ' ');
        do
            at++;
        while ((*at & 0xC0) == 0x80);
    }
    text_add(text, "^\n");
}

static void add_line(Text *text, const char *label, const char *value) {
    if (value && *value)
        text_addf(text, "%s: %s\n", label, value);
}

/* How a script got to where it failed is for -v. */
static const char *without_traceback(Arena *a, const char *context) {
    const char *at = strstr(context, "stack traceback:\n");
    if (!at)
        return context;
    size_t length = (size_t)(at - context);
    return arena_bytes(a, context, length && at[-1] == '\n' ? length - 1 : length);
}

/* Later lines stand below the first, so that a caret is where it points. */
static void add_context(Text *text, Arena *a, const char *context) {
    Text aligned = text_on(a);
    for (const char *at = context; *at; at++) {
        text_add_char(&aligned, *at);
        if (*at == '\n')
            text_addf(&aligned, "%*s", (int)strlen("CONTEXT: "), "");
    }
    add_line(text, "CONTEXT", aligned.at);
}

static void print_text(const Call *call, const Failure *why) {
    Text text = text_on(call->arena);
    bool color = report_is_colored(STDERR_FILENO);
    text_addf(&text, "%sERROR:%s %s%s%s%s\n", color ? "\033[1;31m" : "", color ? "\033[0m" : "",
              why->message ? why->message : "unknown", why->sqlstate ? " (SQLSTATE " : "",
              why->sqlstate ? why->sqlstate : "", why->sqlstate ? ")" : "");
    if (why->place.file) {
        text_addf(&text, "  at %s", why->place.file);
        if (why->place.line)
            text_addf(&text, ":%zu", why->place.line);
        if (why->place.line && why->place.column)
            text_addf(&text, ":%zu", why->place.column);
        text_add(&text, "\n");
        report_source(&text, &why->place);
    }
    add_line(&text, "DETAIL", why->detail);
    add_line(&text, "HINT", why->hint);
    if (why->context)
        add_context(&text, call->arena,
                    call->verbose ? why->context : without_traceback(call->arena, why->context));
    add_line(&text, "STATE", why->state);
    add_line(&text, "NEXT", why->next);
    if (call->config && call->config->contacts && why->kind != FAIL_USAGE &&
        why->kind != FAIL_CONFIG)
        add_line(&text, "CONTACTS", call->config->contacts);
    fflush(stdout);
    fputs(fail_redacted(text.at), stderr);
}

static void print_json(const Call *call, const Failure *why, int code) {
    Json *error = json_new_map(call->arena), *whole = json_new_map(call->arena);
    json_set_integer(error, "code", code);
    json_set_text(error, "message", why->message);
    if (why->place.file) {
        json_set_text(error, "file", why->place.file);
        json_set_integer(error, "line", (long long)why->place.line);
        json_set_integer(error, "column", (long long)why->place.column);
    }
    json_set_text(error, "sqlstate", why->sqlstate);
    json_set_text(error, "detail", why->detail);
    json_set_text(error, "hint", why->hint);
    json_set_text(error, "state", why->state);
    json_set_text(error, "next", why->next);
    json_set(whole, "error", error);
    puts(fail_redacted(json_text(whole)));
    fflush(stdout);
}

int report_failure(const Call *call) {
    Failure why = fail_kept(call->arena);
    int code = why.kind == FAIL_INTERRUPTED ? stop_code() : (int)why.kind;
    if (!code)
        code = 1;
    log_before(NULL);
    why.hint = report_command(call->arena, why.hint);
    why.next = report_command(call->arena, why.next);
    if (call->json)
        print_json(call, &why, code);
    print_text(call, &why);
    return code;
}
