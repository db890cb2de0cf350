/* gauge: how far backfills are, as people and programs see it: a line, a few lines, the document of
 * `backfill status --json`. Refuses to ask the database. */
#ifndef GAUGE_H
#define GAUGE_H

#include "json.h"
#include "standing.h"

/* "[####....]  45%  90,000 of ~200,000 rows  12,000 rows/s  batch 5,000  2 workers  ETA 9s" */
const char *gauge_line(Arena *a, const Standing *standing);
/* The same, and what holds it up or slows it down. */
const char *gauge_brief(Arena *a, const Standing *standing);
/* What else is to be said of it, each line with its end: who paused it, why it rests, rows that
 * fail, the error. "" where there is nothing. */
const char *gauge_remarks(Arena *a, const Standing *standing);
const char *gauge_worker(Arena *a, const StandingWorker *worker);
/* A value of "backfills"; `workers` lists the `count` of them. */
Json *gauge_json(Arena *a, const Standing *standing);
Json *gauge_worker_json(Arena *a, const StandingWorker *worker);

#endif
