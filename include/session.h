/* session: the connection that does a run's work, made from the configuration: which URL, the
 * private cluster behind `local:`, a database that is not there yet, the clean state that every
 * file starts with. Refuses to know what runs in it. */
#ifndef SESSION_H
#define SESSION_H

#include "config.h"
#include "pg.h"

typedef enum { SESSION_MUST_EXIST, SESSION_MAY_CREATE } SessionDatabase;

/* `what` names it for pg_stat_activity. A missing database is made where the environment is not
 * protected and `database` allows it. NULL: failed. */
Pg *session_open(Arena *a, const Config *config, const char *what, SessionDatabase database);
/* The same; `meanwhile` is called with `with` while the server makes the session (once, or not at
 * all if the connection comes to nothing). */
Pg *session_open_meanwhile(Arena *a, const Config *config, const char *what,
                           SessionDatabase database, void (*meanwhile)(void *with), void *with);
/* Makes the schema that the URL's ?schema= or config.ini's schema names first, where it is missing
 * and the environment is not protected. */
bool session_make_schema(Pg *pg, Arena *a, const Config *config);
/* The maintenance database (postgres) of the same server, under the URL's own role: for making and
 * dropping databases. */
Pg *session_maintenance(Arena *a, const Config *config, const char *what);
/* Statements that make a used session clean again, settings included; end with ";\n". */
enum { SESSION_CLEAN_COUNT = 15 };
const char *session_clean(Arena *a, const Pg *pg);
/* Two statements within a transaction: our own role again, whatever a file has SET. */
const char *session_own_role(Arena *a, Pg *pg);
/* "host:port/database as user", for people. */
const char *session_place(Arena *a, const Pg *pg);

#endif
