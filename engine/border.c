#include "border.h"

#include "text.h"
#include "variable.h"

bool border_changes_role(const SqlHalf *half) {
    for (size_t i = 0; i < half->statements.count; i++) {
        const Statement *s = &half->statements.at[i];
        Bytes sql = variable_sql(half, s);
        for (size_t at = 0; s->kind == STATEMENT_SESSION && at + 4 <= sql.length; at++)
            if (text_same_bytes(sql.at + at, "role", 4) || text_same_bytes(sql.at + at, "auth", 4))
                return true;
    }
    return false;
}

static bool is_border(const Statement *s) {
    return s->kind == STATEMENT_BEGIN || s->kind == STATEMENT_COMMIT ||
           s->kind == STATEMENT_ROLLBACK;
}

/* The file's own BEGIN of a part; one that goes on after AND CHAIN has it in a part before. */
static size_t begin_of(const SqlHalf *half, const Part *part) {
    size_t i = part->first;
    while (i > 0 && half->statements.at[i].kind != STATEMENT_BEGIN)
        i--;
    return i;
}

const char *border_opening(Arena *a, const SqlHalf *half, const Part *part) {
    if (part->kind == PART_TRANSACTION)
        return "BEGIN";
    const Statement *first = &half->statements.at[begin_of(half, part)];
    Bytes sql = variable_sql(half, first);
    return arena_bytes(a, sql.at, sql.length);
}

size_t border_add_modes(const SqlHalf *half, const Part *part, Message *message) {
    size_t next = part->first, end = part->first + part->count;
    size_t begin = part->kind == PART_TRANSACTION ? next : begin_of(half, part);
    for (size_t i = begin; i < part->first; i++)
        if (half->statements.at[i].sets_transaction)
            message_add_statement(message, i);
    for (; next < end; next++) {
        const Statement *s = &half->statements.at[next];
        if (s->sets_transaction)
            message_add_statement(message, next);
        else if (!is_border(s))
            break;
    }
    return next;
}

bool border_has_modes(const SqlHalf *half, const Part *part) {
    for (size_t i = part->first; i < part->first + part->count; i++)
        if (!is_border(&half->statements.at[i]))
            return half->statements.at[i].sets_transaction;
    return false;
}

void border_add_work(const SqlHalf *half, Message *message, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (!is_border(&half->statements.at[i]))
            message_add_statement(message, i);
}
