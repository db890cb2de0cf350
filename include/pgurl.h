/* pgurl: the URLs that people have, turned into what libpq takes. Knows the query parameters of
 * the Prisma, Supabase, Node and Go worlds; what libpq would refuse is dropped or mapped. Refuses
 * to connect. */
#ifndef PGURL_H
#define PGURL_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    const char *conninfo;    /* for PQconnectStart: "key='value' ..." */
    const char *search_path; /* from ?schema= or ?search_path=, else NULL */
    const char *dropped;     /* what was dropped, "pgbouncer, connection_limit", else NULL */
    const char *host, *port, *database, *user; /* for people; NULL where the default holds */
    bool pooler_hint; /* says of itself that it is a transaction pooler (pgbouncer=true, port 6543)
                       */
} PgUrl;

/* Registers the password with fail_secret() before anything else can fail. False: FAIL_CONFIG; the
 * message names the part that is wrong, never the whole text. */
bool pgurl_read(Arena *a, const char *url, PgUrl *out);
/* The same place with another database. */
const char *pgurl_with_database(Arena *a, const PgUrl *url, const char *database);
/* What libpq takes, for the arguments of another program, which everybody can read; the password
 * apart, NULL if there is none. False: it holds another secret (sslpassword), FAIL_CONFIG. */
bool pgurl_parted(Arena *a, const char *conninfo, const char **open, const char **password);

#endif
