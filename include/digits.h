/* digits: numbers of a JSON text that no machine number holds: integers beyond 64 bits, numbers
 * beyond a double. They are wrapped into texts before the text is read, so that none of their
 * digits is lost. Refuses to know what reads it. */
#ifndef DIGITS_H
#define DIGITS_H

#include "arena.h"

#include <stdbool.h>

/* The text with each of them as a text of `*mark` and its digits; the text itself, and no mark, if
 * it holds none. */
const char *digits_kept(Arena *a, const char *text, size_t *length, const char **mark);
/* Is this a number of JSON, and nothing else? */
bool digits_are_number(const char *text);

#endif
