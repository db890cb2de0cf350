#include "step.h"

#include "border.h"
#include "clock.h"
#include "fail.h"
#include "log.h"
#include "message.h"
#include "session.h"
#include "sql.h"
#include "text.h"
#include "variable.h"

#include <string.h>

StepAnswer step_failed_or_lost(const Step *step) {
    return pg_state(step->pg) == PG_LOST ? STEP_LOST : STEP_FAILED;
}

static const char *number(Step *step, long long n) {
    return arena_format(step->arena, "%lld", n);
}

static const char *ours(Step *step, const char *sql, PgArgs args) {
    return ledger_inline(step->pg, step->arena, step->schema, sql, args);
}

static const char *open_sql(Step *step, const char *sql) {
    const Migration *m = step->migration;
    long statements = step->half ? (long)step->half->statements.count : 1;
    return ours(step, sql,
                PG_WITH(m->id, m->version, m->name, migration_kind(m->kind),
                        number(step, statements), number(step, step->run), m->checksum, m->tokens,
                        m->down_tokens, m->text.at, m->down_path ? m->down_text.at : NULL,
                        ledger_who(), step->repeated));
}

static const char *revert_sql(Step *step) {
    const SqlHalf *half = step->half;
    const char *text =
        half ? arena_bytes(step->arena, half->text + half->from, half->to - half->from) : NULL;
    return ours(step, SQL_REVERT_OPEN,
                PG_WITH(step->migration->id, number(step, step->run_believed),
                        number(step, step->run),
                        number(step, half ? (long long)half->statements.count : 1), text));
}

static bool ends_file(const Step *step, long position) {
    return !step->half || (size_t)position == step->half->statements.count;
}

const char *step_position_sql(Step *step, long position) {
    const char *id = step->migration->id, *reached = number(step, position);
    if (!ends_file(step, position))
        return ours(step, SQL_LEDGER_ADVANCE, PG_WITH(id, reached));
    return step->way == STEP_DOWN ? ours(step, SQL_REVERT_FINISH, PG_WITH(id, ledger_who()))
                                  : ours(step, SQL_LEDGER_FINISH, PG_WITH(id, reached));
}

/* The ledger write that opens the transaction: it waits for, and dies of, another run's. */
static void add_fence(Step *step, Message *message, const char *open) {
    const Migration *m = step->migration;
    if (step->begun) {
        message_add_fence(message,
                          ours(step, SQL_LEDGER_FENCE,
                               PG_WITH(m->id, number(step, step->position),
                                       number(step, step->run_believed), number(step, step->run))));
        return;
    }
    if (step->rolled_back)
        message_add(message, ours(step, SQL_LEDGER_FORGET, PG_WITH(m->id)), 1);
    message_add_fence(message, step->way == STEP_DOWN ? revert_sql(step)
                               : step->repeated       ? open_sql(step, SQL_LEDGER_REPEAT)
                                                      : open_sql(step, open));
}

/* What the file SET for its own statements must not reach ours. */
static void add_own_role(Step *step, Message *message) {
    message_add(message, session_own_role(step->arena, step->pg), 2);
}

/* Somebody else holds or has written the row that our fence wanted. */
static bool is_taken(const char *sqlstate) {
    return text_same(sqlstate, "23505") || text_same(sqlstate, "22012") ||
           text_same(sqlstate, "55P03") || text_same(sqlstate, "40P01");
}

static const Statement *statement_failed(const Step *step) {
    return &step->half->statements.at[step->failed];
}

/* The statement commits or refuses to be in a transaction: only the server could know. */
static bool wants_no_transaction(const char *sqlstate) {
    return text_same(sqlstate, "2D000") || text_same(sqlstate, "25001");
}

static StepAnswer answer_failure(Step *step, const Message *message, size_t completed) {
    PgError error = *pg_error(step->pg);
    char sqlstate[6];
    memcpy(sqlstate, error.sqlstate, sizeof sqlstate);
    if (error.lost)
        return STEP_LOST;
    MessageWhere where =
        message_where(message, completed, error.position, &step->failed, &step->place);
    if (where == MESSAGE_FENCE && is_taken(sqlstate)) {
        pg_roll_back(step->pg);
        fail_clear();
        return STEP_TAKEN;
    }
    if (where == MESSAGE_STATEMENT) {
        fail_at(step->place);
        if (wants_no_transaction(sqlstate) && !statement_failed(step)->sets_transaction) {
            pg_roll_back(step->pg);
            return STEP_SPLIT;
        }
    } else if (where == MESSAGE_OURS && message->half)
        fail_in("at the end of the transaction");
    pg_roll_back(step->pg);
    return retreat_is_lock(step->retreat) ? STEP_LOCKED : STEP_FAILED;
}

/* This try's patience with locks; the first has the session's own. */
static void add_patience(Step *step, Message *message) {
    const char *setting = retreat_setting(step->retreat, step->arena);
    if (setting)
        message_add(message, setting, 1);
}

static StepAnswer send(Step *step, const Message *message) {
    size_t completed;
    if (step->guard)
        step->guard->message = message;
    bool ok = pg_message(step->pg, message->text.at, message_copies(message), &completed);
    if (step->guard)
        step->guard->message = NULL;
    if (!ok)
        return answer_failure(step, message, completed);
    if (!guard_has_tripped(step->guard) || step->guard->number)
        return STEP_DONE;
    pg_roll_back(step->pg); /* it was over before it could be cancelled */
    return STEP_FAILED;
}

static StepAnswer commit(Step *step, Message *message) {
    StepAnswer answer = step->guard ? send(step, message) : STEP_DONE;
    if (answer != STEP_DONE)
        return answer;
    if (step->guard)
        *message = message_on(step->arena, step->half, step->migration->name);
    message_add(message, "COMMIT", 1);
    return send(step, message);
}

/* The end of the file's last transaction: what is to be asked of it is asked inside. */
static StepAnswer commit_last(Step *step, Message *message) {
    if (!step->ask)
        return commit(step, message);
    StepAnswer answer = send(step, message);
    if (answer != STEP_DONE)
        return answer;
    if (!step->ask(step->ask_with)) {
        pg_roll_back(step->pg);
        return step_failed_or_lost(step);
    }
    Message end = message_on(step->arena, step->half, step->migration->name);
    answer = commit(step, &end);
    step->asked = answer == STEP_DONE;
    return answer;
}

const char *step_stands(const Step *step) {
    return arena_format(step->arena, "%ld of %zu statements %s", step->position,
                        step->half ? step->half->statements.count : 1,
                        step->way == STEP_UP ? "are applied" : "of its way down are done");
}

static StepAnswer moved_on(Step *step, long position) {
    step->begun = true;
    step->rolled_back = false;
    step->run_believed = step->run;
    step->position = position;
    step->prelude = NULL;
    return STEP_DONE;
}

static void add_prelude(Step *step, Message *message) {
    if (step->prelude)
        message_add(message, step->prelude, step->prelude_count);
}

StepAnswer step_write(Step *step, const char *sql, size_t count) {
    Message message = message_on(step->arena, NULL, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, "BEGIN", 1);
    add_own_role(step, &message);
    add_fence(step, &message, SQL_LEDGER_OPEN);
    message_add(&message, sql, count);
    message_add(&message, "COMMIT", 1);
    StepAnswer answer = send(step, &message);
    return answer == STEP_DONE ? moved_on(step, step->position) : answer;
}

StepAnswer step_aside(Step *step, const char *sql) {
    Message message = message_on(step->arena, NULL, step->migration->name);
    message_add(&message, "BEGIN", 1);
    add_own_role(step, &message);
    message_add(&message, sql, 1);
    return commit(step, &message);
}

StepAnswer step_note(Step *step, const char *kind, const char *text) {
    return step_aside(step, ours(step, SQL_LEDGER_EVENT,
                                 PG_WITH(number(step, step->run), step->migration->id, kind,
                                         ledger_who(), text, NULL)));
}

StepAnswer step_prelude(Step *step) {
    if (!step->prelude)
        return STEP_DONE;
    Message alone = message_on(step->arena, NULL, NULL);
    add_prelude(step, &alone);
    StepAnswer answer = send(step, &alone);
    if (answer == STEP_DONE) {
        step->prelude = NULL;
        if (step->session)
            step->session->prepared = false; /* it deallocates */
    }
    return answer;
}

/* Preparing pays from about this many quiet files on. */
enum { PREPARE_AFTER = 4 };

/* How the row of a whole file is written: as a prepared statement where the session has it. */
static const char *apply_sql(Step *step) {
    StepSession *session = step->session;
    if (!session || step->repeated)
        return SQL_LEDGER_APPLY;
    if (step->prelude) /* it deallocates */
        session->prepared = false;
    else if (!session->prepared && session->quiet == PREPARE_AFTER)
        session->prepared = pg_do(
            step->pg, ledger_sql(step->arena, step->schema, SQL_LEDGER_PREPARE_APPLY), PG_NONE);
    return session->prepared ? SQL_LEDGER_EXECUTE_APPLY : SQL_LEDGER_APPLY;
}

/* A file that fits in one transaction of ours: its row is written once, as what it will be. */
static StepAnswer whole_file(Step *step, const Part *part) {
    const char *apply = apply_sql(step);
    Message message = message_on(step->arena, step->half, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, "BEGIN", 1);
    add_patience(step, &message);
    add_fence(step, &message, apply);
    border_add_work(step->half, &message, part->first, part->first + part->count);
    StepAnswer answer = commit_last(step, &message);
    return answer == STEP_DONE ? moved_on(step, (long)part->count) : answer;
}

StepAnswer step_part(Step *step, const Part *part) {
    long after = (long)(part->first + part->count);
    bool is_last = ends_file(step, after);
    if (is_last && !step->begun && step->way == STEP_UP && part->kind == PART_TRANSACTION &&
        !border_has_modes(step->half, part))
        return whole_file(step, part);
    if (border_has_modes(step->half, part)) { /* SET TRANSACTION comes before any query, our fence
                                                 included */
        StepAnswer answer = step_prelude(step);
        if (answer != STEP_DONE)
            return answer;
    }
    Message message = message_on(step->arena, step->half, step->migration->name);
    add_prelude(step, &message);
    message_add(&message, border_opening(step->arena, step->half, part), 1);
    size_t next = border_add_modes(step->half, part, &message), end = part->first + part->count;
    bool fence_last =
        part->kind == PART_ROLLED_BACK || (step->begun && border_changes_role(step->half));
    add_patience(step, &message);
    if (!fence_last)
        add_fence(step, &message, SQL_LEDGER_OPEN);
    border_add_work(step->half, &message, next, end);
    if (part->kind == PART_ROLLED_BACK)
        message_add(&message, "ROLLBACK; BEGIN", 2);
    add_own_role(step, &message);
    if (fence_last)
        add_fence(step, &message, SQL_LEDGER_OPEN);
    message_add(&message, step_position_sql(step, after), 1);
    StepAnswer answer = is_last ? commit_last(step, &message) : commit(step, &message);
    return answer == STEP_DONE ? moved_on(step, after) : answer;
}

/* Outside of a transaction: whatever happens from here on, it may have done something. */
static bool call_bare(Step *step, const char *function) {
    moved_on(step, 0);
    script_alarm_code(FAIL_PARTIAL);
    bool ok = script_call(&step->migration->declaration, function, step->pg);
    script_alarm_code(FAIL_MIGRATION);
    return ok;
}

/* Its end, when no transaction is open: the function has run, so nothing is tried again. */
static StepAnswer close_bare(Step *step) {
    StepAnswer answer = step_aside(step, step_position_sql(step, 1));
    if (answer == STEP_LOCKED)
        return STEP_FAILED;
    return answer == STEP_DONE ? moved_on(step, 1) : answer;
}

StepAnswer step_lua(Step *step) {
    const Declaration *d = &step->migration->declaration;
    const char *function = step->way == STEP_UP ? "up" : "down";
    bool in_transaction = script_flag(d, "transaction", true);
    Message opening = message_on(step->arena, NULL, step->migration->name);
    add_prelude(step, &opening);
    message_add(&opening, "BEGIN", 1);
    add_patience(step, &opening);
    add_fence(step, &opening, SQL_LEDGER_OPEN);
    if (!in_transaction) {
        message_add(&opening,
                    ours(step, SQL_LEDGER_INTEND, PG_WITH(step->migration->id, "1", NULL)), 1);
        message_add(&opening, "COMMIT", 1);
    }
    StepAnswer answer = send(step, &opening);
    if (answer != STEP_DONE)
        return answer;
    if (!(in_transaction ? script_call(d, function, step->pg) : call_bare(step, function))) {
        if (pg_state(step->pg) == PG_LOST)
            return STEP_LOST;
        pg_roll_back(step->pg);
        if (in_transaction && retreat_is_lock(step->retreat))
            return STEP_LOCKED;
        return STEP_FAILED;
    }
    if (!in_transaction)
        return close_bare(step);
    Message closing = message_on(step->arena, NULL, step->migration->name);
    add_own_role(step, &closing);
    message_add(&closing, step_position_sql(step, 1), 1);
    answer = commit_last(step, &closing);
    return answer == STEP_DONE ? moved_on(step, 1) : answer;
}
