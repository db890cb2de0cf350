#include "server.h"

#include "account.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "log.h"
#include "stop.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_PATIENCE = 120 * 1000,
    STOP_PATIENCE = 60 * 1000,
    LOOK_EVERY = 10,
    LOG_SHOWN = 2000, /* bytes of the log's end that an error shows */
};

/* Given on the command line, so that they hold for clusters that an older stint has made. */
static const char *const settings[] = {
    "listen_addresses=",     ("port=" SERVER_PORT),    "unix_socket_permissions=0700",
    "logging_collector=off", "log_destination=stderr", "max_wal_size=2GB",
    "cluster_name=stint",
};

/* The first number of a file, which may be missing: PG_VERSION, postmaster.pid. */
static int number_of(const char *folder, const char *name) {
    Arena *a = arena_new();
    int number = 0;
    FILE *file = fopen(file_join(a, folder, name), "re");
    if (file) {
        if (fscanf(file, "%d", &number) != 1)
            number = 0;
        fclose(file);
    }
    arena_free(a);
    return number;
}

int server_major(const Cluster *cluster) {
    return number_of(cluster->data, "PG_VERSION");
}

/* The server's process; 0 if the pid file is missing or was left behind. The number alone says
 * nothing, for it may be somebody else's by now: a server works in its data folder. */
pid_t server_pid(const Cluster *cluster) {
    char at[4096];
    pid_t pid = number_of(cluster->data, "postmaster.pid");
    if (pid <= 0)
        return 0;
    if (!file_exists("/proc/self/cwd"))
        return kill(pid, 0) == 0 ? pid : 0;
    Arena *a = arena_new();
    ssize_t length = readlink(arena_format(a, "/proc/%ld/cwd", (long)pid), at, sizeof at - 1);
    char *data = realpath(cluster->data, NULL);
    at[length > 0 ? length : 0] = 0;
    bool ours = data && text_same(data, at);
    free(data);
    arena_free(a);
    return ours ? pid : 0;
}

bool server_is_deaf(const Cluster *cluster) {
    Arena *a = arena_new();
    bool deaf = server_pid(cluster) && !file_exists(file_join(a, cluster->socket, SERVER_SOCKET));
    arena_free(a);
    return deaf;
}

static long log_length(const Cluster *cluster) {
    struct stat about;
    return stat(cluster->log, &about) == 0 ? (long)about.st_size : 0;
}

/* Adds to the failure what the log has said since it was `before` bytes long. */
static bool fail_with_log(Arena *a, const Cluster *cluster, long before) {
    long now = log_length(cluster);
    Bytes log = {"", 0};
    Failure kept = *failure();
    const char *message = arena_string(a, kept.message);
    if (now - before > LOG_SHOWN)
        before = now - LOG_SHOWN;
    if (!file_read(a, cluster->log, &log) || (long)log.length < before)
        before = (long)log.length;
    const char *said = log.at + before;
    size_t length = strlen(said);
    while (length && isspace((unsigned char)said[length - 1]))
        length--;
    fail(kept.kind, "%s", message);
    if (length)
        fail_detail("%.*s", (int)length, said);
    return fail_hint("the whole log: %s", cluster->log);
}

static const char *locale_name(void) {
    locale_t found = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
    if (!found)
        return "C";
    freelocale(found);
    return "C.UTF-8";
}

/* Made under another name, so that a data folder is always a whole one. */
bool server_make(Arena *a, const Cluster *cluster) {
    const char *folder = cluster_program(a, cluster, "initdb");
    const char *unfinished = file_join(a, cluster->home, "data.new");
    if (!folder)
        return false;
    log_say("making a private PostgreSQL in %s", cluster->home);
    const char *const clear[] = {"/bin/rm", "-rf", "--", unfinished, NULL};
    const char *const initdb[] = {file_join(a, folder, "initdb"),
                                  "-D",
                                  unfinished,
                                  "-U",
                                  SERVER_SUPERUSER,
                                  "--auth=trust",
                                  "--encoding=UTF8",
                                  arena_format(a, "--locale=%s", locale_name()),
                                  "--data-checksums",
                                  NULL};
    long before = log_length(cluster);
    if (!account_run(cluster->account, clear, cluster->log) ||
        !account_run(cluster->account, initdb, cluster->log)) {
        fail_in("cannot make a private PostgreSQL in %s", cluster->home);
        return fail_with_log(a, cluster, before);
    }
    if (rename(unfinished, cluster->data) != 0)
        return fail_errno(FAIL_ERROR, "cannot rename %s", unfinished);
    return true;
}

/* The last line of the pid file says how far the server is. */
static bool is_ready(const Cluster *cluster) {
    Arena *a = arena_new();
    char line[256];
    bool ready = false;
    FILE *file = fopen(file_join(a, cluster->data, "postmaster.pid"), "re");
    while (file && !ready && fgets(line, sizeof line, file))
        ready = text_starts(line, "ready");
    if (file)
        fclose(file);
    arena_free(a);
    return ready && server_pid(cluster);
}

static bool wait_until_ready(Arena *a, const Cluster *cluster, pid_t pid, long log_before) {
    long long until = clock_ms() + START_PATIENCE;
    int status;
    while (!is_ready(cluster)) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            fail(FAIL_CONNECT, "the private PostgreSQL in %s does not start", cluster->home);
            return fail_with_log(a, cluster, log_before);
        }
        if (stop_asked())
            return stop_failure();
        if (clock_ms() > until) {
            fail(FAIL_CONNECT, "the private PostgreSQL in %s is not ready after %d s",
                 cluster->home, START_PATIENCE / 1000);
            return fail_with_log(a, cluster, log_before);
        }
        clock_sleep(LOOK_EVERY);
    }
    return true;
}

bool server_start(Arena *a, const Cluster *cluster) {
    enum { SETTINGS = sizeof settings / sizeof *settings };
    const char *argv[2 * SETTINGS + 6];
    const char *folder = cluster_program(a, cluster, "postgres");
    size_t n = 0;
    pid_t pid;
    if (!folder)
        return false;
    argv[n++] = file_join(a, folder, "postgres");
    argv[n++] = "-D";
    argv[n++] = cluster->data;
    argv[n++] = "-k";
    argv[n++] = cluster->socket;
    for (size_t i = 0; i < SETTINGS; i++) {
        argv[n++] = "-c";
        argv[n++] = settings[i];
    }
    argv[n] = NULL;
    log_say("starting the private PostgreSQL in %s", cluster->home);
    long before = log_length(cluster);
    return account_start(cluster->account, argv, cluster->log, &pid) &&
           wait_until_ready(a, cluster, pid, before);
}

bool server_stop(Arena *a, const Cluster *cluster) {
    (void)a;
    long long until = clock_ms() + STOP_PATIENCE;
    pid_t pid = server_pid(cluster);
    if (pid && kill(pid, SIGINT) != 0 && errno != ESRCH) /* PostgreSQL's fast shutdown */
        return fail_errno(FAIL_ERROR, "cannot stop the private PostgreSQL, process %ld", (long)pid);
    while (server_pid(cluster)) {
        if (clock_ms() > until) {
            fail(FAIL_ERROR, "the private PostgreSQL, process %ld, does not stop", (long)pid);
            return fail_hint("the whole log: %s", cluster->log);
        }
        if (stop_asked())
            return stop_failure();
        clock_sleep(LOOK_EVERY);
    }
    if (pid)
        waitpid(pid, NULL, WNOHANG); /* if it was this process that has started it */
    return true;
}
