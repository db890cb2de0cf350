#include "shape.h"

#include "text.h"

#include <ctype.h>
#include <string.h>

enum { CHAINS = 1, SETS_TRANSACTION = 2, ADDS_VALUE = 4, CREATES_TYPE = 8 };

/* A pattern is words with one blank between: WORD, A|B, [optional words], an operator;
 * %o a name: the object; %t a name: the table; %s a string; %g a string: the object;
 * (...) anything in parentheses; (WORD) parentheses that hold WORD, not set off; $ the end.
 * The first row that fits the beginning of a statement tells. */
static const struct {
    const char *pattern;
    const char *words; /* NULL: see say_words */
    StatementKind kind;
    SoloKind solo;
    int flags;
} shapes[] = {
    {"BEGIN", "BEGIN", STATEMENT_BEGIN, 0, 0},
    {"START TRANSACTION", "START TRANSACTION", STATEMENT_BEGIN, 0, 0},
    {"COMMIT PREPARED [%g]", "COMMIT PREPARED", STATEMENT_SOLO, SOLO_PREPARED, 0},
    {"COMMIT|END [WORK|TRANSACTION] AND CHAIN", "COMMIT", STATEMENT_COMMIT, 0, CHAINS},
    {"COMMIT|END", "COMMIT", STATEMENT_COMMIT, 0, 0},
    {"ROLLBACK PREPARED [%g]", "ROLLBACK PREPARED", STATEMENT_SOLO, SOLO_PREPARED, 0},
    {"ROLLBACK|ABORT [WORK|TRANSACTION] TO", "ROLLBACK TO", STATEMENT_PLAIN, 0, 0},
    {"ROLLBACK|ABORT [WORK|TRANSACTION] AND CHAIN", "ROLLBACK", STATEMENT_ROLLBACK, 0, CHAINS},
    {"ROLLBACK|ABORT", "ROLLBACK", STATEMENT_ROLLBACK, 0, 0},
    {"PREPARE TRANSACTION", "PREPARE TRANSACTION", STATEMENT_PLAIN, 0, 0},

    {"CREATE [UNIQUE] INDEX CONCURRENTLY ON [ONLY] %t", "CREATE INDEX CONCURRENTLY", STATEMENT_SOLO,
     SOLO_CREATE_INDEX, 0},
    {"CREATE [UNIQUE] INDEX CONCURRENTLY [IF NOT EXISTS] %o ON [ONLY] %t",
     "CREATE INDEX CONCURRENTLY", STATEMENT_SOLO, SOLO_CREATE_INDEX, 0},
    {"CREATE [UNIQUE] INDEX CONCURRENTLY", "CREATE INDEX CONCURRENTLY", STATEMENT_SOLO,
     SOLO_CREATE_INDEX, 0},
    {"CREATE [UNIQUE] INDEX ON [ONLY] %t", "CREATE INDEX", STATEMENT_PLAIN, 0, 0},
    {"CREATE [UNIQUE] INDEX [IF NOT EXISTS] %o ON [ONLY] %t", "CREATE INDEX", STATEMENT_PLAIN, 0,
     0},
    {"DROP INDEX CONCURRENTLY [IF EXISTS] %o [CASCADE|RESTRICT] $", "DROP INDEX CONCURRENTLY",
     STATEMENT_SOLO, SOLO_DROP_INDEX, 0},
    {"DROP INDEX CONCURRENTLY", "DROP INDEX CONCURRENTLY", STATEMENT_SOLO, SOLO_DROP_INDEX, 0},
    {"DROP INDEX [IF EXISTS] %o [CASCADE|RESTRICT] $", "DROP INDEX", STATEMENT_PLAIN, 0, 0},
    {"REINDEX [(...)] SCHEMA|DATABASE|SYSTEM", "REINDEX", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"REINDEX (CONCURRENTLY) [INDEX|TABLE %o]", "REINDEX CONCURRENTLY", STATEMENT_SOLO, SOLO_REPEAT,
     0},
    {"REINDEX [(...)] INDEX|TABLE CONCURRENTLY [%o]", "REINDEX CONCURRENTLY", STATEMENT_SOLO,
     SOLO_REPEAT, 0},
    {"REINDEX [(...)] INDEX|TABLE %o", "REINDEX", STATEMENT_PLAIN, 0, 0},
    {"ALTER TABLE [IF EXISTS] [ONLY] %t [*] DETACH PARTITION %o CONCURRENTLY",
     "ALTER TABLE DETACH PARTITION CONCURRENTLY", STATEMENT_SOLO, SOLO_DETACH_PARTITION, 0},

    {"VACUUM", "VACUUM", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"CLUSTER [VERBOSE] [(...)] $", "CLUSTER", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"REPACK (CONCURRENTLY)", "REPACK CONCURRENTLY", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"REPACK [(...)] [USING INDEX] $", "REPACK", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"CREATE DATABASE [%o]", "CREATE DATABASE", STATEMENT_SOLO, SOLO_CREATE_DATABASE, 0},
    {"DROP DATABASE [IF EXISTS] [%o]", "DROP DATABASE", STATEMENT_SOLO, SOLO_DROP_DATABASE, 0},
    {"ALTER DATABASE %o SET TABLESPACE", "ALTER DATABASE SET TABLESPACE", STATEMENT_SOLO,
     SOLO_REPEAT, 0},
    {"CREATE TABLESPACE [%o]", "CREATE TABLESPACE", STATEMENT_SOLO, SOLO_CREATE_TABLESPACE, 0},
    {"DROP TABLESPACE [IF EXISTS] [%o]", "DROP TABLESPACE", STATEMENT_SOLO, SOLO_DROP_TABLESPACE,
     0},
    {"ALTER SYSTEM", "ALTER SYSTEM", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"CREATE SUBSCRIPTION [%o]", "CREATE SUBSCRIPTION", STATEMENT_SOLO, SOLO_CREATE_SUBSCRIPTION,
     0},
    {"DROP SUBSCRIPTION [IF EXISTS] [%o]", "DROP SUBSCRIPTION", STATEMENT_SOLO,
     SOLO_DROP_SUBSCRIPTION, 0},
    {"ALTER SUBSCRIPTION %o REFRESH", "ALTER SUBSCRIPTION", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"ALTER SUBSCRIPTION %o SET PUBLICATION", "ALTER SUBSCRIPTION", STATEMENT_SOLO, SOLO_REPEAT, 0},
    {"ALTER SUBSCRIPTION %o SET ( FAILOVER|TWO_PHASE", "ALTER SUBSCRIPTION", STATEMENT_SOLO,
     SOLO_REPEAT, 0},
    /* a second time is an error of its own: "already a member" */
    {"ALTER SUBSCRIPTION %o ADD|DROP PUBLICATION", "ALTER SUBSCRIPTION", STATEMENT_SOLO,
     SOLO_UNKNOWN, 0},
    {"DISCARD ALL", "DISCARD ALL", STATEMENT_SOLO, SOLO_REPEAT, 0},

    {"DISCARD|PREPARE|DEALLOCATE|LISTEN|UNLISTEN|LOAD|RESET", NULL, STATEMENT_SESSION, 0, 0},
    {"SET [LOCAL|SESSION] TRANSACTION", "SET TRANSACTION", STATEMENT_PLAIN, 0, SETS_TRANSACTION},
    {"SET [LOCAL|SESSION] TRANSACTION_ISOLATION|TRANSACTION_READ_ONLY|TRANSACTION_DEFERRABLE",
     "SET TRANSACTION", STATEMENT_PLAIN, 0, SETS_TRANSACTION},
    {"SET LOCAL", "SET LOCAL", STATEMENT_PLAIN, 0, 0},
    {"SET CONSTRAINTS", "SET CONSTRAINTS", STATEMENT_PLAIN, 0, 0},
    {"SET", "SET", STATEMENT_SESSION, 0, 0},
    {"SELECT [PG_CATALOG .] SET_CONFIG ( %s , %s , FALSE ) $", "SELECT", STATEMENT_SESSION, 0, 0},

    {"ALTER TYPE %o ADD VALUE [IF NOT EXISTS]", "ALTER TYPE ADD VALUE", STATEMENT_PLAIN, 0,
     ADDS_VALUE},
    {"CREATE TYPE %o", "CREATE TYPE", STATEMENT_PLAIN, 0, CREATES_TYPE},
    {"CREATE [GLOBAL|LOCAL] [TEMP|TEMPORARY|UNLOGGED] TABLE [IF NOT EXISTS] %o", "CREATE TABLE",
     STATEMENT_PLAIN, 0, 0},
    {"ALTER TABLE [IF EXISTS] [ONLY] %o", "ALTER TABLE", STATEMENT_PLAIN, 0, 0},
    {"DROP TABLE [IF EXISTS] %o [CASCADE|RESTRICT] $", "DROP TABLE", STATEMENT_PLAIN, 0, 0},
    {"INSERT INTO %o", "INSERT", STATEMENT_PLAIN, 0, 0},
    {"UPDATE [ONLY] %o", "UPDATE", STATEMENT_PLAIN, 0, 0},
    {"DELETE FROM [ONLY] %o", "DELETE", STATEMENT_PLAIN, 0, 0},
    {"COPY [BINARY] %o", "COPY", STATEMENT_PLAIN, 0, 0},
};

/* Statements that go by more than their first word; and CREATE, ALTER, DROP before any of them,
 * with words of no weight between. */
static const char *const noise[] = {
    "OR",        "REPLACE",  "UNIQUE",    "GLOBAL",  "LOCAL",      "TEMP",
    "TEMPORARY", "UNLOGGED", "RECURSIVE", "TRUSTED", "PROCEDURAL", NULL,
};
static const char *const phrases[] = {"MATERIALIZED VIEW",
                                      "REFRESH MATERIALIZED VIEW",
                                      "FOREIGN TABLE",
                                      "FOREIGN DATA WRAPPER",
                                      "IMPORT FOREIGN SCHEMA",
                                      "EVENT|CONSTRAINT TRIGGER",
                                      "TEXT SEARCH CONFIGURATION|DICTIONARY|PARSER|TEMPLATE",
                                      "ACCESS METHOD",
                                      "DEFAULT PRIVILEGES|CONVERSION",
                                      "USER MAPPING",
                                      "OPERATOR CLASS|FAMILY",
                                      "LARGE OBJECT",
                                      "REASSIGN OWNED",
                                      "SECURITY LABEL",
                                      NULL};

typedef struct {
    ShapeTokens tokens;
    size_t next; /* token */
    size_t object, object_count, table, table_count;
    bool if_not_exists;
} Match;

static bool ended(const Match *match) {
    return match->next >= match->tokens.count;
}

static bool is_operator(const Match *match, size_t i, const char *characters) {
    const ShapeTokens *tokens = &match->tokens;
    return i < tokens->count && lexer_is_operator(tokens->lexer, tokens->at[i], characters);
}

/* a, "a", a.b.c */
static bool take_name(Match *match, size_t *start, size_t *count) {
    const ShapeTokens *tokens = &match->tokens;
    *start = match->next;
    for (;;) {
        if (ended(match))
            return false;
        TokenKind kind = tokens->at[match->next].kind;
        if (kind != TOKEN_WORD && kind != TOKEN_QUOTED)
            return false;
        match->next++;
        *count = match->next - *start;
        if (!is_operator(match, match->next, "."))
            return true;
        match->next++;
    }
}

static bool take_string(Match *match) {
    return !ended(match) && match->tokens.at[match->next++].kind == TOKEN_STRING;
}

static bool is_off(const Match *match, size_t i) {
    static const char *const words[] = {"FALSE", "OFF", "'false'", "'off'", "0", NULL};
    const ShapeTokens *tokens = &match->tokens;
    for (const char *const *word = words; i < tokens->count && *word; word++) {
        Token token = tokens->at[i];
        if (token.length == strlen(*word) &&
            text_same_bytes(tokens->lexer->sql + token.at, *word, token.length))
            return true;
    }
    return false;
}

/* Parentheses, which must hold the word (three dots: anything). */
static bool take_parentheses(Match *match, const char *word) {
    size_t depth = 0;
    bool found = strcmp(word, "...") == 0;
    do {
        if (ended(match))
            return false;
        if (is_operator(match, match->next, "("))
            depth++;
        else if (is_operator(match, match->next, ")"))
            depth--;
        else if (lexer_is(match->tokens.lexer, match->tokens.at[match->next], word))
            found = !is_off(match, match->next + 1);
        match->next++;
    } while (depth);
    return found;
}

/* One of A|B|C, or an operator. */
static bool take_word(Match *match, const char *word, size_t length) {
    if (ended(match))
        return false;
    const ShapeTokens *tokens = &match->tokens;
    Token token = tokens->at[match->next++];
    for (const char *end = word + length; word < end;) {
        const char *bar = memchr(word, '|', (size_t)(end - word));
        size_t n = (size_t)((bar ? bar : end) - word);
        if ((token.kind == TOKEN_WORD || token.kind == TOKEN_OPERATOR) && token.length == n &&
            text_same_bytes(tokens->lexer->sql + token.at, word, n))
            return true;
        word += n + 1;
    }
    return false;
}

static bool take_element(Match *match, const char *element, size_t length) {
    char word[32] = "";
    if (length > 2 && element[0] == '(') {
        memcpy(word, element + 1, length - 2);
        return is_operator(match, match->next, "(") && take_parentheses(match, word);
    }
    if (element[0] == '$')
        return match->tokens.whole && ended(match);
    if (element[0] != '%')
        return take_word(match, element, length);
    if (element[1] == 't')
        return take_name(match, &match->table, &match->table_count);
    if (element[1] == 'o')
        return take_name(match, &match->object, &match->object_count);
    match->object = match->next;
    match->object_count = element[1] == 'g';
    return take_string(match);
}

static bool take(Match *match, const char *pattern, const char *end);

/* The words between [ and ], or nothing. */
static void take_optional(Match *match, const char *pattern, const char *end) {
    Match before = *match;
    if (!take(match, pattern, end))
        *match = before;
    else if (end - pattern == 13 && memcmp(pattern, "IF NOT EXISTS", 13) == 0)
        match->if_not_exists = true;
}

static bool take(Match *match, const char *pattern, const char *end) {
    while (pattern < end) {
        size_t length = strcspn(pattern, *pattern == '[' ? "]" : " ]");
        if (*pattern == '[')
            take_optional(match, pattern + 1, pattern + length);
        else if (length && !take_element(match, pattern, length))
            return false;
        pattern += length + 1;
    }
    return true;
}

static const char *name_text(Arena *a, const Match *match, size_t start, size_t count) {
    const Token *token = match->tokens.at + start, *last = token + count - 1;
    if (!count)
        return NULL;
    char *name = arena_take(a, last->at + last->length - token->at + 1), *to = name;
    for (; token <= last; token++)
        to = mempcpy(to, match->tokens.lexer->sql + token->at, token->length);
    return name;
}

/* What stands between the quotes of '...': the name of a prepared transaction. */
static const char *string_text(Arena *a, const Match *match, size_t i) {
    Token token = match->tokens.at[i];
    const char *at = match->tokens.lexer->sql + token.at;
    if (*at != '\'')
        return NULL;
    char *text = arena_take(a, token.length), *to = text;
    for (size_t n = 1; n + 1 < token.length; n++) {
        *to++ = at[n];
        n += at[n] == '\'';
    }
    return text;
}

static size_t match_phrase(ShapeTokens tokens, size_t from) {
    for (const char *const *phrase = phrases; *phrase; phrase++) {
        Match match = {.tokens = tokens, .next = from};
        if (take(&match, *phrase, *phrase + strlen(*phrase)))
            return match.next - from;
    }
    return 1;
}

static bool is_noise(ShapeTokens tokens, size_t i) {
    for (const char *const *word = noise; *word; word++)
        if (lexer_is(tokens.lexer, tokens.at[i], *word))
            return true;
    return false;
}

/* CREATE OR REPLACE FUNCTION -> CREATE FUNCTION; INSERT INTO -> INSERT */
static const char *say_words(Arena *a, ShapeTokens tokens) {
    const Lexer *lexer = tokens.lexer;
    size_t first = 0, count = match_phrase(tokens, 0);
    Text words = text_on(a);
    if (lexer_is(lexer, tokens.at[0], "CREATE") || lexer_is(lexer, tokens.at[0], "ALTER") ||
        lexer_is(lexer, tokens.at[0], "DROP")) {
        text_add_bytes(&words, lexer->sql + tokens.at[0].at, tokens.at[0].length);
        for (first = 1; first < tokens.count && is_noise(tokens, first);)
            first++;
        count = match_phrase(tokens, first);
    }
    for (size_t i = first; i < first + count && i < tokens.count; i++) {
        if (words.length)
            text_add_char(&words, ' ');
        text_add_bytes(&words, lexer->sql + tokens.at[i].at, tokens.at[i].length);
    }
    for (char *c = words.at; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    return lexer_is_operator(lexer, tokens.at[0], "(") ? "SELECT" : words.at;
}

static void set_flags(Statement *out, int flags) {
    out->chain = flags & CHAINS;
    out->sets_transaction = flags & SETS_TRANSACTION;
    out->adds_enum_value = flags & ADDS_VALUE;
    out->creates_type = flags & CREATES_TYPE;
}

/* Could the first word of a pattern be one with this letter? Asked first: most rows say no. */
static bool may_begin(const char *pattern, char letter) {
    for (; *pattern != letter; pattern++) {
        while (*pattern && *pattern != ' ' && *pattern != '|')
            pattern++;
        if (*pattern != '|')
            return false;
    }
    return true;
}

void shape_of(Arena *a, ShapeTokens tokens, Statement *out) {
    char letter = (char)toupper((unsigned char)tokens.lexer->sql[tokens.at[0].at]);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        Match match = {.tokens = tokens};
        if (!may_begin(shapes[i].pattern, letter) ||
            !take(&match, shapes[i].pattern, shapes[i].pattern + strlen(shapes[i].pattern)))
            continue;
        bool prepared = shapes[i].solo == SOLO_PREPARED && match.object_count;
        out->kind = shapes[i].kind;
        out->solo = shapes[i].solo;
        out->words = shapes[i].words;
        out->object = prepared ? string_text(a, &match, match.object)
                               : name_text(a, &match, match.object, match.object_count);
        out->table = name_text(a, &match, match.table, match.table_count);
        out->if_not_exists = match.if_not_exists;
        set_flags(out, shapes[i].flags);
        break;
    }
    if (!out->words)
        out->words = say_words(a, tokens);
}
