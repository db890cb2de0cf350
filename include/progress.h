/* progress: the events of a run as people and programs see them: lines on stdout, a progress bar
 * on a terminal (a plain line every few seconds elsewhere), or one JSON object a line. Refuses to
 * know what makes them happen. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "command.h"

/* From now on every event is shown as `call` wants it. */
void progress_show(const Call *call);
/* 1234567 -> "1,234,567" */
const char *progress_number(Arena *a, long long n);
/* How long it will still take; less than 0: nobody knows. */
const char *progress_left(Arena *a, long long seconds);
/* "####...." for 0 to 1 */
const char *progress_bar(Arena *a, double part);

#endif
