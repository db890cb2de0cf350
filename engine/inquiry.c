#include "inquiry.h"

#include "fail.h"
#include "file.h"
#include "sql.h"
#include "statement.h"

#include <string.h>

static void take(Arena *a, Inquiry *inquiry, size_t room) {
    *inquiry = (Inquiry){0, arena_take(a, (room + 1) * sizeof *inquiry->at)};
}

static void add(Inquiry *inquiry, const char *text) {
    inquiry->at[inquiry->count++] = (InquiryQuestion){.text = text, .is_fit = true};
}

bool inquiry_read(Arena *a, const char *file, Inquiry *out) {
    Bytes text;
    Statements list;
    if (!file_read(a, file, &text) || !statement_cut(a, file, text.at, 0, text.length, &list))
        return false;
    take(a, out, list.count);
    for (size_t i = 0; i < list.count; i++)
        add(out, arena_bytes(a, text.at + list.at[i].at, list.at[i].length));
    return true;
}

bool inquiry_ask(Arena *a, Pg *target, Inquiry *out) {
    PgRows rows;
    if (!pg_rows(target, a, &rows, SQL_INQUIRY_PATH, PG_NONE))
        return false;
    if (!rows.count) {
        fail(FAIL_ERROR, "the database has no pg_stat_statements to read its statements from");
        return fail_hint("CREATE EXTENSION pg_stat_statements there, or give a file of statements: "
                         "stint plan --queries FILE");
    }
    if (!pg_rows(target, a, &rows, SQL_INQUIRY_STATEMENTS, PG_NONE))
        return fail_in("pg_stat_statements");
    take(a, out, rows.count);
    for (size_t i = 0; i < rows.count; i++)
        add(out, pg_cell(&rows, i, 0));
    return true;
}

/* What is no statement that can be prepared fails the first time, and is left alone then. */
bool inquiry_try(Arena *a, Pg *pg, Inquiry *inquiry) {
    for (size_t i = 0; i < inquiry->count; i++) {
        InquiryQuestion *question = &inquiry->at[i];
        if (!question->is_fit)
            continue;
        question->is_fit =
            pg_do_all(pg, arena_format(a, "PREPARE stint_inquiry AS %s", question->text)) &&
            pg_do(pg, "DEALLOCATE stint_inquiry", PG_NONE);
        if (question->is_fit)
            continue;
        question->why = arena_string(a, failure()->message);
        pg_roll_back(pg);
        if (pg_state(pg) == PG_LOST)
            return false;
        fail_clear();
    }
    return true;
}
