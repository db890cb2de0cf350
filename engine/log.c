#include "log.h"

#include "arena.h"
#include "fail.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static LogLevel level = LOG_NORMAL;
static void (*clear_progress)(void);

void log_level(LogLevel wanted) {
    level = wanted;
}

void log_before(void (*clear)(void)) {
    clear_progress = clear;
}

static void write_line(const char *prefix, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void write_line(const char *prefix, const char *format, va_list args) {
    Arena *a = arena_new();
    const char *message = fail_redacted(arena_vformat(a, format, args));
    const char *line = arena_format(a, "%s%s\n", prefix, message);
    if (clear_progress)
        clear_progress();
    ssize_t written = write(STDERR_FILENO, line, strlen(line));
    (void)written; /* there is nowhere left to complain */
    arena_free(a);
}

void log_say(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (level >= LOG_NORMAL)
        write_line("", format, args);
    va_end(args);
}

void log_detail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    if (level >= LOG_VERBOSE)
        write_line("", format, args);
    va_end(args);
}

void log_warn(const char *format, ...) {
    va_list args;
    va_start(args, format);
    write_line("WARNING: ", format, args);
    va_end(args);
}
