#include "digits.h"

#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shorter integers always fit. */
enum { SURE_DIGITS = 18 };

static size_t run_of_digits(const char *at) {
    return strspn(at, "0123456789");
}

/* The length of the number that stands there, or 0. */
static size_t number_length(const char *text, bool *is_integer) {
    const char *at = text + (*text == '-');
    size_t whole = run_of_digits(at);
    *is_integer = true;
    if (!whole || (whole > 1 && *at == '0'))
        return 0;
    at += whole;
    if (*at == '.') {
        size_t fraction = run_of_digits(at + 1);
        if (!fraction)
            return 0;
        at += 1 + fraction;
        *is_integer = false;
    }
    if ((*at | 32) == 'e') {
        size_t sign = at[1] == '+' || at[1] == '-', exponent = run_of_digits(at + 1 + sign);
        if (!exponent)
            return 0;
        at += 1 + sign + exponent;
        *is_integer = false;
    }
    return (size_t)(at - text);
}

bool digits_are_number(const char *text) {
    bool is_integer;
    size_t length = number_length(text, &is_integer);
    return length && !text[length];
}

static bool fits(const char *text, size_t length, bool is_integer) {
    if (is_integer && length <= SURE_DIGITS)
        return true;
    errno = 0;
    if (is_integer)
        strtoll(text, NULL, 10);
    else if (isfinite(strtod(text, NULL)))
        errno = 0; /* what is too small is 0 */
    return errno != ERANGE;
}

/* The byte after the text that begins here. */
static const char *after_text(const char *at, const char *end) {
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\' && at + 1 < end;
    return at < end ? at + 1 : end;
}

static bool is_number_start(char c) {
    return c == '-' || isdigit((unsigned char)c);
}

/* A name of a map must be a text: a number there stays what it is, no JSON. */
static bool is_name(const char *after) {
    return after[strspn(after, " \t\r\n")] == ':';
}

/* The next number from `at` on that does not fit, or NULL. */
static const char *next_long(const char *at, const char *end, size_t *length) {
    while (at < end) {
        bool is_integer;
        if (*at == '"') {
            at = after_text(at, end);
        } else if (!is_number_start(*at)) {
            at++;
        } else if ((*length = number_length(at, &is_integer)) == 0) {
            at++;
        } else if (fits(at, *length, is_integer) || is_name(at + *length)) {
            at += *length;
        } else {
            return at;
        }
    }
    return NULL;
}

/* One that the text does not hold; what is marked by escapes is a number of the text's own. */
static const char *new_mark(Arena *a, const char *text, size_t length) {
    for (int i = 0;; i++) {
        const char *mark = arena_format(a, "number %d: ", i);
        if (!memmem(text, length, mark, strlen(mark)))
            return mark;
    }
}

const char *digits_kept(Arena *a, const char *text, size_t *length, const char **mark) {
    const char *end = text + *length, *from = text;
    size_t size;
    const char *at = next_long(text, end, &size);
    *mark = NULL;
    if (!at)
        return text;
    *mark = new_mark(a, text, *length);
    Text out = text_on(a);
    for (; at; from = at + size, at = next_long(from, end, &size)) {
        text_add_bytes(&out, from, (size_t)(at - from));
        text_addf(&out, "\"%s%.*s\"", *mark, (int)size, at);
    }
    text_add_bytes(&out, from, (size_t)(end - from));
    *length = out.length;
    return out.at;
}
