/* summary: --summary FILE, what a deploy did, as Markdown for the page of a CI job. It is added to
 * the file's end, as GITHUB_STEP_SUMMARY wants it. Without the option nothing happens.
 * Refuses to judge what it tells. */
#ifndef SUMMARY_H
#define SUMMARY_H

#include "command.h"
#include "tally.h"

/* From now on the run's events are noted. False: the file cannot be written. */
bool summary_open(const Call *call);
/* Writes it; of a run that failed with its failure, which stays. `ok` as it was given. */
bool summary_close(const Call *call, bool ok);
/* The same for a fleet, which has ended. */
void summary_fleet(const Call *call, const Tally *tally, const Fleet *fleet);

#endif
