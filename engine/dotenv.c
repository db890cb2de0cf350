#include "dotenv.h"

#include "fail.h"
#include "file.h"
#include "log.h"
#include "text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

static size_t name_length(const char *at) {
    return strchr(LETTERS, *at) ? strspn(at, LETTERS "0123456789") : 0;
}

static const DotenvEntry *find(const Dotenv *dotenv, const char *name) {
    for (size_t i = dotenv->count; i-- > 0;) /* of two, the last */
        if (strcmp(dotenv->entry[i].name, name) == 0)
            return &dotenv->entry[i];
    return NULL;
}

const char *dotenv_get(Dotenv *dotenv, const char *name, size_t *line) {
    const char *value = getenv(name);
    if (line)
        *line = 0;
    if (value)
        return value;
    const DotenvEntry *entry = find(dotenv, name);
    if (!entry)
        return NULL;
    dotenv->entry[entry - dotenv->entry].used = true;
    if (line)
        *line = entry->line;
    return entry->value;
}

const char *dotenv_used(Arena *a, const Dotenv *dotenv, size_t *line) {
    Text names = text_on(a);
    for (size_t i = 0; i < dotenv->count; i++) {
        if (!dotenv->entry[i].used)
            continue;
        if (!names.length)
            *line = dotenv->entry[i].line;
        text_add(&names, names.length ? ", " : "");
        text_add(&names, dotenv->entry[i].name);
    }
    return names.length ? names.at : NULL;
}

/* The } that ends "${", with those inside of it left out; NULL if there is none. */
static const char *closing(const char *at) {
    for (int depth = 1; *at; at++) {
        if (at[0] == '$' && at[1] == '{') {
            depth++;
            at++;
        } else if (*at == '}' && --depth == 0) {
            return at;
        }
    }
    return NULL;
}

/* `at` points behind "${", `end` at its "}". */
static DotenvResult expand_one(Arena *a, Dotenv *dotenv, const char *at, const char *end,
                               const char **out) {
    size_t length = name_length(at);
    const char *name = arena_bytes(a, at, length), *form = at + length;
    bool plain = form == end, otherwise = text_starts(form, ":-"), demand = text_starts(form, ":?");
    if (!length || !(plain || otherwise || demand)) {
        fail(FAIL_CONFIG, "${...} holds no name of a variable");
        fail_hint("the forms are ${VAR}, ${VAR:-default} and ${VAR:?message}; $$ stays as it is");
        return DOTENV_UNCLEAR;
    }
    const char *value = dotenv_get(dotenv, name, NULL);
    const char *rest = plain ? "" : arena_bytes(a, form + 2, (size_t)(end - form - 2));
    *out = value;
    if (value && (plain || *value))
        return DOTENV_EXPANDED;
    if (otherwise)
        return dotenv_expand(a, dotenv, rest, out);
    if (demand) {
        fail(FAIL_CONFIG, "%s is not set: %s", name, *rest ? rest : "it is needed");
        fail_hint("set the variable %s in the environment, or in .env beside config.ini", name);
        return DOTENV_REFUSED;
    }
    fail(FAIL_CONFIG, "the variable %s is not set", name);
    fail_hint("set %s in the environment or in .env beside config.ini, or write ${%s:-default}",
              name, name);
    return DOTENV_UNSET;
}

DotenvResult dotenv_expand(Arena *a, Dotenv *dotenv, const char *text, const char **out) {
    Text result = text_on(a);
    while (*text) {
        if (text[0] == '$' && text[1] == '$') {
            text_add(&result, "$$");
            text += 2;
        } else if (text[0] == '$' && text[1] == '{') {
            const char *end = closing(text + 2), *value;
            if (!end) {
                fail(FAIL_CONFIG, "a ${ has no } after it");
                fail_hint("the forms are ${VAR}, ${VAR:-default} and ${VAR:?message}");
                return DOTENV_UNCLEAR;
            }
            DotenvResult one = expand_one(a, dotenv, text + 2, end, &value);
            if (one != DOTENV_EXPANDED)
                return one;
            text_add(&result, value);
            text = end + 1;
        } else {
            text_add_char(&result, *text++);
        }
    }
    *out = result.at;
    return DOTENV_EXPANDED;
}

/* ${VAR} inside of .env itself: what is not set is empty there, as every other reader has it. */
static void add_variable(Text *value, Dotenv *dotenv, const char **at) {
    const char *start = *at + 2, *end = closing(start), *found = "";
    if (!end || !name_length(start)) {
        text_add_char(value, *(*at)++);
        return;
    }
    if (expand_one(value->arena, dotenv, start, end, &found) != DOTENV_EXPANDED)
        fail_clear();
    text_add(value, found ? found : "");
    *at = end + 1;
}

static const char *read_double(const char *at, Dotenv *dotenv, Text *value) {
    static const char escapes[][2] = {{'n', '\n'}, {'r', '\r'},  {'t', '\t'},
                                      {'"', '"'},  {'\\', '\\'}, {'$', '$'}};
    while (*at && *at != '"') {
        if (at[0] == '$' && at[1] == '{') {
            add_variable(value, dotenv, &at);
            continue;
        }
        char c = *at++;
        for (size_t i = 0; c == '\\' && i < sizeof escapes / sizeof *escapes; i++)
            if (*at == escapes[i][0]) {
                c = escapes[i][1];
                at++;
                break;
            }
        text_add_char(value, c);
    }
    return at;
}

static const char *read_plain(const char *at, Dotenv *dotenv, Text *value) {
    const char *start = at;
    while (*at && *at != '\n' && !(*at == '#' && (at == start || isspace((unsigned char)at[-1])))) {
        if (at[0] == '$' && at[1] == '{')
            add_variable(value, dotenv, &at);
        else
            text_add_char(value, *at++);
    }
    while (value->length && isspace((unsigned char)value->at[value->length - 1]))
        value->at[--value->length] = 0;
    return at;
}

static const char *read_value(const char *at, Dotenv *dotenv, Text *value) {
    const char *end = *at == '\'' || *at == '"' ? strchr(at + 1, *at) : NULL;
    if (!end)
        return read_plain(at, dotenv, value);
    if (*at == '"')
        return read_double(at + 1, dotenv, value);
    text_add_bytes(value, at + 1, (size_t)(end - at - 1));
    return end;
}

static void add(Arena *a, Dotenv *out, DotenvEntry entry) {
    size_t old = out->count * sizeof *out->entry;
    out->entry = arena_grow(a, out->entry, old, old + sizeof *out->entry);
    out->entry[out->count++] = entry;
}

static void read_entries(Arena *a, const char *at, Dotenv *out) {
    for (size_t line = 1; *at; line++) {
        const char *start = at + strspn(at, " \t\r"), *value_at;
        if (strncmp(start, "export", 6) == 0 && strspn(start + 6, " \t"))
            start += 6 + strspn(start + 6, " \t");
        size_t length = name_length(start);
        value_at = start + length + strspn(start + length, " \t");
        at = start;
        if (length && *value_at == '=') {
            Text value = text_on(a);
            value_at += 1 + strspn(value_at + 1, " \t");
            at = read_value(value_at, out, &value);
            add(a, out, (DotenvEntry){arena_bytes(a, start, length), value.at, line, false});
            for (const char *c = value_at; c < at; c++)
                line += *c == '\n';
        } else if (*start && !strchr("#\n", *start)) {
            log_detail("%s:%zu: is not NAME=value and was skipped", out->file, line);
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
}

bool dotenv_read(Arena *a, const char *path, Dotenv *out) {
    Bytes text;
    *out = (Dotenv){.file = file_base(path)};
    if (!file_exists(path) || file_is_folder(path))
        return true;
    if (!file_read(a, path, &text))
        return fail_as(FAIL_CONFIG);
    read_entries(a, text_starts(text.at, "\xef\xbb\xbf") ? text.at + 3 : text.at, out);
    for (size_t i = 0; i < out->count; i++) /* uses inside of the file are none */
        out->entry[i].used = false;
    return true;
}
