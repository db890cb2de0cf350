/* approval: who has said yes to a migration, and whether that still holds: for exactly this text (a
 * change of its tokens, up or down, makes it void), for this environment and in this database, by
 * somebody who may. With approval_keys only a signature counts; without, only a ledger that the
 * present session could not have written to itself. Refuses to know how many are wanted. */
#ifndef APPROVAL_H
#define APPROVAL_H

#include "author.h"
#include "config.h"
#include "json.h"
#include "migration.h"
#include "pg.h"
#include "script.h"

typedef enum { APPROVAL_BY_ANYBODY, APPROVAL_NOT_BY_AUTHOR } ApprovalGivers;

typedef struct {
    ApprovalGivers givers;
    Strings roles; /* by a member of one of them; none: by anybody */
} ApprovalWanted;

typedef struct {
    const char *by; /* the role of the session that gave it; with approval_keys the key's name */
    const char *at, *environment, *comment;
    const char *refused; /* why it does not count; NULL: it does */
} Approval;

typedef struct {
    size_t count, valid;
    Approval *approval;  /* the newest first */
    const char *refused; /* why none can count, whatever stands there: `valid` is 0; or NULL */
    const char *next;    /* what to do about that */
    Author author;
} Approvals;

/* As hooks/gates.lua says what a policy wants: { not_author, roles }. */
ApprovalWanted approval_wanted(Arena *a, const Json *kind);
/* `m` is open. With APPROVAL_NOT_BY_AUTHOR and an unknown author none counts. False: failed. */
bool approval_count(Pg *pg, Arena *a, const Config *config, const Migration *m,
                    const ApprovalWanted *wanted, Approvals *out);

/* What is approved of an open migration: SHA-256 over the tokens of up and down. */
const char *approval_tokens(Arena *a, const Migration *m);

typedef struct {
    const char *by, *key; /* as whom it was given; the key's name, or NULL */
} ApprovalGiven;
/* Writes one down for this session's user, signed where there is an approval_key. FAIL_CONFIG for
 * a key that approval_keys does not have, FAIL_REFUSED where the session may not. */
bool approval_give(Pg *pg, Arena *a, const Config *config, const Migration *m, const char *comment,
                   ApprovalGiven *out);

#endif
