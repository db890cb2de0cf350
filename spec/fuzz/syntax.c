/* Any text before the parser: what it cannot hold must not reach it. */
#include "syntax.h"

#include "fail.h"
#include "statement.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libpg_query forgets an empty string at each look into a body. */
const char *__lsan_default_suppressions(void) {
    return "leak:pg_query_raw_parse\n";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena *a = arena_new();
    const char *text = arena_bytes(a, data, size);
    Statements all;
    if (statement_cut(a, "fuzz.sql", text, 0, size, &all))
        for (size_t i = 0; i < all.count; i++) {
            const Statement *s = &all.at[i];
            Syntax one = syntax_parse(a, text + s->at, s->length);
            if ((one.state == SYNTAX_PARSED) != (one.json != NULL) ||
                (one.state == SYNTAX_PARSED) == (one.message != NULL))
                abort();
            syntax_routine(a, text + s->at, s->length);
        }
    fail_clear();
    arena_free(a);
    return 0;
}
