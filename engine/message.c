#include "message.h"

#include "variable.h"

#include <string.h>

typedef struct MessagePiece {
    size_t statement; /* of the half */
    size_t order;     /* in the message, from 0 */
    size_t at;        /* byte of the message */
} Piece;

/* A file's name may hold what begins or ends a comment. */
static size_t plain_length(const char *note) {
    size_t length = strlen(note);
    for (size_t i = 0; i + 1 < length; i++)
        if ((note[i] == '/' && note[i + 1] == '*') || (note[i] == '*' && note[i + 1] == '/'))
            return i;
    return length;
}

Message message_on(Arena *a, const SqlHalf *half, const char *note) {
    size_t most = half ? half->statements.count : 0;
    Message message = {.arena = a,
                       .text = text_on(a),
                       .fence = (size_t)-1,
                       .half = half,
                       .piece = arena_take(a, (most + 1) * sizeof(Piece)),
                       .copy = arena_take(a, (most + 1) * sizeof(Bytes))};
    if (note)
        text_addf(&message.text, "/* stint: %.*s */ ", (int)plain_length(note), note);
    return message;
}

void message_add(Message *message, const char *sql, size_t count) {
    text_add(&message->text, sql);
    text_add(&message->text, ";\n");
    message->count += count;
}

void message_add_fence(Message *message, const char *sql) {
    message->fence = message->count;
    message_add(message, sql, 1);
}

void message_add_statement(Message *message, size_t number) {
    const Statement *s = &message->half->statements.at[number];
    message->piece[message->piece_count++] = (Piece){number, message->count, message->text.length};
    Bytes sql = variable_sql(message->half, s);
    text_add_bytes(&message->text, sql.at, sql.length);
    text_add(&message->text, "\n;\n"); /* the line end closes a trailing comment */
    message->count++;
    if (s->copies_in)
        message->copy[message->copy_count++] =
            (Bytes){message->half->text + s->data_at, s->data_length};
}

PgCopies message_copies(const Message *message) {
    return (PgCopies){message->copy_count, message->copy};
}

static const Piece *piece_at(const Message *message, size_t byte) {
    const Piece *found = NULL;
    for (size_t i = 0; i < message->piece_count; i++)
        if (message->piece[i].at <= byte)
            found = &message->piece[i];
    return found;
}

MessageWhere message_where(const Message *message, size_t completed, long position,
                           size_t *statement, FailPlace *place) {
    const Piece *failed = NULL;
    for (size_t i = 0; i < message->piece_count; i++)
        if (message->piece[i].order == completed)
            failed = &message->piece[i];
    size_t byte =
        position > 0 ? sqlfile_byte(message->text.at, message->text.length, 0, (size_t)position - 1)
                     : (size_t)-1;
    /* a text that cannot be parsed fails before anything runs: then only the position tells */
    if (!failed && !completed && position > 0)
        failed = piece_at(message, byte);
    if (!failed)
        return completed == message->fence ? MESSAGE_FENCE : MESSAGE_OURS;
    const Statement *s = &message->half->statements.at[failed->statement];
    size_t length = variable_sql(message->half, s).length;
    bool inside = byte != (size_t)-1 && byte >= failed->at && byte <= failed->at + length;
    size_t home = variable_home(s, inside ? byte - failed->at : 0);
    *statement = failed->statement;
    *place = lexer_place(message->arena, message->half->file, message->half->text, home);
    if (inside)
        variable_hint(message->half, home);
    return MESSAGE_STATEMENT;
}
