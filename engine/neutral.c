#include "neutral.h"

#include "lexer.h"

#include <string.h>

/* What of a statement may run code that we do not see. */
typedef enum { NOTHING_RUNS, CALLS_RUN, EXPRESSIONS_RUN } Runs;

/* The first words of the statements that can be vouched for. */
static const struct {
    const char *words[2];
    Runs runs;
} vouched[] = {
    {{"CREATE", "TABLE"}, NOTHING_RUNS},    {{"CREATE", "INDEX"}, NOTHING_RUNS},
    {{"CREATE", "UNIQUE"}, NOTHING_RUNS},   {{"CREATE", "TYPE"}, NOTHING_RUNS},
    {{"CREATE", "FUNCTION"}, NOTHING_RUNS}, {{"CREATE", "SCHEMA"}, NOTHING_RUNS},
    {{"CREATE", "SEQUENCE"}, NOTHING_RUNS}, {{"CREATE", "VIEW"}, NOTHING_RUNS},
    {{"CREATE", "TRIGGER"}, NOTHING_RUNS},  {{"ALTER", "TABLE"}, EXPRESSIONS_RUN},
    {{"ALTER", "INDEX"}, NOTHING_RUNS},     {{"ALTER", "SEQUENCE"}, NOTHING_RUNS},
    {{"DROP", "TABLE"}, NOTHING_RUNS},      {{"DROP", "INDEX"}, NOTHING_RUNS},
    {{"DROP", "VIEW"}, NOTHING_RUNS},       {{"DROP", "FUNCTION"}, NOTHING_RUNS},
    {{"DROP", "TYPE"}, NOTHING_RUNS},       {{"COMMENT", "ON"}, NOTHING_RUNS},
    {{"GRANT", NULL}, NOTHING_RUNS},        {{"REVOKE", NULL}, NOTHING_RUNS},
    {{"SELECT", NULL}, CALLS_RUN},
};

static bool is_any(const Lexer *lexer, Token token, const char *const *words) {
    for (; *words; words++)
        if (lexer_is(lexer, token, *words))
            return true;
    return false;
}

/* A word that opens what is run, or that makes something of the session's own. */
static bool alarms(const Lexer *lexer, Token token, Token before, Runs runs) {
    static const char *const always[] = {"TEMP", "TEMPORARY", "AS", NULL};
    static const char *const in_alter[] = {"USING", "DEFAULT", "CHECK", "VALIDATE", NULL};
    static const char *const in_select[] = {"FROM", "INTO", NULL};
    if (runs == CALLS_RUN)
        return is_any(lexer, token, in_select) ||
               (token.kind == TOKEN_OPERATOR && lexer->sql[token.at] == '(' &&
                (before.kind == TOKEN_WORD || before.kind == TOKEN_QUOTED));
    if (runs == EXPRESSIONS_RUN)
        return is_any(lexer, token, in_alter);
    return is_any(lexer, token, always);
}

static void skip_comments(Lexer *lexer, Token *token) {
    do
        *token = lexer_next(lexer);
    while (token->kind == TOKEN_COMMENT);
}

static bool is_neutral(const char *text, const Statement *s) {
    Lexer lexer = lexer_on(text + s->at, s->length);
    Token first, token, before;
    skip_comments(&lexer, &first);
    skip_comments(&lexer, &token);
    size_t i = 0, count = sizeof vouched / sizeof *vouched;
    while (i < count && !(lexer_is(&lexer, first, vouched[i].words[0]) &&
                          (!vouched[i].words[1] || lexer_is(&lexer, token, vouched[i].words[1]))))
        i++;
    if (i == count)
        return false;
    bool routine = vouched[i].words[1] && (strcmp(vouched[i].words[1], "FUNCTION") == 0 ||
                                           strcmp(vouched[i].words[1], "VIEW") == 0 ||
                                           strcmp(vouched[i].words[1], "TYPE") == 0);
    for (before = first; token.kind != TOKEN_END; skip_comments(&lexer, &token)) {
        if (!(routine && lexer_is(&lexer, token, "AS")) &&
            alarms(&lexer, token, before, vouched[i].runs))
            return false;
        before = token;
    }
    return true;
}

bool neutral_half(const SqlHalf *half) {
    for (size_t i = 0; i < half->statements.count; i++)
        if (half->statements.at[i].kind != STATEMENT_PLAIN || half->statements.at[i].filled ||
            !is_neutral(half->text, &half->statements.at[i]))
            return false;
    return true;
}
