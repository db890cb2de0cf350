/* json: JSON values, built, read and printed. Only json.c knows jansson. A value and all that is
 * printed of it live in the arena of its document, so nothing is freed and a longjmp leaks
 * nothing. Refuses to know what the fields mean.
 *
 * Texts are bytes: what is not UTF-8 is written as U+FFFD, byte by byte, so that no text is lost.
 * Numbers that JSON has no word for (NaN, infinity) become null. Integers keep 64 bits; fractions
 * are printed with the fewest digits that read back as the same number. An integer beyond 64 bits
 * and a number beyond a double keep their digits, as a kind of their own. */
#ifndef JSON_H
#define JSON_H

#include "arena.h"

#include <stdbool.h>

typedef struct Json Json;

typedef enum {
    JSON_NULL_VALUE,
    JSON_FLAG,
    JSON_WHOLE, /* an integer */
    JSON_FRACTION,
    JSON_TEXT,
    JSON_LIST,
    JSON_MAP,
    JSON_DIGITS, /* a number that no machine number holds: its text */
} JsonKind;

Json *json_new_map(Arena *a);
Json *json_new_list(Arena *a);
/* Values on their own, for json_set and json_append. */
Json *json_new_null(Arena *a);
Json *json_new_flag(Arena *a, bool flag);
Json *json_new_whole(Arena *a, long long integer);
Json *json_new_fraction(Arena *a, double number);
Json *json_new_text(Arena *a, const char *bytes, size_t length);
Json *json_new_digits(Arena *a, const char *digits); /* which must be a number of JSON */

/* Into a map, which keeps the order; a name that is there already is replaced. A value may stand
 * in one place only, and must live in the same arena. A NULL text is null. */
void json_set(Json *map, const char *name, Json *value);
void json_set_text(Json *map, const char *name, const char *text);
void json_set_integer(Json *map, const char *name, long long integer);
void json_set_number(Json *map, const char *name, double number);
void json_set_flag(Json *map, const char *name, bool flag);
void json_set_null(Json *map, const char *name);
/* At the end of a list. */
void json_append(Json *list, Json *value);
void json_append_text(Json *list, const char *text);
void json_append_integer(Json *list, long long integer);

/* Compact, one line, without a line end; and indented by two spaces. */
const char *json_text(const Json *json);
const char *json_pretty(const Json *json);

/* False: FAIL_ERROR with line and column of the text. */
bool json_parse(Arena *a, const char *text, size_t length, Json **out);
/* The same, and a failure where the arena would grow by more than `most` bytes. */
bool json_parse_within(Arena *a, const char *text, size_t length, size_t most, Json **out);

JsonKind json_kind(const Json *json);
size_t json_count(const Json *json);               /* of a map or list, else 0 */
Json *json_get(const Json *map, const char *name); /* NULL: not there, or no map */
Json *json_at(const Json *list, size_t index);     /* NULL: not there, or no list */
const char *const *json_names(const Json *map);    /* in order, ended by NULL */
const char *json_as_text(const Json *json);        /* or digits; NULL: no text */
size_t json_length(const Json *json);              /* of a text, in bytes */
long long json_as_integer(const Json *json);       /* 0 if it is no number */
double json_as_number(const Json *json);           /* 0 if it is no number */
bool json_as_flag(const Json *json);               /* false if it is no flag */

#endif
