/* screen: a terminal that shows something which changes, and takes single keys. Whatever ends or
 * stops the process, but SIGKILL, leaves the terminal as it was. Refuses to know what is shown. */
#ifndef SCREEN_H
#define SCREEN_H

#include "arena.h"

#include <stdbool.h>

/* Keys that are no characters. */
enum { SCREEN_NONE = 0, SCREEN_UP = 256, SCREEN_DOWN, SCREEN_CLOSED };

/* False, without a failure: stdout is no terminal. */
bool screen_open(void);
void screen_close(void); /* fine when it is not open */
/* A whole picture, lines ended by \n; what does not fit is cut off. */
void screen_show(Arena *a, const char *picture);
/* The next key within `ms`; SCREEN_NONE: none, SCREEN_CLOSED: there will be no more. */
int screen_key(long long ms);

#endif
