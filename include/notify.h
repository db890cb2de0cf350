/* notify: starts config.ini's notify command, without a shell: its words as they are split here, a
 * text on its stdin, its output where errors go, an end to its time. Refuses to know what the text
 * is about. */
#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>
#include <stddef.h>

/* Waits for its end, `timeout` ms at most (0: as long as it takes), then kills it and all that it
 * has started. False: it did not start, did not end in time, or ended with anything but 0
 * (FAIL_ERROR). */
bool notify_send(const char *command, long long timeout, const char *text, size_t length);

#endif
