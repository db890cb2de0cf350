/* pair: another environment of the same config.ini beside the chosen one, for commands that are
 * about two. Refuses to connect. */
#ifndef PAIR_H
#define PAIR_H

#include "config.h"

/* With the same flags. False: failed, there is none of that name. */
bool pair_load(Arena *a, const Config *here, const char *environment, Config **out);
/* What chose the one database (--url, STINT_URL) must not have chosen the other. False:
 * FAIL_USAGE, or one of them has no database. */
bool pair_are_two(const Config *one, const Config *other);

#endif
