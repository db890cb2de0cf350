/* prospect: what a review has found of each statement, as plan shows it to people and programs.
 * Refuses to know how it is found. */
#ifndef PROSPECT_H
#define PROSPECT_H

#include "command.h"
#include "precedent.h"
#include "review.h"

/* The locks of the file's statement with this number, and what it rewrites, reads and builds. */
void prospect_print(Arena *a, const ReviewFile *file, size_t number);
/* The statements of a Lua migration, as far as they are known before it runs. */
void prospect_print_script(Arena *a, const ReviewFile *file);
void prospect_print_findings(Arena *a, const Review *review, const ReviewFile *file);
/* How much of it is known, and the plan's hash. */
void prospect_print_end(Call *call, const Review *review);

/* How long the same text took elsewhere. */
void prospect_print_time(Arena *a, const Precedent *precedent, const Migration *m);
void prospect_set_time(Json *json, const Precedent *precedent, const Migration *m);

/* What the statement does, and those within it: a list. */
Json *prospect_json(Arena *a, const ReviewFile *file, size_t number);

#endif
