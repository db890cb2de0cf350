#include "utf8.h"

#include <string.h>

/* What the first byte of a character says: how many follow, and what the second may be. */
static const struct {
    unsigned char from, to, more, low, high;
} forms[] = {
    {0xc2, 0xdf, 1, 0x80, 0xbf}, {0xe0, 0xe0, 2, 0xa0, 0xbf}, {0xe1, 0xec, 2, 0x80, 0xbf},
    {0xed, 0xed, 2, 0x80, 0x9f}, {0xee, 0xef, 2, 0x80, 0xbf}, {0xf0, 0xf0, 3, 0x90, 0xbf},
    {0xf1, 0xf3, 3, 0x80, 0xbf}, {0xf4, 0xf4, 3, 0x80, 0x8f},
};

/* The length of the character at `at`, or 0. */
static size_t length_of(const unsigned char *at, size_t left) {
    size_t i = 0, count = sizeof forms / sizeof *forms;
    while (i < count && !(at[0] >= forms[i].from && at[0] <= forms[i].to))
        i++;
    if (i == count || left <= forms[i].more || at[1] < forms[i].low || at[1] > forms[i].high)
        return 0;
    for (size_t k = 2; k <= forms[i].more; k++)
        if ((at[k] & 0xc0) != 0x80)
            return 0;
    return forms[i].more + 1U;
}

/* Most texts are ASCII: eight bytes at a time. */
static size_t skip_ascii(const char *text, size_t at, size_t length) {
    unsigned long long eight;
    for (; at + sizeof eight <= length; at += sizeof eight) {
        memcpy(&eight, text + at, sizeof eight);
        if (eight & 0x8080808080808080ULL)
            break;
    }
    while (at < length && (unsigned char)text[at] < 0x80)
        at++;
    return at;
}

size_t utf8_bad(const char *text, size_t length) {
    size_t at = skip_ascii(text, 0, length);
    while (at < length) {
        size_t size = length_of((const unsigned char *)text + at, length - at);
        if (!size)
            return at;
        at = skip_ascii(text, at + size, length);
    }
    return length;
}

size_t utf8_cut(const char *text, size_t most) {
    while (most && ((unsigned char)text[most] & 0xc0) == 0x80)
        most--;
    return most;
}
