/* fix: files with findings made safe (hooks/fix.lua says how): the old one is written anew, others
 * are added behind it; waivers bound to their statements. What was applied, or is not a branch's
 * own, is never touched. Refuses to know what is unsafe. */
#ifndef FIX_H
#define FIX_H

#include "base.h"
#include "judge.h"

typedef struct {
    const char *file; /* what could not be made safe, or must not be */
    size_t line;
    const char *why, *sketch; /* what a person may do instead, or NULL */
} FixRefusal;

typedef struct {
    size_t written_count, refused_count;
    const char **written; /* paths; the first of a file is its own */
    FixRefusal *refused;
} Fix;

/* To be called before anything is judged. */
bool fix_prepare(Judge *judge);
/* `base` or NULL. Without it the ledger says what is applied, so there must be a database; with it
 * the ledger is asked where there is one. */
bool fix_files(Judge *judge, const Migrations *files, const Base *base, Fix *out);
/* Writes into each waiver above a statement which one that is; needs no fix_prepare. */
bool fix_bind(Judge *judge, const Migrations *files, const Base *base, Fix *out);

#endif
