/* stripe: the order in which a backfill walks its table. Windowed stripes go over a small window of
 * keys several times, each time changing one row in so many of every page: later passes find the
 * room that earlier ones freed, so most updates touch no index and the table hardly grows. Refuses
 * to know statements. */
#ifndef STRIPE_H
#define STRIPE_H

#include "backfill.h"

/* Fills in `stripes` and `order`: as the file says, or 8 where it pays. */
bool stripe_choose(Pg *pg, Arena *a, Backfill *backfill);
/* Does the SQL mention one of these columns? Judged by its words. */
bool stripe_mentions(const char *sql, Strings columns);

#endif
