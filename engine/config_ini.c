#include "config_ini.h"

#include "fail.h"
#include "text.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 49 }; /* inih cuts section names there */

typedef struct {
    Arena *arena;
    const char *file;
    const char *at, *end; /* what is left of the text */
    size_t line;
    size_t sections_seen;
    const char *key, *value; /* of the line that inih has in hand: it calls back before the next */
    Ini *out;
    bool failed;
} Reader;

static bool fail_here(const Reader *r) {
    return fail_at((FailPlace){.file = r->file, .line = r->line});
}

static bool is_space(char c) {
    return isspace((unsigned char)c);
}

static size_t trimmed(const char *at, size_t length) {
    while (length && is_space(at[length - 1]))
        length--;
    return length;
}

/* Nothing, or a comment. */
static bool is_rest(const char *at) {
    at += strspn(at, " \t");
    return !*at || *at == ';' || *at == '#';
}

static const char *quoted_value(Reader *r, const char *at) {
    Text value = text_on(r->arena);
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && (at[1] == '"' || at[1] == '\\'))
            at++;
        text_add_char(&value, *at);
    }
    if (*at == '"' && is_rest(at + 1))
        return value.at;
    fail(FAIL_CONFIG, *at ? "there is text behind a quoted value" : "a quoted value has no end");
    fail_hint("inside of \"...\" write a quote as \\\" and a backslash as \\\\");
    fail_here(r);
    return NULL;
}

static const char *plain_value(Reader *r, const char *at) {
    size_t length = 0;
    while (at[length] && !(at[length] == ';' && (!length || is_space(at[length - 1]))))
        length++;
    return arena_bytes(r->arena, at, trimmed(at, length));
}

static bool section_line(Reader *r, const char *line, char *to, size_t room) {
    const char *name = line + 1 + strspn(line + 1, " \t");
    size_t length = strcspn(name, "]");
    size_t name_length = trimmed(name, length);
    size_t good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    if (!name[length] || !is_rest(name + length + 1) || !name_length || good < name_length ||
        name_length > LONGEST_NAME) {
        fail(FAIL_CONFIG, "this is no section");
        fail_hint("write [project], [variables] or an environment such as [production]: "
                  "up to %d letters, digits, _ . -",
                  LONGEST_NAME);
        return fail_here(r);
    }
    const char *section = arena_bytes(r->arena, name, name_length);
    if (!config_ini_has_section(r->out, section))
        r->out->section[r->out->section_count++] = (IniSection){section, r->line};
    r->sections_seen++;
    snprintf(to, room, "[%s]\n", section);
    return true;
}

static bool key_line(Reader *r, const char *line, char *to, size_t room) {
    size_t length = strcspn(line, "=:"), key = trimmed(line, length);
    if (!line[length] || !key || memchr(line, ';', key)) {
        fail(FAIL_CONFIG, "this line is neither [section] nor key = value");
        fail_hint("a comment begins with ; and a value cannot go on in the next line");
        return fail_here(r);
    }
    if (!r->sections_seen) {
        fail(FAIL_CONFIG, "this key stands before any [section]");
        fail_hint("begin the file with [project]");
        return fail_here(r);
    }
    const char *value = line + length + 1;
    value += strspn(value, " \t");
    r->value = *value == '"' ? quoted_value(r, value) : plain_value(r, value);
    r->key = arena_bytes(r->arena, line, key);
    snprintf(to, room, "key = @\n");
    return r->value;
}

/* inih's fgets: a cleaned line each time. */
static char *next_line(char *to, int room, void *with) {
    Reader *r = with;
    if (r->failed || r->at == r->end)
        return NULL;
    const char *stop = memchr(r->at, '\n', (size_t)(r->end - r->at));
    size_t length = (size_t)((stop ? stop : r->end) - r->at);
    const char *line = arena_bytes(r->arena, r->at, trimmed(r->at, length));
    r->at = stop ? stop + 1 : r->end;
    r->line++;
    if (r->line == 1 && text_starts(line, "\xef\xbb\xbf"))
        line += 3;
    line += strspn(line, " \t\v\f");
    bool ok = true;
    if (is_rest(line))
        snprintf(to, (size_t)room, "\n");
    else if (*line == '[')
        ok = section_line(r, line, to, (size_t)room);
    else
        ok = key_line(r, line, to, (size_t)room);
    r->failed = !ok;
    return ok ? to : NULL;
}

static int take_entry(void *with, const char *section, const char *word, const char *token) {
    Reader *r = with;
    const char *key = r->key;
    const IniEntry *before = config_ini_find(r->out, section, key);
    (void)word;
    (void)token;
    if (before && !r->failed) {
        fail(FAIL_CONFIG, "[%s] has %s twice, in lines %zu and %zu", section, key, before->line,
             r->line);
        fail_hint("take one of them out");
        fail_here(r);
        r->failed = true;
    }
    r->out->entry[r->out->count++] =
        (IniEntry){arena_string(r->arena, section), key, r->value, r->line};
    return 1;
}

bool config_ini_read(Arena *a, const char *file, Bytes text, Ini *out) {
    Reader r = {.arena = a, .file = file, .at = text.at, .end = text.at + text.length, .out = out};
    size_t lines = 1;
    for (const char *at = r.at; at < r.end; at++)
        lines += *at == '\n';
    *out = (Ini){.entry = arena_take(a, lines * sizeof *out->entry),
                 .section = arena_take(a, lines * sizeof *out->section)};
    if (memchr(text.at, 0, text.length)) {
        fail(FAIL_CONFIG, "%s holds a NUL byte", file);
        return fail_hint("save it as UTF-8 text");
    }
    int line = ini_parse_stream(next_line, &r, take_entry, &r);
    if (r.failed)
        return false;
    if (line) {
        r.line = (size_t)abs(line);
        fail(FAIL_CONFIG, "this line cannot be read");
        return fail_here(&r);
    }
    return true;
}

const IniEntry *config_ini_find(const Ini *ini, const char *section, const char *key) {
    for (size_t i = 0; i < ini->count; i++)
        if (strcmp(ini->entry[i].key, key) == 0 && strcmp(ini->entry[i].section, section) == 0)
            return &ini->entry[i];
    return NULL;
}

bool config_ini_has_section(const Ini *ini, const char *name) {
    for (size_t i = 0; i < ini->section_count; i++)
        if (strcmp(ini->section[i].name, name) == 0)
            return true;
    return false;
}
