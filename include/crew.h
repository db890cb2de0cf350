/* crew: several workers on one backfill: the same program, exec'd, which share nothing but rows; so
 * a worker on another machine is one more. Starts them, shows how far they are, replaces those that
 * die. Refuses to do batches itself. */
#ifndef CREW_H
#define CREW_H

#include "config.h"
#include "worker.h"

/* `count` workers until nothing is left. `w` is for looking only. */
WorkerAnswer crew_run(Worker *w, const Config *config, long count);

#endif
