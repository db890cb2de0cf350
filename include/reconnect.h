/* reconnect: a session again where the server went away under a run or a worker: it waits until the
 * server is back, a few times: a server that falls each time it is asked is not asked for ever.
 * Refuses to know what was under way: the ledger does. */
#ifndef RECONNECT_H
#define RECONNECT_H

#include "run.h"

/* The session alone, in place of the lost one. False: failed, or too many were lost since the last
 * file that was done. */
bool reconnect_session(Run *run);
/* And the run lock. False too where an administrator ended the session that is lost. */
bool reconnect_run(Run *run);

#endif
