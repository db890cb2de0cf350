#include "meta.h"

#include "text.h"

#include <string.h>

enum { LONGEST_WORD = 32 };

/* They write to psql's own output, or guard against what a migration's text cannot do. */
static const char *const harmless[] = {
    "restrict", "unrestrict", "echo", "qecho", "warn", "pset", "timing", "x",
    "a",        "t",          "H",    "f",     "C",    "T",    "r",      NULL,
};

/* \set of these changes nothing: with any value; and as it stands here, since a migration stops at
 * its first error and commits what it says. */
static const char *const any_value[] = {"VERBOSITY", "ECHO", "QUIET", "SHOW_CONTEXT", NULL};
static const char *const this_value[] = {
    "ON_ERROR_STOP", "ON_ERROR_STOP on", "ON_ERROR_STOP 1", "ON_ERROR_STOP true",
    "AUTOCOMMIT on", "AUTOCOMMIT 1",     "AUTOCOMMIT true", NULL,
};

static const struct {
    const char *word, *hint;
} instead[] = {
    {"i", "put the statements of that file here"},
    {"ir", "put the statements of that file here"},
    {"include", "put the statements of that file here"},
    {"include_relative", "put the statements of that file here"},
    {"copy", "write COPY ... FROM STDIN; with the data below it and a line \\. at their end"},
    {"connect", "a migration works in the one database of its environment: remove the line"},
    {"c", "a migration works in the one database of its environment: remove the line"},
    {"g", "end the statement with a semicolon"},
    {"gx", "end the statement with a semicolon"},
    {"gexec", "write a DO block that loops over the query and calls EXECUTE"},
    {"gset", "write a DO block with a variable, or a Lua migration"},
    {"gdesc", "remove it"},
    {"crosstabview", "remove it"},
    {"watch", "remove it"},
    {"if", "write a DO block with IF, or a Lua migration"},
    {"elif", "write a DO block with IF, or a Lua migration"},
    {"else", "write a DO block with IF, or a Lua migration"},
    {"endif", "write a DO block with IF, or a Lua migration"},
    {"set", "give the value in section [variables] of config.ini, or write it here"},
    {"unset", "remove the line"},
    {"prompt", "give the value in section [variables] of config.ini"},
    {"getenv", "give the value in section [variables] of config.ini"},
    {"encoding", "save the file as UTF-8 and remove the line"},
    {"!", "a migration starts no programs: remove the line"},
    {".", "no COPY ... FROM STDIN stands before it: remove the line"},
};

typedef struct {
    char word[LONGEST_WORD];
    const char *rest; /* behind the word and its blanks */
    size_t rest_length;
} Line;

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static Line line_of(const char *text, Token token) {
    Line line = {.word = ""};
    const char *at = text + token.at + 1, *end = text + token.at + token.length;
    for (size_t n = 0; at < end && !is_blank(*at) && n + 1 < sizeof line.word; n++)
        line.word[n] = *at++;
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    line.rest = at;
    line.rest_length = (size_t)(end - at);
    return line;
}

static bool begins_with(const Line *line, const char *setting) {
    return line->rest_length >= strlen(setting) &&
           text_same_bytes(line->rest, setting, strlen(setting));
}

static bool sets_nothing(const Line *line) {
    for (const char *const *setting = any_value; *setting; setting++) {
        size_t length = strlen(*setting);
        if (begins_with(line, *setting) &&
            (line->rest_length == length || is_blank(line->rest[length])))
            return true;
    }
    for (const char *const *setting = this_value; *setting; setting++)
        if (begins_with(line, *setting) && line->rest_length == strlen(*setting))
            return true;
    return false;
}

static const char *hint_for(const char *word) {
    for (size_t i = 0; i < sizeof instead / sizeof *instead; i++)
        if (strcmp(word, instead[i].word) == 0)
            return instead[i].hint;
    return "remove the line: it is for psql, and no SQL";
}

static bool refuse(const char *file, const char *text, Token token, const char *where) {
    Line line = line_of(text, token);
    Arena *a = arena_new();
    fail(FAIL_CONFIG, "psql's \\%s cannot be honoured%s", line.word, where);
    fail_hint("%s", hint_for(line.word));
    fail_at(lexer_place(a, file, text, token.at));
    arena_free(a);
    return false;
}

bool meta_check(const char *file, const char *text, Token token) {
    Line line = line_of(text, token);
    bool goes_on = memmem(text + token.at + 1, token.length - 1, "\\\\", 2) != NULL;
    if (!goes_on && text_among(line.word, harmless))
        return true;
    if (!goes_on && strcmp(line.word, "set") == 0 && sets_nothing(&line))
        return true;
    return refuse(file, text, token, goes_on ? " with SQL behind it in its line" : "");
}

bool meta_refuse(const char *file, const char *text, Token token) {
    return refuse(file, text, token, " within a statement");
}
