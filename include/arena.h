/* arena: memory that is freed all at once. One arena per lifetime (the program's, a command's,
 * a file's). Refuses to know who uses it; nothing is freed singly, and no caller tests for NULL:
 * when memory is gone the process says so and aborts.
 *
 * `Arena *a` in a signature means that the answer lives there; no arena means that the answer is
 * borrowed from its parent. */
#ifndef ARENA_H
#define ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_new(void);
void arena_free(Arena *a);
/* Forgets everything in it; the arena can be used again. */
void arena_reset(Arena *a);
/* How many bytes it has taken from the system. */
size_t arena_size(const Arena *a);

/* `size` bytes, zeroed, aligned for any type. */
void *arena_take(Arena *a, size_t size);
/* A block of `old` bytes made `size` bytes long: in place if it was the last one taken. */
void *arena_grow(Arena *a, void *block, size_t old, size_t size);

/* Copies; all end with a NUL that is not counted. */
char *arena_bytes(Arena *a, const void *bytes, size_t length);
char *arena_string(Arena *a, const char *string); /* NULL stays NULL */
char *arena_format(Arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vformat(Arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
