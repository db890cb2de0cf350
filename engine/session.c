#include "session.h"

#include "cluster.h"
#include "fail.h"
#include "log.h"
#include "pgurl.h"
#include "sql.h"
#include "text.h"

#include <stdlib.h>

/* `local:` becomes the private cluster's URL, which is started if need be. */
static const char *resolve(Arena *a, const Config *config, const char *url) {
    if (!text_starts(url, "local:"))
        return url;
    Cluster cluster;
    if (!cluster_at(a, config->folder, config->server_bin, &cluster) || !cluster_start(&cluster))
        return NULL;
    return cluster_url(a, &cluster, cluster_database(a, url, config->folder));
}

static bool read_url(Arena *a, const Config *config, PgUrl *out) {
    const char *url = config_connection(config);
    if (url)
        url = resolve(a, config, url);
    return url && pgurl_read(a, url, out);
}

static PgTarget target_of(const Config *config, const PgUrl *url, const char *what) {
    return (PgTarget){.conninfo = url->conninfo,
                      .search_path = config->schema ? config->schema : url->search_path,
                      .role = config->role,
                      .what = what,
                      .wait_ms = config->wait_for_db,
                      .lock_timeout = config->lock_timeout,
                      .statement_timeout = config->statement_timeout};
}

static Pg *open_maintenance(Arena *a, const PgUrl *url, PgTarget target) {
    target.conninfo = pgurl_with_database(a, url, "postgres");
    target.search_path = target.role = NULL;
    return pg_open(a, &target);
}

Pg *session_maintenance(Arena *a, const Config *config, const char *what) {
    PgUrl url;
    return read_url(a, config, &url) ? open_maintenance(a, &url, target_of(config, &url, what))
                                     : NULL;
}

/* Made from its server's maintenance database; another run may do the same at the same time. */
static bool create_database(Arena *a, const PgUrl *url, PgTarget target, const char *name) {
    Pg *pg = open_maintenance(a, url, target);
    if (!pg)
        return false;
    bool ok = pg_do(pg, arena_format(a, "CREATE DATABASE %s", pg_ident(pg, a, name)), PG_NONE);
    if (!ok && (pg_failed_with(pg, "42P04") || pg_failed_with(pg, "23505"))) {
        fail_clear();
        ok = true;
    } else if (ok)
        log_say("created the database %s", name);
    else
        fail_in("the database %s does not exist and could not be made", name);
    pg_close(pg);
    return ok;
}

/* Which URL that was: it may be another than one thinks. */
static void explain_url(const Config *config) {
    const char *key = config->direct_url ? "direct_url" : "url";
    if (!failure()->detail)
        fail_detail("environment %s, its %s is from %s", config->environment, key,
                    config_source(config, key));
    if (!failure()->hint && !failure()->next)
        fail_hint("look at host, port, user and password there; stint dev status tells of "
                  "`url = local:`, --wait-for-db 30s waits for a server that starts");
}

Pg *session_open(Arena *a, const Config *config, const char *what, SessionDatabase database) {
    return session_open_meanwhile(a, config, what, database, NULL, NULL);
}

Pg *session_open_meanwhile(Arena *a, const Config *config, const char *what,
                           SessionDatabase database, void (*meanwhile)(void *with), void *with) {
    PgUrl url;
    if (!read_url(a, config, &url))
        return NULL;
    if (url.dropped)
        log_detail("parameters of the URL that mean nothing here: %s", url.dropped);
    PgTarget target = target_of(config, &url, what);
    target.meanwhile = meanwhile;
    target.with = with;
    Pg *pg = pg_open(a, &target);
    target.meanwhile = NULL;
    const char *name = url.database ? url.database : getenv("PGDATABASE");
    bool missing = !pg && text_same(failure()->sqlstate, "3D000");
    if (missing && config->is_protected)
        fail_hint("create it by hand: %s is a protected environment", config->environment);
    else if (missing && database == SESSION_MUST_EXIST)
        fail_next("stint up makes it");
    else if (!pg && !missing && failure()->kind == FAIL_CONNECT)
        explain_url(config);
    else if (missing && name && create_database(a, &url, target, name))
        pg = pg_open(a, &target);
    return pg;
}

bool session_make_schema(Pg *pg, Arena *a, const Config *config) {
    PgRows rows;
    if (!pg_target(pg)->search_path)
        return true;
    if (!pg_rows(pg, a, &rows, SQL_SESSION_MISSING_SCHEMA, PG_NONE))
        return false;
    if (!rows.count)
        return true;
    const char *name = pg_cell(&rows, 0, 0);
    if (config->is_protected) {
        fail(FAIL_CONFIG, "the schema %s, the first of search_path, does not exist", name);
        fail_hint("create it by hand: CREATE SCHEMA %s; %s is a protected environment", name,
                  config->environment);
        return fail_state("nothing was run");
    }
    if (!pg_do(pg, arena_format(a, "CREATE SCHEMA IF NOT EXISTS %s", name), PG_NONE))
        return fail_in("the schema %s does not exist and could not be made", name);
    log_say("created the schema %s", name);
    return true;
}

/* A transaction of its own: what follows in the same message would else be in one that began with
 * the settings of before. */
const char *session_clean(Arena *a, const Pg *pg) {
    return arena_format(a, "BEGIN READ WRITE;\n%s;\n%s;\n%s;\nCOMMIT;\n", SQL_SESSION_CLEAN,
                        pg_settings(pg), SQL_SESSION_UNLOCK);
}

const char *session_own_role(Arena *a, Pg *pg) {
    const char *role = pg_target(pg)->role;
    return arena_format(a, "SET LOCAL SESSION AUTHORIZATION DEFAULT;\nSET LOCAL ROLE %s",
                        role ? pg_ident(pg, a, role) : "NONE");
}

const char *session_place(Arena *a, const Pg *pg) {
    if (pg_host(pg)[0] == '/')
        return arena_format(a, "%s (local) as %s", pg_database(pg), pg_user(pg));
    return arena_format(a, "%s:%s/%s as %s", pg_host(pg), pg_port(pg), pg_database(pg),
                        pg_user(pg));
}
