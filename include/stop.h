/* stop: Ctrl-C and SIGTERM. Once asks: the running statement is cancelled, its transaction rolled
 * back, the attempt written; a backfill ends after its batch. Twice: the process ends at once.
 * SIGPIPE is ignored (a closed stdout is an error of write(2)). Refuses to end what runs:
 * who waits asks. */
#ifndef STOP_H
#define STOP_H

#include "fail.h"

#include <stdbool.h>

void stop_listen(void);
bool stop_asked(void);
/* What must be done even when the process ends at once; called from the signal's handler. */
void stop_before(void (*work)(void));
/* FAIL_INTERRUPTED with the message "interrupted"; returns false. */
bool stop_failure(void);
/* 130 after SIGINT, 143 after SIGTERM. */
int stop_code(void);

#endif
