/* Any text as a migration: lexer, cutting, directives, parts, the hash of its tokens. What is cut
 * lies within the text, in order; and white space at the end is no edit
 * (but where it goes on with the data of a COPY). */
#include "sqlfile.h"

#include "fail.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t length, const SqlHalf *half) {
    size_t end = 0, parts = 0;
    for (size_t i = 0; i < half->statements.count; i++) {
        const Statement *s = &half->statements.at[i];
        if (half->text != text || s->at < end || !s->length || s->length > length - s->at)
            abort();
        end = s->at + s->length;
        if (s->data_length) {
            if (s->data_at < end || s->data_length > length - s->data_at)
                abort();
            end = s->data_at + s->data_length;
        }
        if (!s->line || !s->column || !s->words)
            abort();
    }
    for (size_t i = 0; i < half->parts.count; i++) {
        if (half->parts.at[i].first != parts)
            abort();
        parts += half->parts.at[i].count;
    }
    if (parts != half->statements.count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    char *text = arena_bytes(a, data, size), *longer = arena_take(a, size + 2);
    SqlFile file;
    memcpy(longer, text, size);
    longer[size] = '\n';
    if (sqlfile_read(a, "fuzz.sql", (Bytes){text, size}, NULL, (Bytes){NULL, 0}, &file)) {
        const char *tokens;
        bool copies = strcasestr(text, "copy") != NULL;
        check(text, size, &file.up);
        if (file.down)
            check(text, size, file.down);
        if (!sqlfile_tokens(a, "fuzz.sql", (Bytes){longer, size + 1}, &tokens) ||
            (!copies && strcmp(tokens, file.up.tokens) != 0))
            abort();
    }
    fail_clear();
    arena_free(a);
    return 0;
}
