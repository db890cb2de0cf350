/* utf8: is a text UTF-8 as PostgreSQL takes it? No overlong forms, no surrogates, nothing beyond
 * U+10FFFF. Refuses to know other encodings. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>

/* The first byte that is none, or that begins none; `length` if there is no such byte. */
size_t utf8_bad(const char *text, size_t length);
/* How many bytes of a text that is longer are whole characters, `most` at the most. */
size_t utf8_cut(const char *text, size_t most);

#endif
