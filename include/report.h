/* report: how a failure is told, once, to people (stderr) and programs (--json), and which exit
 * code it becomes. Refuses to fail. */
#ifndef REPORT_H
#define REPORT_H

#include "command.h"
#include "fail.h"
#include "text.h"

#include <stdio.h>

typedef enum { REPORT_PLAIN, REPORT_AS_TERMINAL } ReportColor;

void report_color(ReportColor color);
bool report_is_colored(int fd);
/* Prints the present failure; the exit code. */
int report_failure(const Call *call);
/* The line of SQL with a caret under the column; tabs stay tabs, so that the caret stands right. */
void report_source(Text *text, const FailPlace *place);
/* What chose the database on the command line: " -C DIR --url URL" and " -e ENV", or "". They live
 * as long as the process. */
void report_chosen(const char *place, const char *environment);
/* " --target NAME", which goes behind that. */
void report_target(const char *target);
const char *report_choice(Arena *a); /* what report_chosen was told */
/* `text` with that after each "stint COMMAND" in it that reads the configuration: what is typed
 * next must not reach another database. NULL stays NULL. */
const char *report_command(Arena *a, const char *text);
/* The table of exit codes, for help. */
void report_codes(FILE *out);

#endif
