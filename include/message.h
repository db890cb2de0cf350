/* message: what is sent to the server in one go (one message of the simple protocol): our own
 * statements around the file's, and where in it each of them stands, so that a failure can be
 * brought home to file, line and column. Refuses to send it. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "fail.h"
#include "pg.h"
#include "sqlfile.h"
#include "text.h"

typedef struct {
    Arena *arena;
    Text text;
    size_t count; /* statements so far */
    size_t fence; /* number of the fence, counted from 0; (size_t)-1: none */
    const SqlHalf *half;
    size_t piece_count;
    struct MessagePiece *piece; /* the file's statements in it */
    size_t copy_count;
    Bytes *copy;
} Message;

/* `half` may be NULL for a message without statements of a file. `note` (a file's name) is put
 * before as a comment, so that pg_stat_activity tells what runs. */
Message message_on(Arena *a, const SqlHalf *half, const char *note);
/* Statements of ours; `count` of them. */
void message_add(Message *message, const char *sql, size_t count);
void message_add_fence(Message *message, const char *sql);
void message_add_statement(Message *message, size_t statement);
PgCopies message_copies(const Message *message);

typedef enum { MESSAGE_FENCE, MESSAGE_STATEMENT, MESSAGE_OURS } MessageWhere;
/* Whose statement failed, by how many had completed and the position that the server gave (in
 * characters, 0: none). For MESSAGE_STATEMENT: which, and the place in the file. */
MessageWhere message_where(const Message *message, size_t completed, long position,
                           size_t *statement, FailPlace *place);

#endif
