/* array: an array as a parameter in binary form: nothing is quoted, and the server does not read it
 * letter by letter. Values come as text. Refuses to know what they are for. */
#ifndef ARRAY_H
#define ARRAY_H

#include "arena.h"

typedef enum { ARRAY_TEXT, ARRAY_BIGINT, ARRAY_XID, ARRAY_BOOLEAN } ArrayKind;

typedef struct {
    Arena *arena;
    ArrayKind kind;
    size_t count, room, bytes;
    const char **value;
} Array;

Array array_of(Arena *a, ArrayKind kind);
/* The value is borrowed until it is packed; NULL is SQL's NULL. */
void array_add(Array *array, const char *value);
const char *array_packed(const Array *array, int *length);

#endif
