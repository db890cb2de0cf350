#include "sandbox.h"

#include "lexer.h"

/* What db does not send. What PostgreSQL refuses itself is left to it. */

/* Words that begin what scripts may not send; a NULL stands for any second word. */
static const char *const transaction_words[][2] = {
    {"BEGIN", NULL},     {"START", "TRANSACTION"}, {"COMMIT", NULL},
    {"END", NULL},       {"ROLLBACK", NULL},       {"ABORT", NULL},
    {"SAVEPOINT", NULL}, {"RELEASE", NULL},        {"PREPARE", "TRANSACTION"},
};

static Token next_token(Lexer *lexer) {
    Token token = lexer_next(lexer);
    while (token.kind == TOKEN_COMMENT)
        token = lexer_next(lexer);
    return token;
}

static bool ends(Token token) {
    return token.kind == TOKEN_END || token.kind == TOKEN_BAD;
}

static const char *refused_words(const Lexer *lexer, Token first, Token second) {
    for (size_t i = 0; i < sizeof transaction_words / sizeof *transaction_words; i++) {
        const char *const *words = transaction_words[i];
        if (lexer_is(lexer, first, words[0]) && (!words[1] || lexer_is(lexer, second, words[1])))
            return "the transaction is Stint's own: BEGIN, COMMIT, ROLLBACK and SAVEPOINT are not "
                   "for scripts (db:transaction(function) is a savepoint; an error that nobody catches "
                   "undoes everything)";
    }
    return NULL;
}

static const char *refused_copy(const Lexer *lexer, Token before, Token token) {
    if (!lexer_is(lexer, before, "FROM") && !lexer_is(lexer, before, "TO"))
        return NULL;
    if (lexer_is(lexer, token, "PROGRAM"))
        return "COPY ... PROGRAM is not for scripts";
    if (lexer_is(lexer, token, "STDIN") || lexer_is(lexer, token, "STDOUT"))
        return "COPY from STDIN or to STDOUT is not for scripts; a .sql migration can carry the "
               "data";
    return NULL;
}

const char *lib_refusal(const char *sql, size_t length) {
    Lexer lexer = lexer_on(sql, length);
    Token first = next_token(&lexer), token = first, before = first;
    int depth = 0;
    if (first.kind == TOKEN_END || first.kind == TOKEN_SEMICOLON)
        return "there is no statement in this text";
    bool copies = lexer_is(&lexer, first, "COPY"), creates = lexer_is(&lexer, first, "CREATE");
    const char *refused = NULL;
    for (size_t n = 1; !ends(token) && !refused; n++, before = token, token = next_token(&lexer)) {
        if (n == 2)
            refused = refused_words(&lexer, first, token);
        if (creates && lexer_is(&lexer, before, "BEGIN") && lexer_is(&lexer, token, "ATOMIC"))
            return NULL; /* a body with semicolons of its own */
        depth += lexer_is_operator(&lexer, token, "(") - lexer_is_operator(&lexer, token, ")");
        if (copies && depth == 0 && !refused)
            refused = refused_copy(&lexer, before, token);
        if (token.kind == TOKEN_SEMICOLON && depth <= 0)
            break;
    }
    if (!refused)
        refused = refused_words(&lexer, first, first); /* a word alone */
    if (refused || token.kind != TOKEN_SEMICOLON)
        return refused;
    return ends(next_token(&lexer)) ? NULL : "one statement a call: call again for the next";
}
