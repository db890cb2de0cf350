/* muster: a command over many targets, as people and programs see it: a line a target, in their
 * order, and the totals; with --json events or one document. Refuses to know what the command is.
 */
#ifndef MUSTER_H
#define MUSTER_H

#include "command.h"
#include "target.h"

/* Sets call->exit_code to the worst of all. False: it did not come to that. */
bool muster_run(const Command *command, Call *call, const Targets *targets);

#endif
