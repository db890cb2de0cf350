#include "difference.h"

#include <string.h>

/* Texts of more changed lines than this are shown as one block out, one block in. */
enum { MOST_LINES = 2000, AROUND = 2 };

typedef struct {
    const char **at;
    size_t *length;
    size_t count;
} Lines;

static Lines lines_of(Arena *a, const char *text) {
    size_t room = 1;
    for (const char *at = text; *at; at++)
        room += *at == '\n';
    Lines lines = {arena_take(a, (room + 1) * sizeof(char *)),
                   arena_take(a, (room + 1) * sizeof(size_t)), 0};
    while (*text) {
        size_t length = strcspn(text, "\n"), whole = length + (text[length] == '\n');
        if (length && text[length - 1] == '\r')
            length--;
        lines.at[lines.count] = text;
        lines.length[lines.count++] = length;
        text += whole;
    }
    return lines;
}

static bool same(const Lines *x, size_t i, const Lines *y, size_t j) {
    return x->length[i] == y->length[j] && memcmp(x->at[i], y->at[j], x->length[i]) == 0;
}

static void add(Text *out, char sign, const Lines *lines, size_t i) {
    text_add_char(out, sign);
    text_add_char(out, ' ');
    text_add_bytes(out, lines->at[i], lines->length[i]);
    text_add_char(out, '\n');
}

/* The longest common subsequence of the lines between the equal ends. */
static void add_middle(Text *out, const Lines *x, size_t from_x, size_t to_x, const Lines *y,
                       size_t from_y, size_t to_y) {
    size_t n = to_x - from_x, m = to_y - from_y, i = 0, j = 0;
    if (n > MOST_LINES || m > MOST_LINES) {
        for (i = from_x; i < to_x; i++)
            add(out, '-', x, i);
        for (j = from_y; j < to_y; j++)
            add(out, '+', y, j);
        return;
    }
    Arena *a = arena_new();
    unsigned short *best = arena_take(a, (n + 1) * (m + 1) * sizeof *best);
    for (i = n; i-- > 0;)
        for (j = m; j-- > 0;) {
            unsigned short down = best[(i + 1) * (m + 1) + j], right = best[i * (m + 1) + j + 1];
            best[i * (m + 1) + j] = same(x, from_x + i, y, from_y + j)
                                        ? (unsigned short)(best[(i + 1) * (m + 1) + j + 1] + 1)
                                        : (down > right ? down : right);
        }
    for (i = j = 0; i < n || j < m;) {
        if (i < n && j < m && same(x, from_x + i, y, from_y + j)) {
            add(out, ' ', x, from_x + i++);
            j++;
        } else if (i < n && (j == m || best[(i + 1) * (m + 1) + j] >= best[i * (m + 1) + j + 1]))
            add(out, '-', x, from_x + i++);
        else
            add(out, '+', y, from_y + j++);
    }
    arena_free(a);
}

void difference_add(Text *out, const char *before, const char *after) {
    Arena *a = arena_new();
    Lines x = lines_of(a, before), y = lines_of(a, after);
    size_t head = 0, tail = 0;
    while (head < x.count && head < y.count && same(&x, head, &y, head))
        head++;
    while (tail < x.count - head && tail < y.count - head &&
           same(&x, x.count - 1 - tail, &y, y.count - 1 - tail))
        tail++;
    if (head == x.count && head == y.count) {
        arena_free(a);
        return;
    }
    for (size_t i = head > AROUND ? head - AROUND : 0; i < head; i++)
        add(out, ' ', &x, i);
    add_middle(out, &x, head, x.count - tail, &y, head, y.count - tail);
    for (size_t i = 0; i < tail && i < AROUND; i++)
        add(out, ' ', &x, x.count - tail + i);
    arena_free(a);
}
