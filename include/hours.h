/* hours: when a backfill's batches may run: `window = { from = "22:00", to = "06:00", zone =
 * "Europe/Berlin" }`. The server reckons, with its time zones. Refuses to wait. */
#ifndef HOURS_H
#define HOURS_H

#include "pg.h"
#include "script.h"

typedef struct {
    const char *from, *to, *zone; /* from NULL: always */
} Hours;

/* False: the window of the declaration is none, with its place. */
bool hours_read(Pg *pg, Arena *a, const Declaration *declaration, Hours *out);
/* `*closes`: when, for the server (a timestamp). */
bool hours_ask(Pg *pg, Arena *a, const Hours *hours, bool *is_open, const char **closes);

#endif
