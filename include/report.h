/* report: how a failure is told, once, to people (stderr) and programs (--json), and which exit
 * code it becomes. */
#ifndef REPORT_H
#define REPORT_H

#include "command.h"

#include <stdio.h>

typedef enum { REPORT_PLAIN, REPORT_AS_TERMINAL } ReportColor;

void report_color(ReportColor color);
bool report_is_colored(int fd);
/* Prints the present failure; the exit code. */
int report_failure(const Call *call);
/* The table of exit codes, for help. */
void report_codes(FILE *out);

#endif
