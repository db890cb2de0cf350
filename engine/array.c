#include "array.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 5 * 4, LENGTH = 4, FIRST_ROOM = 16 };

/* The type's OID; bytes of a value, 0: as long as it is. */
static const struct {
    unsigned oid;
    size_t size;
} kinds[] = {
    [ARRAY_TEXT] = {25, 0},
    [ARRAY_BIGINT] = {20, 8},
    [ARRAY_XID] = {28, 4},
    [ARRAY_BOOLEAN] = {16, 1},
};

Array array_of(Arena *a, ArrayKind kind) {
    return (Array){.arena = a, .kind = kind};
}

static size_t size_of(const Array *array, const char *value) {
    size_t size = kinds[array->kind].size;
    return !value ? 0 : size ? size : strlen(value);
}

void array_add(Array *array, const char *value) {
    if (array->count == array->room) {
        size_t old = array->room * sizeof *array->value;
        array->room = array->room ? 2 * array->room : FIRST_ROOM;
        array->value = arena_grow(array->arena, array->value, old, array->room * sizeof value);
    }
    array->value[array->count++] = value;
    array->bytes += LENGTH + size_of(array, value);
}

/* The greatest byte first. */
static char *put(char *at, unsigned long long value, size_t size) {
    for (size_t i = size; i-- > 0;)
        *at++ = (char)(value >> 8 * i);
    return at;
}

static char *put_value(char *at, ArrayKind kind, const char *value, size_t size) {
    switch (kind) {
    case ARRAY_TEXT:
        memcpy(at, value, size);
        return at + size;
    case ARRAY_BOOLEAN:
        return put(at, *value == 't', size);
    default:
        return put(at, (unsigned long long)strtoll(value, NULL, 10), size);
    }
}

const char *array_packed(const Array *array, int *length) {
    /* dimensions, is there a NULL (maybe), type, how many, from which on */
    const unsigned head[] = {1, 1, kinds[array->kind].oid, (unsigned)array->count, 1};
    char *bytes = arena_take(array->arena, HEAD + array->bytes), *at = bytes;
    for (size_t i = 0; i < sizeof head / sizeof *head; i++)
        at = put(at, head[i], LENGTH);
    for (size_t i = 0; i < array->count; i++) {
        const char *value = array->value[i];
        size_t size = size_of(array, value);
        at = put(at, value ? size : (unsigned)-1, LENGTH);
        if (value)
            at = put_value(at, array->kind, value, size);
    }
    *length = (int)(HEAD + array->bytes);
    return bytes;
}
