/* text: a growing string on an arena. Always ends with a NUL that is not counted, so `at` can be
 * used as a C string at any time. Refuses to know encodings: it holds bytes. */
#ifndef TEXT_H
#define TEXT_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    char *at;
    size_t length;
    size_t room;
    Arena *arena;
} Text;

Text text_on(Arena *a);
void text_add(Text *text, const char *string);
void text_add_bytes(Text *text, const char *bytes, size_t length);
void text_add_char(Text *text, char c);
void text_addf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Percent-encoded, as a part of a URL. */
void text_add_encoded(Text *text, const char *part);
/* Two lower-case digits a byte. */
void text_add_hex(Text *text, const void *bytes, size_t length);
/* In quotes of this kind, those within it doubled: "a""b" is a name of SQL. */
void text_add_quoted(Text *text, const char *part, char quote);
/* In quotes where a shell needs them. */
void text_add_word(Text *text, const char *word);

/* "9.51 kB", "210 MB", as PostgreSQL counts: 1 kB is 1,024 bytes. */
const char *text_size(Arena *a, double bytes);

/* Questions about strings that several modules ask. */
bool text_same(const char *a, const char *b);                 /* two NULLs are the same */
bool text_same_bytes(const char *a, const char *b, size_t n); /* ignoring ASCII case */
bool text_same_word(const char *a, const char *b);            /* ignoring ASCII case */
bool text_among(const char *word, const char *const *words);  /* which end with NULL */
bool text_starts(const char *string, const char *start);
bool text_ends(const char *string, const char *end);
/* The name among `names` (ended by NULL) that differs from `word` in the fewest letters, at most
 * a third of its length; NULL if none is near. For "did you mean". */
const char *text_nearest(const char *word, const char *const *names);

#endif
