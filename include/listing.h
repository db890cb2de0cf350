/* listing: a file that is due, as plan shows it to people and programs: its statements, and what is
 * known of each. Refuses to know how it is found. */
#ifndef LISTING_H
#define LISTING_H

#include "command.h"
#include "precedent.h"
#include "rehearsal.h"

typedef struct {
    Call *call;
    Pg *pg; /* NULL: the database is not there yet */
    const Review *review;
    const Precedent *precedent;
    const Rehearsal *rehearsal; /* NULL: there was none */
} Listing;

void listing_print(const Listing *listing, const PlanItem *item);
Json *listing_json(const Listing *listing, const PlanItem *item);

#endif
