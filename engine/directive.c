#include "directive.h"

#include "clock.h"
#include "text.h"

#include <limits.h>
#include <string.h>

/* The words of one directive, read from left to right. A word ends at a blank outside of quotes. */
typedef struct {
    Arena *arena;
    const char *file, *text;
    size_t at, end;    /* what is still to be read, in bytes of the text */
    size_t word, size; /* the word that was read last */
    size_t line;
} Reader;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\v' || c == '\f';
}

static const char *const mark = "stint:";

/* Where the words begin, or 0 if the comment is no directive. */
static size_t words_at(const char *text, Token comment) {
    size_t at = comment.at + 2, end = comment.at + comment.length;
    if (comment.kind != TOKEN_COMMENT || text[comment.at] != '-')
        return 0;
    while (at < end && is_blank(text[at]))
        at++;
    if (end - at < strlen(mark) || memcmp(text + at, mark, strlen(mark)) != 0)
        return 0;
    return at + strlen(mark);
}

static bool wrong_at(const Reader *reader, size_t byte, const char *hint) {
    fail_hint("%s", hint);
    return fail_at(lexer_place(reader->arena, reader->file, reader->text, byte));
}

/* False at the end. A quote that does not end takes the rest; unquote() says so. */
static bool next_word(Reader *reader) {
    bool quoted = false;
    while (reader->at < reader->end && is_blank(reader->text[reader->at]))
        reader->at++;
    reader->word = reader->at;
    for (; reader->at < reader->end; reader->at++) {
        char c = reader->text[reader->at];
        if (!quoted && is_blank(c))
            break;
        if (quoted && c == '\\' && reader->at + 1 < reader->end)
            reader->at++;
        else if (c == '"')
            quoted = !quoted;
    }
    reader->size = reader->at - reader->word;
    return reader->size > 0;
}

static const char *word_of(const Reader *reader) {
    return arena_bytes(reader->arena, reader->text + reader->word, reader->size);
}

/* The rest of the line without the blanks around it. */
static const char *rest_of(Reader *reader) {
    if (!next_word(reader))
        return NULL;
    size_t start = reader->word, end = reader->end;
    while (end > start && is_blank(reader->text[end - 1]))
        end--;
    reader->at = reader->end;
    return arena_bytes(reader->arena, reader->text + start, end - start);
}

/* The text of a word "..." that begins `skip` bytes into the present one; \" and \\ in it. */
static bool unquote(const Reader *reader, size_t skip, const char *hint, const char **out) {
    const char *at = reader->text + reader->word + skip;
    const char *end = reader->text + reader->word + reader->size;
    Text text = text_on(reader->arena);
    bool closed = false;
    if (at < end && *at == '"')
        for (at++; at < end && !closed; at++) {
            closed = *at == '"';
            if (*at == '\\' && at + 1 < end && (at[1] == '"' || at[1] == '\\'))
                at++;
            if (!closed)
                text_add_char(&text, *at);
        }
    if (!closed || at < end) {
        fail(FAIL_CONFIG, "a text in double quotes is expected");
        return wrong_at(reader, reader->word + skip, hint);
    }
    if (!text.at[strspn(text.at, " \t")]) {
        fail(FAIL_CONFIG, "the text is empty");
        return wrong_at(reader, reader->word + skip, hint);
    }
    *out = text.at;
    return true;
}

static bool ends(Reader *reader, const char *hint) {
    if (!next_word(reader))
        return true;
    fail(FAIL_CONFIG, "nothing may follow here, but \"%s\" does", word_of(reader));
    return wrong_at(reader, reader->word, hint);
}

static bool said_twice(const Reader *reader, const char *hint) {
    fail(FAIL_CONFIG, "this directive stands here a second time");
    return wrong_at(reader, reader->word, hint);
}

static void add_string(Arena *a, const char ***list, size_t *count, const char *string) {
    *list = arena_grow(a, *list, *count * sizeof **list, (*count + 1) * sizeof **list);
    (*list)[(*count)++] = string;
}

/* a,b, c */
static bool read_list(Reader *reader, const char *hint, const char ***list, size_t *count) {
    size_t before = *count;
    while (next_word(reader)) {
        const char *at = word_of(reader);
        while (*(at += strspn(at, ","))) {
            size_t length = strcspn(at, ",");
            add_string(reader->arena, list, count, arena_bytes(reader->arena, at, length));
            at += length;
        }
    }
    if (*count > before)
        return true;
    fail(FAIL_CONFIG, "a name is missing");
    return wrong_at(reader, reader->end, hint);
}

static bool read_nothing(Reader *reader, const char *hint, Directives *out) {
    (void)out;
    return ends(reader, hint);
}

static bool read_no_transaction(Reader *reader, const char *hint, Directives *out) {
    out->no_transaction = true;
    return ends(reader, hint);
}

static bool read_duration(Reader *reader, const char *hint, long long *ms) {
    if (*ms >= 0)
        return said_twice(reader, hint);
    const char *duration = rest_of(reader);
    if (duration && clock_duration(duration, ms) && *ms <= INT_MAX) /* as the server has it */
        return true;
    if (duration)
        fail(FAIL_CONFIG, "\"%s\" is no duration", duration);
    else
        fail(FAIL_CONFIG, "a duration is missing");
    return wrong_at(reader, reader->word, hint);
}

static bool read_lock_timeout(Reader *reader, const char *hint, Directives *out) {
    return read_duration(reader, hint, &out->lock_timeout);
}

static bool read_statement_timeout(Reader *reader, const char *hint, Directives *out) {
    return read_duration(reader, hint, &out->statement_timeout);
}

static bool read_requires(Reader *reader, const char *hint, Directives *out) {
    return read_list(reader, hint, &out->requires, &out->requires_count);
}

static bool read_environments(Reader *reader, const char *hint, Directives *out) {
    return read_list(reader, hint, &out->environments, &out->environments_count);
}

static bool read_text(Reader *reader, const char *hint, const char **out) {
    if (*out)
        return said_twice(reader, hint);
    next_word(reader);
    return unquote(reader, 0, hint, out) && ends(reader, hint);
}

static bool read_downtime(Reader *reader, const char *hint, Directives *out) {
    return read_text(reader, hint, &out->downtime);
}

static bool read_rollback(Reader *reader, const char *hint, Directives *out) {
    return read_text(reader, hint, &out->rollback);
}

/* YYYY-MM-DD, a day that the calendar has. */
static bool is_date(const char *text) {
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int number[3] = {0, 0, 0};
    if (strlen(text) != 10)
        return false;
    for (int i = 0, n = 0; i < 10; i++) {
        if (i == 4 || i == 7) {
            n++;
            if (text[i] != '-')
                return false;
        } else if (text[i] < '0' || text[i] > '9') {
            return false;
        } else {
            number[n] = number[n] * 10 + text[i] - '0';
        }
    }
    bool leap = number[0] % 4 == 0 && (number[0] % 100 != 0 || number[0] % 400 == 0);
    return number[1] >= 1 && number[1] <= 12 && number[2] >= 1 &&
           number[2] <= days[number[1] - 1] - (number[1] == 2 && !leap);
}

static bool read_waiver_option(Reader *reader, const char *hint, Waiver *waiver) {
    static const char *const keys[] = {"reason", "until", "for", NULL};
    const char *word = word_of(reader);
    if (text_starts(word, "reason="))
        return unquote(reader, strlen("reason="), hint, &waiver->reason);
    if (text_starts(word, "until=")) {
        waiver->until = word + strlen("until=");
        if (is_date(waiver->until))
            return true;
        fail(FAIL_CONFIG, "\"%s\" is no date", waiver->until);
        return wrong_at(reader, reader->word, hint);
    }
    if (text_starts(word, "for=")) {
        waiver->statement = word + strlen("for=");
        size_t digits = strspn(waiver->statement, "0123456789abcdef");
        if (digits >= 8 && !waiver->statement[digits])
            return true;
        fail(FAIL_CONFIG, "\"%s\" is no fingerprint of a statement", waiver->statement);
        return wrong_at(reader, reader->word, "stint lint --bind writes it");
    }
    const char *key = arena_bytes(reader->arena, word, strcspn(word, "="));
    const char *nearest = text_nearest(key, keys);
    fail(FAIL_CONFIG, "unknown option \"%s\"", key);
    if (nearest)
        hint = arena_format(reader->arena, "did you mean %s=?", nearest);
    return wrong_at(reader, reader->word, hint);
}

/* An option is key=value; an equals sign within the quotes of an object makes none. */
static bool is_option(const char *word) {
    return word[strcspn(word, "=\"")] == '=';
}

static bool read_allow(Reader *reader, const char *hint, Directives *out) {
    Waiver waiver = {.line = reader->line};
    while (next_word(reader)) {
        const char *word = word_of(reader);
        if (is_option(word)) {
            if (!read_waiver_option(reader, hint, &waiver))
                return false;
        } else if (!waiver.rule) {
            waiver.rule = word;
        } else if (!waiver.object) {
            waiver.object = word;
        } else {
            fail(FAIL_CONFIG, "one rule and one object are allowed at a time, \"%s\" is too much",
                 word);
            return wrong_at(reader, reader->word, hint);
        }
    }
    if (!waiver.rule || !waiver.reason) {
        fail(FAIL_CONFIG, waiver.rule ? "the reason is missing" : "the rule is missing");
        return wrong_at(reader, reader->end, hint);
    }
    out->waivers = arena_grow(reader->arena, out->waivers, out->waiver_count * sizeof *out->waivers,
                              (out->waiver_count + 1) * sizeof *out->waivers);
    out->waivers[out->waiver_count++] = waiver;
    return true;
}

static const struct {
    const char *word;
    bool (*read)(Reader *, const char *hint, Directives *);
    const char *form;
} kinds[] = {
    {"down", read_nothing, "down"},
    {"no-transaction", read_no_transaction, "no-transaction"},
    {"lock-timeout", read_lock_timeout, "lock-timeout 5s"},
    {"statement-timeout", read_statement_timeout, "statement-timeout 1h"},
    {"requires", read_requires, "requires VERSION"},
    {"environments", read_environments, "environments staging,production"},
    {"allow", read_allow,
     "allow RULE [OBJECT] reason=\"...\" [until=YYYY-MM-DD] [for=FINGERPRINT]"},
    {"downtime", read_downtime, "downtime \"TEXT\""},
    {"rollback", read_rollback, "rollback \"TEXT\""},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

Directives directive_none(void) {
    return (Directives){.lock_timeout = -1, .statement_timeout = -1};
}

bool directive_is(const char *text, Token comment) {
    return words_at(text, comment) != 0;
}

static Reader reader_on(Arena *a, const char *file, const char *text, Token comment) {
    return (Reader){.arena = a,
                    .file = file,
                    .text = text,
                    .at = words_at(text, comment),
                    .end = comment.at + comment.length,
                    .line = comment.line};
}

bool directive_is_down(const char *text, Token comment) {
    Reader reader = reader_on(NULL, NULL, text, comment);
    return reader.at && next_word(&reader) && reader.size == 4 &&
           memcmp(text + reader.word, "down", 4) == 0;
}

static bool unknown(const Reader *reader, const char *word) {
    const char *names[KINDS + 1] = {NULL};
    for (size_t i = 0; i < KINDS; i++)
        names[i] = kinds[i].word;
    const char *nearest = text_nearest(word, names);
    if (*word)
        fail(FAIL_CONFIG, "unknown directive \"%s\"", word);
    else
        fail(FAIL_CONFIG, "the directive says nothing");
    Text all = text_on(reader->arena);
    text_add(&all, "the words are ");
    for (size_t i = 0; i < KINDS; i++)
        text_addf(&all, "%s%s", i ? ", " : "", names[i]);
    const char *hint = nearest ? arena_format(reader->arena, "did you mean %s?", nearest) : all.at;
    return wrong_at(reader, reader->word, hint);
}

bool directive_read(Arena *a, const char *file, const char *text, Token comment, Directives *out) {
    Reader reader = reader_on(a, file, text, comment);
    next_word(&reader);
    const char *word = word_of(&reader);
    for (size_t i = 0; i < KINDS; i++)
        if (strcmp(word, kinds[i].word) == 0)
            return kinds[i].read(&reader, arena_format(a, "write -- stint: %s", kinds[i].form),
                                 out);
    return unknown(&reader, word);
}

const char *directive_text(Arena *a, const char *text, Token comment) {
    Reader reader = reader_on(a, NULL, text, comment);
    Text said = text_on(a);
    text_add(&said, "-- stint:");
    while (next_word(&reader)) {
        text_add_char(&said, ' ');
        text_add_bytes(&said, text + reader.word, reader.size);
    }
    return said.at;
}
