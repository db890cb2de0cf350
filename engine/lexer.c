#include "lexer.h"

#include <string.h>

enum {
    SPACE = 1,
    NEWLINE = 2,
    WORD_START = 4,
    WORD = 8,
    DIGIT = 16,
    OPERATOR = 32,
    STOP = 64, /* strings and comments look at these bytes only */
};

// clang-format off
static const unsigned char class_of[256] = {
    ['\t'] = SPACE, ['\v'] = SPACE, ['\f'] = SPACE, [' '] = SPACE,
    ['\n'] = SPACE | NEWLINE | STOP, ['\r'] = SPACE | NEWLINE | STOP,
    [0] = STOP, ['"'] = STOP, ['\''] = STOP, ['\\'] = STOP,
    ['A' ... 'Z'] = WORD_START | WORD, ['a' ... 'z'] = WORD_START | WORD,
    ['_'] = WORD_START | WORD, [0x80 ... 0xff] = WORD_START | WORD,
    ['0' ... '9'] = DIGIT | WORD, ['$'] = WORD | STOP,
    ['*'] = OPERATOR | STOP, ['/'] = OPERATOR | STOP,
    ['+'] = OPERATOR, ['-'] = OPERATOR, ['<'] = OPERATOR, ['='] = OPERATOR, ['>'] = OPERATOR,
    ['~'] = OPERATOR, ['!'] = OPERATOR, ['@'] = OPERATOR, ['#'] = OPERATOR, ['%'] = OPERATOR,
    ['^'] = OPERATOR, ['&'] = OPERATOR, ['|'] = OPERATOR, ['`'] = OPERATOR, ['?'] = OPERATOR,
};
// clang-format on

static unsigned class_at(const Lexer *lexer, size_t at) {
    return at < lexer->length ? class_of[(unsigned char)lexer->sql[at]] : 0;
}

/* The byte at a place, or NUL past the end: a NUL in the text ends things just the same. */
static char byte_at(const Lexer *lexer, size_t at) {
    return at < lexer->length ? lexer->sql[at] : 0;
}

static bool is_letter(char c, char lower) {
    return (c | 0x20) == lower;
}

static bool is_any_letter(char c) {
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

Lexer lexer_on(const char *sql, size_t length) {
    Lexer lexer = {.sql = sql, .length = length, .line = 1};
    if (length >= 3 && memcmp(sql, "\xef\xbb\xbf", 3) == 0)
        lexer.at = lexer.line_start = 3;
    return lexer;
}

/* A CR or LF stands at `at`: counts the line, and gives the place after it. */
static size_t end_line(Lexer *lexer, size_t at) {
    at += lexer->sql[at] == '\r' && byte_at(lexer, at + 1) == '\n' ? 2 : 1;
    lexer->line++;
    lexer->line_start = at;
    return at;
}

void lexer_skip_to(Lexer *lexer, size_t to) {
    size_t at = lexer->at;
    while (at < to && at < lexer->length)
        at = class_at(lexer, at) & NEWLINE ? end_line(lexer, at) : at + 1;
    if (at > lexer->at)
        lexer->at = at;
    lexer->escape_line = 0;
}

static size_t skip_space(Lexer *lexer, size_t at) {
    unsigned class;
    while ((class = class_at(lexer, at)) & SPACE)
        at = class & NEWLINE ? end_line(lexer, at) : at + 1;
    return at;
}

/* The next byte that may matter within a string or comment; lines are counted on the way. */
static size_t next_stop(Lexer *lexer, size_t at) {
    for (;;) {
        while (at < lexer->length && !(class_of[(unsigned char)lexer->sql[at]] & STOP))
            at++;
        if (!(class_at(lexer, at) & NEWLINE))
            return at;
        at = end_line(lexer, at);
    }
}

/* The scanners below give the place after what they read, or 0 when it never ends. */

typedef enum { ESCAPES_NONE, ESCAPES_BACKSLASH } Escapes;

static size_t scan_quoted(Lexer *lexer, size_t at, Escapes escapes) {
    char quote = lexer->sql[at++];
    for (;;) {
        at = next_stop(lexer, at);
        char c = byte_at(lexer, at), after = byte_at(lexer, at + 1);
        if (!c)
            return 0;
        if (c == quote && after != quote)
            return at + 1;
        if (c == quote)
            at += 2;
        else if (c == '\\' && escapes && (after == quote || after == '\\'))
            at += 2;
        else
            at++;
    }
}

/* The length of a $tag$ that stands at `at`, or 0. */
static size_t tag_length(const Lexer *lexer, size_t at) {
    size_t end = at + 1;
    if (class_at(lexer, end) & WORD_START)
        while (class_at(lexer, end) & WORD && lexer->sql[end] != '$')
            end++;
    return byte_at(lexer, end) == '$' ? end + 1 - at : 0;
}

static size_t scan_dollar(Lexer *lexer, size_t at, size_t tag) {
    const char *mark = lexer->sql + at;
    at += tag;
    for (;;) {
        at = next_stop(lexer, at);
        if (!byte_at(lexer, at))
            return 0;
        if (lexer->sql[at] == '$' && lexer->length - at >= tag &&
            memcmp(lexer->sql + at, mark, tag) == 0)
            return at + tag;
        at++;
    }
}

static size_t scan_block(Lexer *lexer, size_t at) {
    for (size_t depth = 0;;) {
        at = next_stop(lexer, at);
        char c = byte_at(lexer, at), after = byte_at(lexer, at + 1);
        if (!c)
            return 0;
        if (c == '/' && after == '*') {
            depth++;
            at += 2;
        } else if (c == '*' && after == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
}

static size_t scan_to_line_end(const Lexer *lexer, size_t at) {
    while (at < lexer->length && lexer->sql[at] && !(class_at(lexer, at) & NEWLINE))
        at++;
    return at;
}

static size_t scan_digits(const Lexer *lexer, size_t at) {
    while (class_at(lexer, at) & DIGIT ||
           (byte_at(lexer, at) == '_' && class_at(lexer, at + 1) & DIGIT))
        at++;
    return at;
}

static size_t scan_number(const Lexer *lexer, size_t at) {
    if (lexer->sql[at] == '0' && strchr("xXoObB", byte_at(lexer, at + 1)) &&
        class_at(lexer, at + 2) & WORD) {
        at += 2;
        while (class_at(lexer, at) & WORD && lexer->sql[at] != '$')
            at++;
        return at;
    }
    at = scan_digits(lexer, at);
    if (byte_at(lexer, at) == '.' && byte_at(lexer, at + 1) != '.')
        at = scan_digits(lexer, at + 1);
    if (is_letter(byte_at(lexer, at), 'e')) {
        char sign = byte_at(lexer, at + 1);
        size_t digits = at + 1 + (sign == '+' || sign == '-');
        if (class_at(lexer, digits) & DIGIT)
            at = scan_digits(lexer, digits);
    }
    return at;
}

/* PostgreSQL's rule: the longest run, but a + or - at its end stands alone unless the run holds
 * one of the characters below; so `a=-1` is `a = -1`. */
static size_t scan_operator(Lexer *lexer, size_t at) {
    size_t end = at;
    bool special = false;
    if (at < lexer->signs_until)
        return at + 1;
    while (class_at(lexer, end) & OPERATOR) {
        char c = lexer->sql[end], after = byte_at(lexer, end + 1);
        if ((c == '-' && after == '-') || (c == '/' && after == '*'))
            break;
        special = special || strchr("~!@#^&|`?%", c);
        end++;
    }
    lexer->signs_until = end;
    while (!special && end - at > 1 && (lexer->sql[end - 1] == '+' || lexer->sql[end - 1] == '-'))
        end--;
    return end;
}

/* :: := .. are one; every other byte that starts nothing is an operator by itself. */
static size_t scan_punctuation(const Lexer *lexer, size_t at) {
    char c = lexer->sql[at], after = byte_at(lexer, at + 1);
    return at +
           ((c == ':' && (after == ':' || after == '=')) || (c == '.' && after == '.') ? 2 : 1);
}

/* Past the letters before the quote of E'' B'' X'' N'' U&'' U&""; or where it stands. */
static size_t skip_prefix(const Lexer *lexer, size_t at) {
    char c = lexer->sql[at], after = byte_at(lexer, at + 1), third = byte_at(lexer, at + 2);
    if (is_letter(c, 'u') && after == '&' && (third == '\'' || third == '"'))
        return at + 2;
    return c && after == '\'' && strchr("eEbBxXnN", c) ? at + 1 : at;
}

static size_t scan_string(Lexer *lexer, size_t at, size_t quote, size_t escape_line,
                          TokenKind *kind) {
    bool goes_on = quote == at && escape_line && lexer->line > escape_line;
    bool escapes = lexer->sql[quote] == '\'' && (is_letter(lexer->sql[at], 'e') || goes_on);
    *kind = lexer->sql[quote] == '"' ? TOKEN_QUOTED : TOKEN_STRING;
    size_t end = scan_quoted(lexer, quote, escapes ? ESCAPES_BACKSLASH : ESCAPES_NONE);
    if (escapes)
        lexer->escape_line = lexer->line;
    return end;
}

static size_t scan_word(const Lexer *lexer, size_t at) {
    while (class_at(lexer, at) & WORD)
        at++;
    return at;
}

static size_t scan(Lexer *lexer, size_t at, TokenKind *kind) {
    size_t escape_line = lexer->escape_line, tag;
    char c = lexer->sql[at], after = byte_at(lexer, at + 1);
    unsigned class = class_at(lexer, at);
    lexer->escape_line = 0;
    if (class & WORD_START || c == '\'' || c == '"') {
        size_t quote = skip_prefix(lexer, at);
        if (!(class_at(lexer, quote) & WORD_START))
            return scan_string(lexer, at, quote, escape_line, kind);
        *kind = TOKEN_WORD;
        return scan_word(lexer, at);
    }
    if (class & DIGIT || (c == '.' && class_at(lexer, at + 1) & DIGIT)) {
        *kind = TOKEN_NUMBER;
        return scan_number(lexer, at);
    }
    if (c == '-' && after == '-') {
        *kind = TOKEN_COMMENT;
        lexer->escape_line = escape_line;
        return scan_to_line_end(lexer, at);
    }
    if (c == '/' && after == '*') {
        *kind = TOKEN_COMMENT;
        return scan_block(lexer, at);
    }
    if (c == '$' && class_at(lexer, at + 1) & DIGIT) {
        *kind = TOKEN_PARAMETER;
        return scan_digits(lexer, at + 1);
    }
    if (c == '$' && (tag = tag_length(lexer, at))) {
        *kind = TOKEN_STRING;
        return scan_dollar(lexer, at, tag);
    }
    if (c == '\\') {
        *kind = TOKEN_META;
        return scan_to_line_end(lexer, at);
    }
    *kind = c == ';' ? TOKEN_SEMICOLON : TOKEN_OPERATOR;
    if (!c)
        return 0;
    return class & OPERATOR ? scan_operator(lexer, at) : scan_punctuation(lexer, at);
}

Token lexer_next(Lexer *lexer) {
    size_t at = skip_space(lexer, lexer->at);
    Token token = {.at = at, .line = lexer->line, .line_start = lexer->line_start};
    if (at >= lexer->length) {
        lexer->at = token.at = lexer->length;
        return token;
    }
    size_t end = scan(lexer, at, &token.kind);
    if (!end) {
        token.kind = TOKEN_BAD;
        end = lexer->length;
    }
    token.length = end - at;
    lexer->at = end;
    return token;
}

bool lexer_is(const Lexer *lexer, Token token, const char *word) {
    const char *text = lexer->sql + token.at;
    if (token.kind != TOKEN_WORD)
        return false;
    for (size_t i = 0; i < token.length; i++)
        if (text[i] != word[i] && !((text[i] ^ word[i]) == 0x20 && is_any_letter(word[i])))
            return false;
    return !word[token.length];
}

bool lexer_is_operator(const Lexer *lexer, Token token, const char *characters) {
    return token.kind == TOKEN_OPERATOR && strlen(characters) == token.length &&
           memcmp(lexer->sql + token.at, characters, token.length) == 0;
}

size_t lexer_column(const Lexer *lexer, Token token) {
    return lexer_characters(lexer->sql + token.line_start, token.at - token.line_start) + 1;
}

size_t lexer_characters(const char *text, size_t length) {
    size_t characters = 0, at = 0;
    while (at < length) {
        unsigned char c = (unsigned char)text[at++];
        size_t more = c < 0x80 ? 0 : c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if ((c >= 0x80 && c < 0xc2) || c > 0xf4 || length - at < more)
            return length;
        for (; more; more--)
            if (((unsigned char)text[at++] & 0xc0) != 0x80)
                return length;
        characters++;
    }
    return characters;
}

FailPlace lexer_place(Arena *a, const char *file, const char *text, size_t byte) {
    Lexer lexer = lexer_on(text, byte);
    lexer_skip_to(&lexer, byte);
    size_t start = lexer.line_start < byte ? lexer.line_start : byte;
    return (FailPlace){
        .file = file,
        .line = lexer.line,
        .column = lexer_characters(text + start, byte - start) + 1,
        .source = arena_bytes(a, text + start, strcspn(text + start, "\r\n")),
    };
}
