/* setback: what a worker does after a batch that failed: the same again, smaller, in another way;
 * or the row at fault is looked for and put aside. Refuses to know how a batch is done. */
#ifndef SETBACK_H
#define SETBACK_H

#include "worker.h"

/* After a failure: TURN_NOTHING when it is worth another try, in what way it will be. */
Turn setback_turn(Worker *w);

#endif
