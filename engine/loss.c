#include "loss.h"

#include "text.h"
#include "variable.h"

#include <string.h>

/* Statements that drop data by what they are. */
static const char *const certain[] = {
    "DROP TABLE", "DROP SCHEMA", "DROP DATABASE", "DROP OWNED", "TRUNCATE", "DROP EXTENSION", NULL,
};
/* What depends on these may be a column, which CASCADE drops. */
static const char *const by_cascade[] = {"DROP TYPE", "DROP DOMAIN", "DROP SERVER", NULL};
static const char *const opaque[] = {"DO", "CALL", NULL};

/* After the DROP of an ALTER TABLE: what holds no data. */
static const char *const harmless[] = {"CONSTRAINT", "DEFAULT",    "NOT",
                                       "IDENTITY",   "EXPRESSION", NULL};

typedef struct {
    Lexer lexer;
    Token before, token;
} Reader;

static Reader reader_on(const SqlHalf *half, const Statement *s) {
    Bytes sql = variable_sql(half, s);
    return (Reader){.lexer = lexer_on(sql.at, sql.length)};
}

static bool read(Reader *reader) {
    reader->before = reader->token;
    do
        reader->token = lexer_next(&reader->lexer);
    while (reader->token.kind == TOKEN_COMMENT);
    return reader->token.kind != TOKEN_END && reader->token.kind != TOKEN_BAD;
}

static bool is(const Reader *reader, const char *word) {
    return lexer_is(&reader->lexer, reader->token, word);
}

static bool follows(const Reader *reader, const char *word) {
    return lexer_is(&reader->lexer, reader->before, word);
}

static bool has_word(Reader reader, const char *word) {
    while (read(&reader))
        if (is(&reader, word))
            return true;
    return false;
}

/* DROP COLUMN c, DROP c, DROP IF EXISTS c; but not ALTER COLUMN c DROP DEFAULT. */
static bool drops_column(Reader reader) {
    while (read(&reader)) {
        bool kept = false;
        for (const char *const *word = harmless; *word && !kept; word++)
            kept = is(&reader, *word);
        if (follows(&reader, "DROP") && !kept)
            return true;
    }
    return false;
}

static bool drops_attribute(Reader reader) {
    while (read(&reader))
        if (follows(&reader, "DROP") && is(&reader, "ATTRIBUTE"))
            return true;
    return false;
}

/* A DELETE anywhere in it, WITH included, that no WHERE follows. */
static bool deletes_all(Reader reader) {
    while (read(&reader))
        if (follows(&reader, "DELETE") && is(&reader, "FROM") && !has_word(reader, "WHERE"))
            return true;
    return false;
}

static bool loses(const SqlHalf *half, const Statement *s) {
    Reader reader = reader_on(half, s);
    if (text_among(s->words, certain) || text_among(s->words, opaque))
        return true;
    if (text_among(s->words, by_cascade))
        return has_word(reader, "CASCADE");
    if (strcmp(s->words, "ALTER TABLE") == 0)
        return drops_column(reader);
    if (strcmp(s->words, "ALTER TYPE") == 0)
        return drops_attribute(reader);
    return !text_starts(s->words, "CREATE") && deletes_all(reader);
}

/* The beginning of a statement, in one line. */
static const char *shown(Arena *a, const SqlHalf *half, const Statement *s) {
    Bytes sql = variable_sql(half, s);
    Text line = text_on(a);
    for (size_t i = 0; i < sql.length && line.length < 80; i++) {
        bool blank = strchr(" \t\r\n", sql.at[i]) != NULL;
        if (!blank)
            text_add_char(&line, sql.at[i]);
        else if (line.at[line.length - 1] != ' ')
            text_add_char(&line, ' ');
    }
    return line.at;
}

Strings loss_of(Arena *a, const SqlHalf *half) {
    const Statements *all = &half->statements;
    Strings found = {0, arena_take(a, (all->count + 1) * sizeof(char *))};
    for (size_t i = 0; i < all->count; i++) {
        const Statement *s = &all->at[i];
        if (loses(half, s))
            found.at[found.count++] =
                arena_format(a, "%s:%zu: %s%s", half->file, s->line, shown(a, half, s),
                             text_among(s->words, opaque) ? " (may)" : "");
    }
    return found;
}
