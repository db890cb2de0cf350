/* keeper: the trigger that keeps rows right which are written while a backfill runs: it does to
 * them what the backfill does, and knows the backfill's own sessions by their setting. Also the
 * changes of the table's definition at the end. All of it waits for table locks with patience
 * (retreat.h). Refuses to know batches. */
#ifndef KEEPER_H
#define KEEPER_H

#include "backfill.h"
#include "retreat.h"

typedef struct {
    Pg *pg;
    Arena *arena;
    const char *schema;
    Retreat *retreat;
    const Backfill *backfill;
} Keeper;

/* What cannot be kept right by a trigger or a default is refused before anything is begun. */
bool keeper_check(const Keeper *keeper);
bool keeper_make_trigger(const Keeper *keeper);
bool keeper_drop_trigger(const Keeper *keeper);
/* finally = { not_null = ... }: the constraint that new rows must meet; and when all rows do, the
 * column itself. Nothing where it is not asked for. */
bool keeper_announce(const Keeper *keeper);
bool keeper_finish(const Keeper *keeper);
/* On the way down, before the first batch: the column may be NULL again. */
bool keeper_release(const Keeper *keeper);
/* Somebody ends the backfill by hand: what it has done counts, or it is as if never begun. No
 * trigger stays behind. */
typedef enum { KEEPER_COUNTS, KEEPER_FORGETS } KeeperEnd;
bool keeper_end(Pg *pg, Arena *a, const char *schema, const char *migration, KeeperEnd end);

#endif
