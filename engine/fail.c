#include "fail.h"

#include "arena.h"
#include "text.h"

#include <errno.h>
#include <string.h>

static Failure now;
static Arena *arena;   /* holds the present failure's texts */
static Arena *shown;   /* holds the last redacted text */
static char **secrets; /* the longest first: one may hold another */
static size_t secret_count;
static Arena *secret_arena;

static const char *redact_on(Arena *a, const char *text) {
    if (!text)
        return NULL;
    for (size_t i = 0; i < secret_count; i++) {
        if (!strstr(text, secrets[i]))
            continue;
        Text clean = text_on(a);
        size_t length = strlen(secrets[i]);
        for (const char *found; (found = strstr(text, secrets[i])); text = found + length) {
            text_add_bytes(&clean, text, (size_t)(found - text));
            text_add(&clean, "***");
        }
        text_add(&clean, text);
        text = clean.at;
    }
    return text;
}

const char *fail_redacted(const char *text) {
    if (!shown)
        shown = arena_new();
    arena_reset(shown);
    return redact_on(shown, text);
}

void fail_secret(const char *secret) {
    size_t at = 0, length = secret ? strlen(secret) : 0;
    if (length < 3)
        return;
    for (size_t i = 0; i < secret_count; i++) {
        if (strcmp(secrets[i], secret) == 0)
            return;
        at += strlen(secrets[i]) >= length;
    }
    if (!secret_arena)
        secret_arena = arena_new();
    size_t size = secret_count * sizeof *secrets;
    secrets = arena_grow(secret_arena, secrets, size, size + sizeof *secrets);
    memmove(secrets + at + 1, secrets + at, (secret_count++ - at) * sizeof *secrets);
    secrets[at] = arena_string(secret_arena, secret);
}

static const char *format_on(const char *format, va_list args)
    __attribute__((format(printf, 1, 0)));

static const char *format_on(const char *format, va_list args) {
    if (!arena)
        arena = arena_new();
    return redact_on(arena, arena_vformat(arena, format, args));
}

/* The new message may be made of the old one's text, so the old arena outlives the formatting. */
static void begin(FailKind kind, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void begin(FailKind kind, const char *format, va_list args) {
    Arena *before = arena;
    arena = arena_new();
    const char *message = format_on(format, args);
    now = (Failure){.kind = kind, .message = message};
    arena_free(before);
}

bool fail(FailKind kind, const char *format, ...) {
    va_list args;
    va_start(args, format);
    begin(kind, format, args);
    va_end(args);
    return false;
}

bool fail_errno(FailKind kind, const char *format, ...) {
    const char *reason = strerror(errno);
    va_list args;
    va_start(args, format);
    begin(kind, format, args);
    va_end(args);
    now.message = arena_format(arena, "%s: %s", now.message, reason);
    return false;
}

bool fail_in(const char *format, ...) {
    va_list args;
    va_start(args, format);
    const char *where = format_on(format, args);
    va_end(args);
    now.message = arena_format(arena, "%s: %s", where, now.message ? now.message : "");
    return false;
}

bool fail_detail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    now.detail = format_on(format, args);
    va_end(args);
    return false;
}

bool fail_hint(const char *format, ...) {
    va_list args;
    va_start(args, format);
    now.hint = format_on(format, args);
    va_end(args);
    return false;
}

bool fail_state(const char *format, ...) {
    va_list args;
    va_start(args, format);
    now.state = format_on(format, args);
    va_end(args);
    return false;
}

bool fail_next(const char *format, ...) {
    va_list args;
    va_start(args, format);
    now.next = format_on(format, args);
    va_end(args);
    return false;
}

static const char *kept(const char *text) {
    if (!arena)
        arena = arena_new();
    return redact_on(arena, arena_string(arena, text));
}

bool fail_context(const char *text) {
    now.context = kept(text);
    return false;
}

bool fail_sqlstate(const char *sqlstate) {
    now.sqlstate = kept(sqlstate);
    return false;
}

bool fail_at(FailPlace place) {
    place.file = kept(place.file);
    place.source = kept(place.source);
    now.place = place;
    return false;
}

bool fail_as(FailKind kind) {
    now.kind = kind;
    return false;
}

const Failure *failure(void) {
    return &now;
}

void fail_clear(void) {
    now = (Failure){.kind = FAIL_NONE};
}

static Failure copied(Arena *a, Failure from) {
    const char **texts[] = {&from.message,      &from.detail,   &from.hint,
                            &from.context,      &from.sqlstate, &from.place.file,
                            &from.place.source, &from.state,    &from.next};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = arena_string(a, *texts[i]);
    return from;
}

Failure fail_kept(Arena *a) {
    return copied(a, now);
}

bool fail_again(const Failure *kept_before) {
    Arena *before = arena;
    arena = arena_new();
    now = copied(arena, *kept_before);
    arena_free(before);
    return false;
}
