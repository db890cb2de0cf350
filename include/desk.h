/* desk: where `stint backfill` works: what is known of all backfills, which of them was named, and
 * how one is shown. Refuses to change any. */
#ifndef DESK_H
#define DESK_H

#include "command.h"
#include "pick.h"

typedef struct {
    Call *call;
    Pg *pg;
    Standings all;
    const char *name;  /* as it was typed, or NULL */
    const char *speed; /* the same, such as "50%" */
} Desk;

bool desk_read(Desk *desk);
Pick desk_pick(const Desk *desk);
/* `text` with the options of this call in the commands that it names. */
const char *desk_typed(const Desk *desk, const char *text);
bool desk_is(const Standing *standing, const char *state);

typedef enum { DESK_LINES, DESK_ALL } DeskShow;
/* All of them, or the one that is named. */
bool desk_show(Desk *desk, DeskShow show);
/* What has become of one: a line, or in JSON how it stands now. */
bool desk_say(Desk *desk, const Standing *standing, const char *text);
/* "it cannot be `past`", for the state it is in, and the way on from there. */
bool desk_refuse(const Standing *standing, const char *past);

#endif
