#include "arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 16, FIRST_BLOCK = 8 * 1024, LARGEST_BLOCK = 256 * 1024 };

typedef struct Block {
    struct Block *before;
    size_t size, used;
    _Alignas(ALIGNMENT) char at[];
} Block;

struct Arena {
    Block *block;
    size_t next_size;
    char *last; /* the newest piece, which alone can grow in place */
    size_t held;
};

static void out_of_memory(void) {
    fputs("stint: out of memory\n", stderr);
    abort();
}

static size_t aligned(size_t size) {
    if (size > SIZE_MAX / 2)
        out_of_memory();
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static Block *block_new(size_t size, Block *before) {
    Block *block = malloc(sizeof *block + size);
    if (!block)
        out_of_memory();
    block->before = before;
    block->size = size;
    block->used = 0;
    return block;
}

Arena *arena_new(void) {
    Arena *a = calloc(1, sizeof *a);
    if (!a)
        out_of_memory();
    a->next_size = FIRST_BLOCK;
    return a;
}

static void free_blocks(Arena *a) {
    while (a->block) {
        Block *before = a->block->before;
        free(a->block);
        a->block = before;
    }
}

void arena_free(Arena *a) {
    if (!a)
        return;
    free_blocks(a);
    free(a);
}

void arena_reset(Arena *a) {
#ifndef ARENA_DEBUG
    /* its first block stays: an arena that is reset often costs no malloc */
    while (a->block && a->block->before) {
        Block *before = a->block->before;
        free(a->block);
        a->block = before;
    }
    if (a->block)
        a->block->used = 0;
#else
    free_blocks(a);
#endif
    a->held = a->block ? a->block->size : 0;
    a->next_size = FIRST_BLOCK;
    a->last = NULL;
}

size_t arena_size(const Arena *a) {
    return a->held;
}

static void add_block(Arena *a, size_t size) {
#ifdef ARENA_DEBUG
    a->block = block_new(size, a->block); /* a malloc of its own, so that ASan sees its ends */
#else
    a->block = block_new(size > a->next_size ? size : a->next_size, a->block);
    if (a->next_size < LARGEST_BLOCK)
        a->next_size *= 2;
#endif
    a->held += a->block->size;
}

void *arena_take(Arena *a, size_t size) {
    size_t need = aligned(size ? size : 1);
#ifdef ARENA_DEBUG
    need = size ? size : 1;
#endif
    if (!a->block || a->block->size - a->block->used < need)
        add_block(a, need);
    a->last = a->block->at + a->block->used;
    a->block->used += need;
    memset(a->last, 0, need);
    return a->last;
}

void *arena_grow(Arena *a, void *block, size_t old, size_t size) {
#ifndef ARENA_DEBUG
    if (block && block == a->last) {
        size_t start = (size_t)(a->last - a->block->at);
        if (a->block->size - start >= aligned(size)) {
            a->block->used = start + aligned(size);
            memset(a->last + old, 0, aligned(size) - old);
            return block;
        }
    }
#endif
    void *bigger = arena_take(a, size);
    if (old)
        memcpy(bigger, block, old);
    return bigger;
}

char *arena_bytes(Arena *a, const void *bytes, size_t length) {
    char *copy = arena_take(a, length + 1);
    if (length)
        memcpy(copy, bytes, length);
    return copy;
}

char *arena_string(Arena *a, const char *string) {
    return string ? arena_bytes(a, string, strlen(string)) : NULL;
}

char *arena_vformat(Arena *a, const char *format, va_list args) {
    char quick[256]; /* most are short: formatted once */
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(quick, sizeof quick, format, args);
    if (length < 0)
        out_of_memory();
    char *string = arena_take(a, (size_t)length + 1);
    if ((size_t)length < sizeof quick)
        memcpy(string, quick, (size_t)length);
    else
        vsnprintf(string, (size_t)length + 1, format, again);
    va_end(again);
    return string;
}

char *arena_format(Arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *string = arena_vformat(a, format, args);
    va_end(args);
    return string;
}
