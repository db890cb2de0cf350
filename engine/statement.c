#include "statement.h"

#include "digest.h"
#include "directive.h"
#include "fail.h"
#include "meta.h"
#include "shape.h"
#include "text.h"
#include "walk.h"

#include <ctype.h>
#include <string.h>

static bool fails_at(const char *file, const char *text, size_t byte, const char *hint) {
    Arena *a = arena_new();
    fail_hint("%s", hint);
    fail_at(lexer_place(a, file, text, byte));
    arena_free(a);
    return false;
}

/* --- cutting --- */

typedef struct {
    Arena *arena, *aside; /* aside: where the list grows */
    const char *file, *text;
    Walk walk;
    Token first[SHAPE_TOKENS]; /* of the present statement */
    Token last;
    Statements out;
    size_t room;
} Cutter;

static Statement *add_statement(Cutter *cutter) {
    Statements *out = &cutter->out;
    if (out->count == cutter->room) {
        size_t room = cutter->room ? cutter->room * 2 : 4;
        out->at = arena_grow(cutter->aside, out->at, cutter->room * sizeof *out->at,
                             room * sizeof *out->at);
        cutter->room = room;
    }
    return &out->at[out->count++];
}

/* Columns are counted on from the statement before, so that a file in one long line stays linear
 * in time. */
static size_t column_of(const Cutter *cutter, const Statement *before, Token token) {
    if (!before || before->line != token.line)
        return lexer_column(&cutter->walk.lexer, token);
    return before->column + lexer_characters(cutter->text + before->at, token.at - before->at);
}

static void end_statement(Cutter *cutter) {
    size_t count = cutter->walk.count;
    if (!count)
        return;
    Statement *statement = add_statement(cutter);
    const Statement *before = cutter->out.count > 1 ? statement - 1 : NULL;
    Token first = cutter->first[0];
    *statement = (Statement){
        .at = first.at,
        .length = cutter->last.at + cutter->last.length - first.at,
        .line = first.line,
        .column = column_of(cutter, before, first),
        .copies_in = cutter->walk.copies,
    };
    bool whole = count <= SHAPE_TOKENS;
    ShapeTokens tokens = {&cutter->walk.lexer, cutter->first, whole ? count : SHAPE_TOKENS, whole};
    shape_of(cutter->arena, tokens, statement);
}

static void take_token(Cutter *cutter, Token token) {
    size_t i = cutter->walk.count - 1;
    if (i < SHAPE_TOKENS)
        cutter->first[i] = token;
    cutter->last = token;
}

/* What never ends, told by how it begins. */
static bool fails_bad(const Cutter *cutter, Token token) {
    const char *at = cutter->text + token.at, *end = at + token.length;
    const char *nul = memchr(at, 0, token.length);
    if (nul) {
        fail(FAIL_CONFIG, "a NUL byte stands in the text");
        return fails_at(cutter->file, cutter->text, (size_t)(nul - cutter->text),
                        "PostgreSQL takes none: save the file as plain text (UTF-8)");
    }
    if (*at == '$') {
        const char *close = memchr(at + 1, '$', (size_t)(end - at - 1));
        Arena *a = arena_new();
        const char *tag = arena_bytes(a, at, (size_t)(close + 1 - at));
        fail(FAIL_CONFIG, "the text quoted by %s never ends", tag);
        fails_at(cutter->file, cutter->text, token.at, arena_format(a, "write %s at its end", tag));
        arena_free(a);
        return false;
    }
    if (*at == '/') {
        fail(FAIL_CONFIG, "the comment never ends");
        return fails_at(cutter->file, cutter->text, token.at,
                        "write */ at its end; comments nest, so each /* wants its own");
    }
    bool identifier = memchr(at, '"', token.length < 3 ? token.length : 3) &&
                      (*at == '"' || *at == 'u' || *at == 'U') && at[token.length > 1] != '\'';
    fail(FAIL_CONFIG, identifier ? "the quoted name never ends" : "the string never ends");
    return fails_at(cutter->file, cutter->text, token.at,
                    identifier ? "write \" at its end; a \" within it is written \"\""
                               : "write ' at its end; a ' within it is written ''");
}

static bool take_piece(Cutter *cutter, WalkKind kind, Token token) {
    Statements *out = &cutter->out;
    switch (kind) {
    case WALK_TOKEN:
        take_token(cutter, token);
        return true;
    case WALK_CUT:
    case WALK_END:
        end_statement(cutter);
        return true;
    case WALK_META:
        return cutter->walk.count ? meta_refuse(cutter->file, cutter->text, token)
                                  : meta_check(cutter->file, cutter->text, token);
    case WALK_DATA:
        out->at[out->count - 1].data_at = token.at;
        out->at[out->count - 1].data_length = token.length;
        return true;
    case WALK_STRAY:
        fail(FAIL_CONFIG, "the data of COPY ... FROM STDIN begin with the next line, but something "
                          "follows in this one");
        return fails_at(cutter->file, cutter->text, token.at,
                        "put it on a line of its own, below the line \\. that ends the data");
    case WALK_BAD:
        return fails_bad(cutter, token);
    case WALK_COMMENT:
        return true;
    }
    return true;
}

bool statement_cut(Arena *a, const char *file, const char *text, size_t from, size_t to,
                   Statements *out) {
    Cutter cutter = {.arena = a,
                     .aside = arena_new(),
                     .file = file,
                     .text = text,
                     .walk = walk_on(text, from, to)};
    WalkKind kind;
    bool ok;
    do {
        Token token;
        kind = walk_next(&cutter.walk, &token);
        ok = take_piece(&cutter, kind, token);
    } while (ok && kind != WALK_END);
    size_t size = cutter.out.count * sizeof *cutter.out.at;
    *out = (Statements){cutter.out.count, arena_take(a, size)};
    if (size)
        memcpy(out->at, cutter.out.at, size);
    arena_free(cutter.aside);
    return ok;
}

/* --- the hash that an edit is judged by --- */

/* CRLF and CR become LF: git changes line ends within strings and data too. */
static void add_lines(Digest *digest, const char *at, size_t length) {
    const char *end = at + length, *cr;
    while ((cr = memchr(at, '\r', (size_t)(end - at)))) {
        digest_add(digest, at, (size_t)(cr - at));
        digest_add(digest, "\n", 1);
        at = cr + 1 + (cr + 1 < end && cr[1] == '\n');
    }
    digest_add(digest, at, (size_t)(end - at));
}

static void add_token(Digest *digest, const char *at, size_t length) {
    add_lines(digest, at, length);
    digest_add(digest, "", 1);
}

static void add_directive(Digest *digest, const char *text, Token comment) {
    Arena *a = arena_new();
    const char *said = directive_text(a, text, comment);
    add_token(digest, said, strlen(said));
    arena_free(a);
}

/* Each statement ends with a semicolon here, whether or not the text has one behind its last, and
 * empty ones count for nothing. */
const char *statement_tokens(Arena *a, const char *text, size_t from, size_t to) {
    Digest *digest = digest_new();
    Walk walk = walk_on(text, from, to);
    WalkKind kind;
    do {
        Token token;
        kind = walk_next(&walk, &token);
        if (kind == WALK_COMMENT && directive_is(text, token))
            add_directive(digest, text, token);
        else if ((kind == WALK_CUT || kind == WALK_END) && walk.count)
            add_token(digest, ";", 1);
        else if (kind == WALK_TOKEN || kind == WALK_DATA || kind == WALK_STRAY || kind == WALK_BAD)
            add_token(digest, text + token.at, token.length);
    } while (kind != WALK_END);
    return digest_end(a, digest);
}

/* --- parts --- */

/* public."Mood" and Mood are the same type here: to be wrong costs a transaction at worst. */
static const char *folded(Arena *a, const char *name) {
    char *plain = arena_take(a, strlen(name) + 1), *to = plain;
    for (const char *c = name; *c; c++)
        if (*c != '"')
            *to++ = (char)tolower((unsigned char)*c);
    return text_starts(plain, "public.") ? plain + strlen("public.") : plain;
}

/* An added value cannot be used before its transaction has ended, unless that transaction made
 * the type. */
static bool adds_to_foreign_enum(const Statements *statements) {
    Arena *a = arena_new();
    const char **made = arena_take(a, (statements->count + 1) * sizeof *made);
    size_t count = 0;
    bool foreign = false;
    for (size_t i = 0; i < statements->count && !foreign; i++) {
        const Statement *statement = &statements->at[i];
        if (statement->creates_type)
            made[count++] = folded(a, statement->object);
        foreign = statement->adds_enum_value;
        for (size_t n = 0; n < count && foreign; n++)
            foreign = strcmp(made[n], folded(a, statement->object)) != 0;
    }
    arena_free(a);
    return foreign;
}

static bool ends_transaction(const Statement *statement) {
    return statement->kind == STATEMENT_COMMIT || statement->kind == STATEMENT_ROLLBACK;
}

static bool fits_one_transaction(const Statements *statements) {
    for (size_t i = 0; i < statements->count; i++) {
        const Statement *statement = &statements->at[i];
        if (statement->kind == STATEMENT_SOLO || statement->kind == STATEMENT_BEGIN ||
            ends_transaction(statement))
            return false;
    }
    return !adds_to_foreign_enum(statements);
}

static bool refuse_prepared(const char *file, const char *text, const Statements *statements) {
    for (size_t i = 0; i < statements->count; i++) {
        if (strcmp(statements->at[i].words, "PREPARE TRANSACTION") != 0)
            continue;
        fail(FAIL_CONFIG, "prepared transactions cannot carry their ledger entry");
        return fails_at(file, text, statements->at[i].at, "end the transaction with COMMIT");
    }
    return true;
}

static void add_part(Parts *out, Part part) {
    out->at[out->count++] = part;
}

static bool is_idle(const Part *part, const Statements *statements) {
    size_t n = 0;
    while (n < part->count && ends_transaction(&statements->at[part->first + n]))
        n++;
    return n == part->count;
}

/* A statement for a transaction of ours. COMMIT and ROLLBACK that end nothing are left out when
 * such a part is run, so they never make one by themselves where another stands beside them; and
 * they never join one of the file's own transactions, where they would be taken for its border. */
static void add_to_ours(Parts *out, const Statements *statements, size_t i) {
    Part *last = out->count ? &out->at[out->count - 1] : NULL;
    bool ours = last && last->kind == PART_TRANSACTION;
    if (ours && (ends_transaction(&statements->at[i]) || is_idle(last, statements)))
        last->count++;
    else
        add_part(out, (Part){i, 1, PART_TRANSACTION});
}

/* The COMMIT or ROLLBACK of the transaction that `first` is in; `begin` began it. */
static bool find_end(const char *file, const char *text, const Statements *statements, size_t begin,
                     size_t first, size_t *end) {
    for (size_t i = first; i < statements->count; i++) {
        const Statement *statement = &statements->at[i];
        *end = i;
        if (ends_transaction(statement))
            return true;
        if (statement->kind != STATEMENT_SOLO)
            continue;
        fail(FAIL_CONFIG,
             "%s cannot be in a transaction, but the file's own is open since line %zu",
             statement->words, statements->at[begin].line);
        return fails_at(file, text, statement->at, "put COMMIT; before it, or move it behind");
    }
    fail(FAIL_CONFIG, "the transaction that begins here is never ended");
    return fails_at(file, text, statements->at[begin].at, "write COMMIT; where it ends");
}

static bool cut_parts(const char *file, const char *text, const Statements *statements,
                      Parts *out) {
    bool chained = false;
    for (size_t i = 0, end; i < statements->count || chained; i = end + 1) {
        end = i;
        if (chained || statements->at[i].kind == STATEMENT_BEGIN) {
            if (!find_end(file, text, statements, i - chained, i, &end))
                return false;
            if (statements->at[end].kind == STATEMENT_COMMIT)
                add_part(out, (Part){i, end - i + 1, PART_OWN});
            else
                add_part(out, (Part){i, end - i + 1, PART_ROLLED_BACK});
            chained = statements->at[end].chain;
        } else if (statements->at[i].kind == STATEMENT_SOLO) {
            add_part(out, (Part){i, 1, PART_SOLO});
        } else {
            add_to_ours(out, statements, i);
        }
    }
    return true;
}

bool statement_parts(Arena *a, const char *file, const char *text, const Statements *statements,
                     bool one_by_one, Parts *out) {
    *out = (Parts){0, arena_take(a, (statements->count + 1) * sizeof *out->at)};
    if (!refuse_prepared(file, text, statements))
        return false;
    if (!one_by_one && fits_one_transaction(statements)) {
        add_part(out, (Part){0, statements->count, PART_TRANSACTION});
        return true;
    }
    if (!cut_parts(file, text, statements, out))
        return false;
    if (!out->count)
        add_part(out, (Part){0, 0, PART_TRANSACTION});
    return true;
}
