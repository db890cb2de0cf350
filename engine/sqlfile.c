#include "sqlfile.h"

#include "encoding.h"
#include "fail.h"
#include "lexer.h"
#include "walk.h"

#include <string.h>

static bool fails_at(Arena *a, const char *path, const char *text, size_t byte, const char *hint) {
    fail_hint("%s", hint);
    return fail_at(lexer_place(a, path, text, byte));
}

/* The line that the halves of a file meet at: up ends where it begins, down begins where it
 * ends. */
typedef struct {
    bool found;
    size_t at, end;
} Border;

static Border border_at(Token comment) {
    return (Border){true, comment.at, comment.at + comment.length};
}

/* Directives are read into `up` until the down line, into `down` from there on. */
static bool read_directives(Arena *a, const char *path, Bytes text, Directives *up,
                            Directives *down, Border *border) {
    Walk walk = walk_on(text.at, 0, text.length);
    *up = *down = directive_none();
    *border = (Border){.end = text.length, .at = text.length};
    for (;;) {
        Token token;
        WalkKind kind = walk_next(&walk, &token);
        if (kind == WALK_END)
            return true;
        if (kind != WALK_COMMENT || !directive_is(text.at, token))
            continue;
        if (!directive_read(a, path, text.at, token, border->found ? down : up))
            return false;
        if (!directive_is_down(text.at, token))
            continue;
        if (border->found) {
            fail(FAIL_CONFIG, "a second down line");
            return fails_at(a, path, text.at, token.at, "a file has one way up and one way down");
        }
        *border = border_at(token);
    }
}

static bool read_half(Arena *a, SqlHalf *half) {
    half->tokens = statement_tokens(a, half->text, half->from, half->to);
    return statement_cut(a, half->file, half->text, half->from, half->to, &half->statements) &&
           encoding_check_settings(a, half->file, half->text, &half->statements) &&
           statement_parts(a, half->file, half->text, &half->statements,
                           half->directives.no_transaction, &half->parts);
}

static SqlHalf *half_new(Arena *a, SqlHalf is) {
    SqlHalf *half = arena_take(a, sizeof *half);
    *half = is;
    return half;
}

static bool read_twin(Arena *a, const char *path, Bytes text, SqlFile *out) {
    Directives own, none;
    Border border;
    if (!encoding_check(a, path, text) || !read_directives(a, path, text, &own, &none, &border))
        return false;
    if (border.found) {
        fail(FAIL_CONFIG, "a down line stands in a file that is all down");
        return fails_at(a, path, text.at, border.at, "remove the line");
    }
    out->down =
        half_new(a, (SqlHalf){.file = path, .text = text.at, .to = text.length, .directives = own});
    return true;
}

bool sqlfile_read(Arena *a, const char *path, Bytes text, const char *down_path, Bytes down_text,
                  SqlFile *out) {
    Border border;
    Directives up, down;
    *out = (SqlFile){.down = NULL};
    if (!encoding_check(a, path, text) || !read_directives(a, path, text, &up, &down, &border))
        return false;
    out->up = (SqlHalf){.file = path, .text = text.at, .to = border.at, .directives = up};
    if (border.found && down_text.at) {
        fail(FAIL_CONFIG, "there are two ways down: this line, and %s", down_path);
        return fails_at(a, path, text.at, border.at, "keep one of them");
    }
    if (border.found)
        out->down = half_new(a, (SqlHalf){.file = path,
                                          .text = text.at,
                                          .from = border.end,
                                          .to = text.length,
                                          .directives = down});
    if (down_text.at && !read_twin(a, down_path, down_text, out))
        return false;
    return read_half(a, &out->up) && (!out->down || read_half(a, out->down));
}

bool sqlfile_recall(Arena *a, const char *path, const char *text, const char *down_text,
                    SqlFile *out) {
    Bytes none = {NULL, 0}, up = {text, strlen(text)};
    Directives up_directives;
    Border border;
    if (!down_text)
        return sqlfile_read(a, path, up, NULL, none, out);
    if (!read_directives(a, path, up, &up_directives, &up_directives, &border))
        return false;
    up = (Bytes){arena_bytes(a, text, border.at), border.at};
    return sqlfile_read(a, path, up, path, (Bytes){down_text, strlen(down_text)}, out);
}

bool sqlfile_tokens(Arena *a, const char *path, Bytes text, const char **out) {
    Walk walk = walk_on(text.at, 0, text.length);
    size_t to = text.length;
    Token token;
    if (!encoding_check(a, path, text))
        return false;
    for (WalkKind kind; to == text.length && (kind = walk_next(&walk, &token)) != WALK_END;)
        if (kind == WALK_COMMENT && directive_is_down(text.at, token))
            to = token.at;
    *out = statement_tokens(a, text.at, 0, to);
    return true;
}

const char *sqlfile_excerpt(Arena *a, const char *text, long position) {
    if (position < 1)
        return NULL;
    size_t byte = sqlfile_byte(text, strlen(text), 0, (size_t)position - 1);
    FailPlace place = lexer_place(a, NULL, text, byte);
    const char *head = arena_format(a, "SQL line %zu: ", place.line);
    return arena_format(a, "%s%s\n%*s^", head, place.source, (int)(strlen(head) + place.column - 1),
                        "");
}

size_t sqlfile_byte(const char *text, size_t length, size_t from, size_t characters) {
    size_t at = from;
    while (at < length && characters--) {
        at++;
        while (at < length && ((unsigned char)text[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}
