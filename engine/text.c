#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

Text text_on(Arena *a) {
    Text text = {.arena = a, .room = 64};
    text.at = arena_take(a, text.room);
    return text;
}

static void make_room(Text *text, size_t more) {
    size_t need = text->length + more + 1;
    if (need <= text->room)
        return;
    size_t room = text->room * 2 > need ? text->room * 2 : need;
    text->at = arena_grow(text->arena, text->at, text->length + 1, room);
    text->room = room;
}

void text_add_bytes(Text *text, const char *bytes, size_t length) {
    if (!length)
        return;
    make_room(text, length);
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
    text->at[text->length] = 0;
}

void text_add(Text *text, const char *string) {
    text_add_bytes(text, string, strlen(string));
}

void text_add_char(Text *text, char c) {
    text_add_bytes(text, &c, 1);
}

void text_addf(Text *text, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf((char[1]){0}, 1, format, args);
    va_end(args);
    if (length > 0) {
        make_room(text, (size_t)length);
        vsnprintf(text->at + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

void text_add_encoded(Text *text, const char *part) {
    for (; *part; part++)
        if (isalnum((unsigned char)*part) || strchr("-._~/", *part))
            text_add_char(text, *part);
        else
            text_addf(text, "%%%02X", (unsigned)(unsigned char)*part);
}

void text_add_hex(Text *text, const void *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = bytes;
    make_room(text, 2 * length);
    for (size_t i = 0; i < length; i++) {
        text->at[text->length++] = digits[at[i] >> 4];
        text->at[text->length++] = digits[at[i] & 15];
    }
    text->at[text->length] = 0;
}

void text_add_quoted(Text *text, const char *part, char quote) {
    text_add_char(text, quote);
    for (; *part; part++) {
        if (*part == quote)
            text_add_char(text, quote);
        text_add_char(text, *part);
    }
    text_add_char(text, quote);
}

void text_add_word(Text *text, const char *word) {
    const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=,@%+";
    if (*word && !word[strspn(word, plain)]) {
        text_add(text, word);
        return;
    }
    text_add(text, "'");
    for (; *word; word++) {
        if (*word == '\'')
            text_add(text, "'\\'");
        text_add_char(text, *word);
    }
    text_add(text, "'");
}

const char *text_size(Arena *a, double bytes) {
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1024;
    return arena_format(a, bytes < 999.5 ? "%.3g %s" : "%.0f %s", bytes, units[unit]);
}

bool text_same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool text_same_bytes(const char *a, const char *b, size_t n) {
    return strncasecmp(a, b, n) == 0;
}

bool text_same_word(const char *a, const char *b) {
    return a == b || (a && b && strcasecmp(a, b) == 0);
}

bool text_among(const char *word, const char *const *words) {
    while (*words && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

bool text_starts(const char *string, const char *start) {
    return strncmp(string, start, strlen(start)) == 0;
}

bool text_ends(const char *string, const char *end) {
    size_t n = strlen(string), m = strlen(end);
    return n >= m && strcmp(string + n - m, end) == 0;
}

/* Levenshtein's distance over at most 63 letters each. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b), row[64];
    if (n > 63 || m > 63)
        return 64;
    for (size_t j = 0; j <= m; j++)
        row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[m];
}

const char *text_nearest(const char *word, const char *const *names) {
    size_t limit = strlen(word) / 3 + 1, best = limit + 1;
    const char *nearest = NULL;
    for (; *names; names++) {
        size_t d = distance(word, *names);
        if (d < best) {
            best = d;
            nearest = *names;
        }
    }
    return best <= limit ? nearest : NULL;
}
