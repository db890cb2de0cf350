#include "encoding.h"

#include "fail.h"
#include "lexer.h"
#include "text.h"
#include "utf8.h"

#include <string.h>

static bool fails_at(Arena *a, const char *path, const char *text, size_t byte, const char *hint) {
    fail_hint("%s", hint);
    return fail_at(lexer_place(a, path, text, byte));
}

bool encoding_check(Arena *a, const char *path, Bytes text) {
    bool little = text.length >= 2 && memcmp(text.at, "\xff\xfe", 2) == 0;
    bool big = text.length >= 2 && memcmp(text.at, "\xfe\xff", 2) == 0;
    if (little || big) {
        fail(FAIL_CONFIG, "the file is in UTF-16, which PostgreSQL does not read");
        fail_hint("save it as UTF-8: iconv -f UTF-16 -t UTF-8 OLD > NEW");
        return fail_at((FailPlace){.file = path, .line = 1, .column = 1});
    }
    const char *nul = memchr(text.at, 0, text.length);
    if (nul) {
        fail(FAIL_CONFIG, "a NUL byte stands in the file");
        return fails_at(a, path, text.at, (size_t)(nul - text.at),
                        "PostgreSQL takes none: save the file as plain text (UTF-8)");
    }
    size_t bad = utf8_bad(text.at, text.length);
    if (bad == text.length)
        return true;
    fail(FAIL_CONFIG, "the file is not UTF-8: the byte 0x%02X stands here",
         (unsigned)(unsigned char)text.at[bad]);
    return fails_at(a, path, text.at, bad,
                    "if it is Latin-1: iconv -f LATIN1 -t UTF-8 OLD > NEW (SET client_encoding "
                    "does not help: the ledger keeps the whole text)");
}

static Token next(Lexer *lexer) {
    Token token;
    do
        token = lexer_next(lexer);
    while (token.kind == TOKEN_COMMENT);
    return token;
}

/* The value of SET [SESSION|LOCAL] client_encoding {TO|=} value and of SET NAMES value. */
static bool sets_encoding(Lexer *lexer, Token *value) {
    Token token = next(lexer);
    if (!lexer_is(lexer, token, "set"))
        return false;
    token = next(lexer);
    if (lexer_is(lexer, token, "session") || lexer_is(lexer, token, "local"))
        token = next(lexer);
    bool names = lexer_is(lexer, token, "names");
    if (!names && !lexer_is(lexer, token, "client_encoding"))
        return false;
    if (!names)
        next(lexer); /* TO or = */
    *value = next(lexer);
    return value->kind == TOKEN_WORD || value->kind == TOKEN_STRING || value->kind == TOKEN_QUOTED;
}

/* SQL_ASCII is no conversion: what the file says arrives as it is. */
static bool is_ours(const char *value, size_t length) {
    static const char *const words[] = {"utf8",      "utf-8",     "utf_8",   "unicode",
                                        "sql_ascii", "sql-ascii", "default", NULL};
    bool quoted = length >= 2 && (*value == '\'' || *value == '"');
    value += quoted;
    length -= quoted ? 2 : 0;
    for (const char *const *w = words; *w; w++)
        if (strlen(*w) == length && text_same_bytes(value, *w, length))
            return true;
    return false;
}

bool encoding_check_settings(Arena *a, const char *path, const char *text,
                             const Statements *statements) {
    for (size_t i = 0; i < statements->count; i++) {
        const Statement *s = &statements->at[i];
        Token value;
        if (!text_starts(s->words, "SET"))
            continue;
        Lexer lexer = lexer_on(text + s->at, s->length);
        if (!sets_encoding(&lexer, &value) || is_ours(lexer.sql + value.at, value.length))
            continue;
        fail(FAIL_CONFIG, "a migration is UTF-8 throughout: its client_encoding cannot be %.*s",
             (int)value.length, lexer.sql + value.at);
        return fails_at(a, path, text, s->at + value.at,
                        "save the file as UTF-8 and remove the statement");
    }
    return true;
}
