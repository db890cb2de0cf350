#include "option.h"

#include "fail.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { HELP_INDENT = 26 };

typedef struct {
    const Option *const *tables;
    int argc, at; /* `at` is the next argument */
    char *const *argv;
    Given *out;
} Parser;

static bool is_end(const Option *option) {
    return !option->name && !option->letter;
}

static const Option *find(const Option *const *tables, const char *name, size_t length) {
    for (; *tables; tables++)
        for (const Option *option = *tables; !is_end(option); option++)
            if (option->name && strlen(option->name) == length &&
                strncmp(option->name, name, length) == 0)
                return option;
    return NULL;
}

static const Option *find_letter(const Option *const *tables, char letter) {
    for (; *tables; tables++)
        for (const Option *option = *tables; !is_end(option); option++)
            if (option->letter == letter)
                return option;
    return NULL;
}

static const char *nearest(Arena *a, const Option *const *tables, const char *name) {
    const char **names = NULL;
    size_t count = 0;
    for (; *tables; tables++)
        for (const Option *option = *tables; !is_end(option); option++) {
            if (!option->name)
                continue;
            names = arena_grow(a, names, count * sizeof *names, (count + 2) * sizeof *names);
            names[count++] = option->name;
            names[count] = NULL;
        }
    return names ? text_nearest(name, names) : NULL;
}

static bool unknown(Arena *a, const Option *const *tables, const char *name) {
    const char *near = nearest(a, tables, name);
    fail(FAIL_USAGE, "there is no option --%s", name);
    if (near)
        return fail_hint("did you mean --%s? `stint help COMMAND` lists a command's options", near);
    return fail_hint("`stint help COMMAND` lists a command's options");
}

static void note(Given *out, const Option *option, const char *value) {
    out->option[out->count] = option;
    out->value[out->count++] = value;
}

static bool missing_value(const Option *option, const char *as_written) {
    fail(FAIL_USAGE, "%s needs a value: %s", as_written, option->takes);
    return fail_hint("write %s %s", as_written, option->takes);
}

static bool long_option(Arena *a, Parser *p, const char *argument) {
    const char *name = argument + 2, *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const Option *option = find(p->tables, name, length);
    if (!option)
        return unknown(a, p->tables, arena_bytes(a, name, length));
    const char *written = arena_format(a, "--%s", option->name);
    if (!option->takes && equals) {
        fail(FAIL_USAGE, "%s takes no value", written);
        return fail_hint("write %s alone", written);
    }
    if (option->takes && !equals && p->at == p->argc)
        return missing_value(option, written);
    note(p->out, option, !option->takes ? NULL : equals ? equals + 1 : p->argv[p->at++]);
    return true;
}

/* -qv, -eproduction, -e production; a letter that takes a value ends the bundle. */
static bool bundle(Arena *a, Parser *p, const char *argument) {
    for (const char *letter = argument + 1; *letter; letter++) {
        const Option *option = find_letter(p->tables, *letter);
        if (!option) {
            fail(FAIL_USAGE, "there is no option -%c", *letter);
            return fail_hint("`stint help COMMAND` lists a command's options");
        }
        if (!option->takes) {
            note(p->out, option, NULL);
            continue;
        }
        if (letter[1])
            note(p->out, option, letter + 1 + (letter[1] == '='));
        else if (p->at < p->argc)
            note(p->out, option, p->argv[p->at++]);
        else
            return missing_value(option, arena_format(a, "-%c", *letter));
        return true;
    }
    return true;
}

bool option_parse(Arena *a, const Option *const *tables, int argc, char *const *argv, Given *out) {
    Parser p = {.tables = tables, .argc = argc, .argv = argv, .out = out};
    size_t most = 1;
    for (int i = 0; i < argc; i++) /* no argument holds more options than letters */
        most += strlen(argv[i]);
    *out = (Given){.option = arena_take(a, most * sizeof *out->option),
                   .value = arena_take(a, most * sizeof *out->value),
                   .word = arena_take(a, ((size_t)argc + 1) * sizeof *out->word)};
    while (p.at < argc) {
        const char *argument = argv[p.at++];
        if (strcmp(argument, "--") == 0)
            break;
        if (argument[0] != '-' || !argument[1]) /* "-" alone is a word: standard input */
            out->word[out->word_count++] = argument;
        else if (!(argument[1] == '-' ? long_option(a, &p, argument) : bundle(a, &p, argument)))
            return false;
    }
    while (p.at < argc)
        out->word[out->word_count++] = argv[p.at++];
    return true;
}

/* Does the argument take the next one as its value? */
static bool takes_next(const Option *const *tables, const char *argument) {
    if (argument[1] == '-') {
        const Option *option = find(tables, argument + 2, strlen(argument + 2));
        return option && option->takes;
    }
    for (const char *letter = argument + 1; *letter; letter++) {
        const Option *option = find_letter(tables, *letter);
        if (option && option->takes)
            return !letter[1];
    }
    return false;
}

int option_first_word(const Option *const *tables, int argc, char *const *argv) {
    int at = 0;
    while (at < argc && argv[at][0] == '-' && argv[at][1] && strcmp(argv[at], "--") != 0)
        at += takes_next(tables, argv[at]) ? 2 : 1;
    return at < argc ? at : argc;
}

bool option_given(const Given *given, const char *name) {
    for (size_t i = 0; i < given->count; i++)
        if (text_same(given->option[i]->name, name))
            return true;
    return false;
}

const char *option_value(const Given *given, const char *name) {
    for (size_t i = given->count; i-- > 0;)
        if (text_same(given->option[i]->name, name))
            return given->value[i];
    return NULL;
}

bool option_count(const Given *given, const char *name, long most, long *out) {
    const char *value = option_value(given, name);
    char *end;
    if (!value)
        return true;
    *out = strtol(value, &end, 10);
    if (*end == 0 && *out > 0 && (!most || *out <= most))
        return true;
    if (most)
        return fail(FAIL_USAGE, "--%s takes a number from 1 to %ld, not %s", name, most, value);
    return fail(FAIL_USAGE, "--%s takes a number from 1, not %s", name, value);
}

void option_help(const Option *table, FILE *out) {
    for (; table && !is_end(table); table++) {
        int width = table->letter ? fprintf(out, "  -%c", table->letter) : fprintf(out, "    ");
        if (table->name)
            width += fprintf(out, table->letter ? ", --%s" : "  --%s", table->name);
        if (table->takes)
            width += fprintf(out, " %s", table->takes);
        fprintf(out, "%*s%s\n", width < HELP_INDENT ? HELP_INDENT - width : 2, "",
                table->about ? table->about : "");
    }
}
