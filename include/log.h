/* log: what is happening, one line and one write(2) at a time, so that the lines of several
 * processes never mix. Goes to stderr; results go to stdout by other ways. Never for failures
 * (fail.h), and never holds a secret. Refuses to know what it is about. */
#ifndef LOG_H
#define LOG_H

typedef enum { LOG_QUIET, LOG_NORMAL, LOG_VERBOSE } LogLevel;

void log_level(LogLevel level);
/* Called before a line is written, for whoever draws a progress bar there; may be NULL. */
void log_before(void (*clear)(void));

void log_say(const char *format, ...) __attribute__((format(printf, 1, 2)));    /* normal */
void log_detail(const char *format, ...) __attribute__((format(printf, 1, 2))); /* -v only */
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));   /* even with -q */

#endif
