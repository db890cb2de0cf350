#include "cluster.h"

#include "account.h"
#include "binaries.h"
#include "digest.h"
#include "fail.h"
#include "file.h"
#include "server.h"
#include "stop.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOTS_PLACE "/var/lib/stint"

enum {
    HASH_DIGITS = 12,
    LONGEST_SOCKET = 107, /* sun_path less its NUL */
    LONGEST_NAME = 63,
};

static bool state_folder(Arena *a, const Cluster *cluster, const char **out) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (cluster->account) {
        *out = ROOTS_PLACE;
        return true;
    }
    if (state && state[0] == '/') {
        *out = file_join(a, state, "stint");
        return true;
    }
    const struct passwd *entry = home && home[0] == '/' ? NULL : getpwuid(geteuid());
    if (entry)
        home = entry->pw_dir;
    if (!home || home[0] != '/') {
        fail(FAIL_ERROR, "there is no place for a private PostgreSQL: HOME is not set");
        return fail_hint("set HOME or XDG_STATE_HOME to a folder of yours");
    }
    *out = file_join(a, home, ".local/state/stint");
    return true;
}

bool cluster_at(Arena *a, const char *project, const char *server_bin, Cluster *out) {
    const char *state = NULL;
    char *real = realpath(project, NULL);
    if (!real)
        return fail_errno(FAIL_ERROR, "cannot find the project's folder %s", project);
    *out = (Cluster){.project = arena_string(a, real), .server_bin = arena_string(a, server_bin)};
    free(real);
    if (!account_for_servers(a, &out->account) || !state_folder(a, out, &state))
        return false;
    const char *digest = digest_of(a, out->project, strlen(out->project));
    const char *hash = arena_bytes(a, digest, HASH_DIGITS);
    out->home = file_join(a, state, hash);
    out->data = file_join(a, out->home, "data");
    out->log = file_join(a, out->home, "server.log");
    out->socket = file_join(a, out->home, "socket");
    if (strlen(out->socket) + strlen("/" SERVER_SOCKET) > LONGEST_SOCKET)
        out->socket = arena_format(a, "/tmp/stint-%s", hash);
    return true;
}

ClusterState cluster_state(const Cluster *cluster) {
    if (!server_major(cluster))
        return CLUSTER_ABSENT;
    return server_pid(cluster) ? CLUSTER_RUNNING : CLUSTER_STOPPED;
}

const char *cluster_program(Arena *a, const Cluster *cluster, const char *program) {
    BinariesWanted wanted = {cluster->server_bin, cluster->project, server_major(cluster)};
    return binaries_folder(a, &wanted, program);
}

static bool make_home(const Cluster *cluster) {
    Arena *a = arena_new();
    const char *parent = file_folder(a, cluster->home);
    bool there = file_is_folder(parent);
    bool ok = file_make_folder(parent);
    if (ok && !there && cluster->account && chmod(parent, 0755) != 0)
        ok = fail_errno(FAIL_ERROR, "cannot open %s for others to pass", parent);
    ok = ok && account_folder(cluster->account, cluster->home);
    arena_free(a);
    return ok;
}

/* The folder may be removed while we wait for its lock; then it is made again. */
static bool lock_home(Arena *a, const Cluster *cluster, int *lock) {
    const char *path = file_join(a, cluster->home, "lock");
    for (;;) {
        struct stat held, there;
        if (!make_home(cluster))
            return false;
        *lock = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (*lock < 0)
            return fail_errno(FAIL_ERROR, "cannot open %s", path);
        while (flock(*lock, LOCK_EX) != 0 && !stop_asked())
            if (errno != EINTR)
                return fail_errno(FAIL_ERROR, "cannot lock %s", path);
        if (stop_asked())
            return stop_failure();
        if (fstat(*lock, &held) == 0 && stat(path, &there) == 0 && held.st_ino == there.st_ino)
            return true;
        close(*lock);
        *lock = -1;
    }
}

typedef bool Work(Arena *a, const Cluster *cluster);

static bool under_lock(const Cluster *cluster, Work *work) {
    Arena *a = arena_new();
    int lock = -1;
    bool ok = lock_home(a, cluster, &lock) && work(a, cluster);
    if (lock >= 0)
        close(lock);
    arena_free(a);
    return ok;
}

static bool note_project(Arena *a, const Cluster *cluster) {
    const char *path = file_join(a, cluster->home, "project");
    return file_exists(path) || file_create(path, arena_format(a, "%s\n", cluster->project));
}

static bool make_and_start(Arena *a, const Cluster *cluster) {
    bool deaf = server_is_deaf(cluster);
    if (cluster_state(cluster) == CLUSTER_RUNNING && !deaf)
        return true;
    if (deaf && !server_stop(a, cluster))
        return false;
    if (!note_project(a, cluster) || (!server_major(cluster) && !server_make(a, cluster)))
        return false;
    return account_folder(cluster->account, cluster->socket) && server_start(a, cluster);
}

bool cluster_start(const Cluster *cluster) {
    return under_lock(cluster, make_and_start);
}

bool cluster_stop(const Cluster *cluster) {
    return cluster_state(cluster) != CLUSTER_RUNNING || under_lock(cluster, server_stop);
}

static bool stop_and_remove(Arena *a, const Cluster *cluster) {
    const char *lock = file_join(a, cluster->home, "lock");
    /* As the account, since the folder is its own: what it may have put there must not lead root
     * astray. */
    const char *const clear[] = {"/bin/rm",
                                 "-rf",
                                 "--",
                                 cluster->data,
                                 cluster->socket,
                                 cluster->log,
                                 file_join(a, cluster->home, "data.new"),
                                 file_join(a, cluster->home, "project"),
                                 NULL};
    if (!server_stop(a, cluster) || !account_run(cluster->account, clear, "/dev/null"))
        return false;
    if (unlink(lock) != 0 || rmdir(cluster->home) != 0)
        return fail_errno(FAIL_ERROR, "cannot remove %s", cluster->home);
    return true;
}

bool cluster_delete(const Cluster *cluster) {
    return !file_exists(cluster->home) || under_lock(cluster, stop_and_remove);
}

const char *cluster_url(Arena *a, const Cluster *cluster, const char *database) {
    Text url = text_on(a);
    text_add(&url, "postgresql:///");
    text_add_encoded(&url, database);
    text_add(&url, "?host=");
    text_add_encoded(&url, cluster->socket);
    text_add(&url, "&port=" SERVER_PORT "&user=" SERVER_SUPERUSER);
    return url.at;
}

const char *cluster_database(Arena *a, const char *url, const char *project) {
    const char *name = strchr(url, ':') ? strchr(url, ':') + 1 : "";
    size_t length = strcspn(name, "?");
    if (length)
        return arena_bytes(a, name, length);
    Text own = text_on(a);
    for (const char *at = file_base(project); *at && own.length < LONGEST_NAME; at++) {
        bool good = isalnum((unsigned char)*at);
        if (good)
            text_add_char(&own, (char)tolower((unsigned char)*at));
        else if (own.length && own.at[own.length - 1] != '_')
            text_add_char(&own, '_');
    }
    while (own.length && own.at[own.length - 1] == '_')
        own.at[--own.length] = 0;
    if (!own.length || text_starts(own.at, "template"))
        text_add(&own, own.length ? "_app" : "app");
    return own.at;
}
