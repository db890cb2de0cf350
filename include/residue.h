/* residue: works off the rows that batches passed over because somebody held or changed them: those
 * that are free now, again and again with growing pauses; then waiting for each. Refuses to give
 * up: it names who is in the way. */
#ifndef RESIDUE_H
#define RESIDUE_H

#include "worker.h"

WorkerAnswer residue_work(Worker *w);

#endif
