/* wish: what somebody wants of a backfill, by `stint backfill`: that it pauses, goes on, ends, or
 * takes another part of its workers' time. Each is one UPDATE (standing.h) that every worker reads.
 * Refuses to wait until it is so. */
#ifndef WISH_H
#define WISH_H

#include "desk.h"

bool wish_pause(Desk *desk);
bool wish_resume(Desk *desk);
bool wish_cancel(Desk *desk);
bool wish_speed(Desk *desk);

#endif
