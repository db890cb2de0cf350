#include "variable.h"

#include "fail.h"
#include "lexer.h"
#include "text.h"

#include <string.h>

/* A placeholder, and what stands in its place; bytes of the statement and of what is sent. */
typedef struct {
    size_t at, length;
    size_t sent_at, sent_length;
} Hole;

struct Filled {
    Bytes sql;
    size_t count;
    Hole *hole;
};

static const char *value_of(const ConfigPairs *variables, const char *name, size_t length) {
    for (size_t i = 0; i < variables->count; i++)
        if (strlen(variables->name[i]) == length && memcmp(variables->name[i], name, length) == 0)
            return variables->value[i];
    return NULL;
}

/* As PQescapeLiteral and PQescapeIdentifier have it; there may be no session to ask. */
static void add_quoted(Text *out, char quote, const char *value) {
    bool escapes = quote == '\'' && strchr(value, '\\');
    text_add(out, escapes ? " E" : "");
    text_add_char(out, quote);
    for (; *value; value++) {
        if (*value == quote || (escapes && *value == '\\'))
            text_add_char(out, *value);
        text_add_char(out, *value);
    }
    text_add_char(out, quote);
}

/* The name in a token behind a colon: NULL if it is none. `*quote` is 0, ' or ". */
static const char *name_in(const Lexer *lexer, Token token, char *quote, size_t *length) {
    const char *text = lexer->sql + token.at;
    bool quoted = token.kind == TOKEN_STRING || token.kind == TOKEN_QUOTED;
    if (token.kind != TOKEN_WORD && !(quoted && (*text == '\'' || *text == '"')))
        return NULL;
    *quote = quoted ? *text : 0;
    *length = token.length - (quoted ? 2 : 0);
    return text + quoted;
}

/* Which brackets are open: within those of a subscript a colon is its own. */
static void follow_brackets(const Lexer *lexer, Token before, Token token, Text *open) {
    char c = token.kind == TOKEN_OPERATOR && token.length == 1 ? lexer->sql[token.at] : 0;
    bool operand = before.kind == TOKEN_QUOTED || before.kind == TOKEN_PARAMETER ||
                   (before.kind == TOKEN_WORD && !lexer_is(lexer, before, "array")) ||
                   lexer_is_operator(lexer, before, ")") || lexer_is_operator(lexer, before, "]");
    if (c == '[')
        text_add_char(open, operand ? 's' : '[');
    else if (c == '(')
        text_add_char(open, '(');
    else if ((c == ')' || c == ']') && open->length)
        open->at[--open->length] = 0;
}

static void add_hole(Arena *a, Filled *filled, Hole hole) {
    size_t size = filled->count * sizeof hole;
    filled->hole = arena_grow(a, filled->hole, size, size + sizeof hole);
    filled->hole[filled->count++] = hole;
}

static Token next(Lexer *lexer) {
    Token token;
    do
        token = lexer_next(lexer);
    while (token.kind == TOKEN_COMMENT);
    return token;
}

/* NULL where nothing is to be replaced. */
static Filled *filled_of(Arena *a, const ConfigPairs *variables, const char *text, size_t length) {
    Lexer lexer = lexer_on(text, length);
    Text sql = text_on(a), open = text_on(a);
    Filled *filled = arena_take(a, sizeof *filled);
    Token before = {.kind = TOKEN_END}, token = next(&lexer);
    size_t copied = 0;
    for (; token.kind != TOKEN_END; before = token, token = next(&lexer)) {
        char quote;
        size_t size;
        bool colon = lexer_is_operator(&lexer, before, ":") && before.at + 1 == token.at;
        bool subscript = open.length && open.at[open.length - 1] == 's';
        follow_brackets(&lexer, before, token, &open);
        const char *name = colon && !subscript ? name_in(&lexer, token, &quote, &size) : NULL;
        const char *value = name ? value_of(variables, name, size) : NULL;
        if (!value)
            continue;
        text_add_bytes(&sql, text + copied, before.at - copied);
        Hole hole = {before.at, 1 + token.length, sql.length, 0};
        if (quote)
            add_quoted(&sql, quote, value);
        else
            text_add(&sql, value);
        hole.sent_length = sql.length - hole.sent_at;
        add_hole(a, filled, hole);
        copied = token.at + token.length;
    }
    if (!filled->count)
        return NULL;
    text_add_bytes(&sql, text + copied, length - copied);
    filled->sql = (Bytes){sql.at, sql.length};
    return filled;
}

static bool fails_at(Arena *a, const SqlHalf *half, const Statement *s) {
    fail_in("with its variables replaced");
    return fail_at(lexer_place(a, half->file, half->text, s->at + s->filled->hole[0].at));
}

/* What a value says may change what the statement is. */
static bool read_again(Arena *a, const SqlHalf *half, Statement *s) {
    Statements now;
    const Bytes *sql = &s->filled->sql;
    if (!statement_cut(a, half->file, sql->at, 0, sql->length, &now))
        return fails_at(a, half, s);
    if (now.count != 1) {
        fail(FAIL_CONFIG, "there are %zu statements where one should be", now.count);
        fail_hint("a variable holds a part of a statement: see [variables] in config.ini");
        return fails_at(a, half, s);
    }
    Statement was = *s;
    *s = now.at[0];
    s->at = was.at;
    s->length = was.length;
    s->line = was.line;
    s->column = was.column;
    s->filled = was.filled;
    s->copies_in = was.copies_in;
    s->data_at = was.data_at;
    s->data_length = was.data_length;
    return true;
}

bool variable_fill(Arena *a, const ConfigPairs *variables, SqlHalf *half) {
    bool any = false;
    if (half->variables)
        return true;
    for (size_t i = 0; variables->count && i < half->statements.count; i++) {
        Statement *s = &half->statements.at[i];
        const char *text = half->text + s->at;
        s->filled = memchr(text, ':', s->length) ? filled_of(a, variables, text, s->length) : NULL;
        any |= s->filled != NULL;
        if (s->filled && !read_again(a, half, s))
            return false;
    }
    half->variables = variables;
    return !any || statement_parts(a, half->file, half->text, &half->statements,
                                   half->directives.no_transaction, &half->parts);
}

Bytes variable_sql(const SqlHalf *half, const Statement *s) {
    return s->filled ? s->filled->sql : (Bytes){half->text + s->at, s->length};
}

size_t variable_home(const Statement *s, size_t byte) {
    size_t home = byte;
    for (size_t i = 0; s->filled && i < s->filled->count; i++) {
        const Hole *hole = &s->filled->hole[i];
        if (byte < hole->sent_at)
            break;
        if (byte < hole->sent_at + hole->sent_length)
            return s->at + hole->at;
        home = byte - (hole->sent_at + hole->sent_length) + hole->at + hole->length;
    }
    return s->at + (home < s->length ? home : s->length);
}

void variable_hint(const SqlHalf *half, size_t byte) {
    char quote;
    size_t length;
    if (byte >= half->to || half->text[byte] != ':')
        return;
    Lexer lexer = lexer_on(half->text, half->to);
    lexer.at = byte + 1;
    Token token = lexer_next(&lexer);
    const char *name = token.at == byte + 1 ? name_in(&lexer, token, &quote, &length) : NULL;
    if (!name || !length || (half->variables && value_of(half->variables, name, length)))
        return;
    Arena *a = arena_new();
    const ConfigPairs none = {0}, *variables = half->variables ? half->variables : &none;
    const char *word = arena_bytes(a, name, length);
    const char **names = arena_take(a, (variables->count + 1) * sizeof *names);
    for (size_t i = 0; i < variables->count; i++)
        names[i] = variables->name[i];
    const char *nearest = text_nearest(word, names);
    if (nearest)
        fail_hint(":%s is not declared in [variables] of config.ini; did you mean :%s?", word,
                  nearest);
    else
        fail_hint(":%s is not declared: write %s = ... in section [variables] of config.ini", word,
                  word);
    arena_free(a);
}
