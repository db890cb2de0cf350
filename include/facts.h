/* facts: what rules and impact may know of a database: shapes and sizes, never rows. Read by one
 * statement that locks no table, or from a snapshot that `stint doctor --snapshot` has written, so
 * that lint answers without a database as plan does with one. hooks/world.lua works on them;
 * engine/sql/facts.sql says what they hold. Refuses to know what is made of them. */
#ifndef FACTS_H
#define FACTS_H

#include "json.h"
#include "ledger.h"
#include "migration.h"
#include "pg.h"

/* `ledger_schema` is left out. Fields that this role may not see are not there. */
bool facts_read(Arena *a, Pg *pg, const char *ledger_schema, Json **out);

/* Which files have made what is there: the ledger's, but for repeatable ones, which run again. */
void facts_name_applied(Arena *a, Json *facts, const Ledger *ledger);
/* Of each file: is it one of them? */
bool *facts_applied(Arena *a, const Json *facts, const Migrations *files);

bool facts_save(const char *path, const Json *facts);
/* FAIL_CONFIG: it is no snapshot. */
bool facts_load(Arena *a, const char *path, Json **out);

#endif
