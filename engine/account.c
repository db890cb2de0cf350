#include "account.h"

#include "fail.h"
#include "file.h"
#include "stop.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HIGHEST_FD = 1024, CANNOT_RUN = 127 };

static const char *const server_accounts[] = {"postgres", "nobody"};
static const char *const kept_variables[] = {"PATH", "TZ", "LD_LIBRARY_PATH"};

bool account_for_servers(Arena *a, const char **out) {
    *out = NULL;
    if (geteuid() != 0)
        return true;
    for (size_t i = 0; i < sizeof server_accounts / sizeof *server_accounts; i++) {
        if (!getpwnam(server_accounts[i]))
            continue;
        *out = arena_string(a, server_accounts[i]);
        return true;
    }
    fail(FAIL_ERROR, "PostgreSQL does not run as root, and there is no account to run it as");
    return fail_hint("run stint as another user, or make one: useradd --system postgres");
}

typedef struct {
    uid_t uid;
    gid_t gid;
} Ids;

static bool ids_of(const char *account, Ids *out) {
    *out = (Ids){geteuid(), getegid()};
    if (!account)
        return true;
    const struct passwd *entry = getpwnam(account);
    if (!entry)
        return fail(FAIL_ERROR, "there is no account \"%s\"", account);
    *out = (Ids){entry->pw_uid, entry->pw_gid};
    return true;
}

static bool refuse(const char *path, const char *why) {
    fail(FAIL_ERROR, "%s is not ours to use: %s", path, why);
    return fail_hint("look at it, then remove it: rm -r %s", path);
}

bool account_folder(const char *account, const char *path) {
    Ids ids;
    struct stat about;
    if (!ids_of(account, &ids))
        return false;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail_errno(FAIL_ERROR, "cannot make the folder %s", path);
    if (lstat(path, &about) != 0)
        return fail_errno(FAIL_ERROR, "cannot look at %s", path);
    /* root's own: made here or, this moment, by another stint that has not come to this line */
    if (account && about.st_uid == 0) {
        if (lchown(path, ids.uid, ids.gid) != 0)
            return fail_errno(FAIL_ERROR, "cannot give %s to %s", path, account);
        about.st_uid = ids.uid;
    }
    if (!S_ISDIR(about.st_mode))
        return refuse(path, "it is no folder");
    if (about.st_uid != ids.uid)
        return refuse(path, "somebody else made it");
    if (about.st_mode & (S_IRWXG | S_IRWXO))
        return refuse(path, "others may look into it");
    return true;
}

/* Only what the child needs, made before the fork: after it nothing may allocate. */
static char **environment(Arena *a) {
    size_t most = sizeof kept_variables / sizeof *kept_variables, n = 0;
    char **list = arena_take(a, (most + 2) * sizeof *list);
    for (size_t i = 0; i < most; i++) {
        const char *value = getenv(kept_variables[i]);
        if (value)
            list[n++] = arena_format(a, "%s=%s", kept_variables[i], value);
    }
    list[n] = arena_string(a, "LC_ALL=C");
    return list;
}

typedef enum { SESSION_OURS, SESSION_OWN } Session;

static bool become(const char *account, Ids ids) {
    return !account ||
           (setgroups(1, &ids.gid) == 0 && setgid(ids.gid) == 0 && setuid(ids.uid) == 0);
}

_Noreturn static void child(const char *account, Ids ids, Session session, char *const *argv,
                            char *const *env, const char *output) {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    sigaction(SIGPIPE, &plain, NULL);
    umask(077);
    if (session == SESSION_OWN)
        setsid();
    bool changed = become(account, ids);
    int nothing = open("/dev/null", O_RDWR);
    int out = changed ? open(output, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    dup2(nothing, STDIN_FILENO);
    dup2(out < 0 ? nothing : out, STDOUT_FILENO);
    dup2(out < 0 ? nothing : out, STDERR_FILENO);
    for (int fd = STDERR_FILENO + 1; fd < HIGHEST_FD; fd++)
        close(fd); /* a server must not keep a pipe of our caller's open */
    if (changed && chdir("/") == 0)
        execve(argv[0], argv, env);
    const char *reason = strerror(errno);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], reason);
    _exit(CANNOT_RUN);
}

static bool start(const char *account, const char *const *argv, const char *output, Session session,
                  pid_t *pid) {
    Ids ids;
    if (!ids_of(account, &ids))
        return false;
    Arena *a = arena_new();
    size_t count = 0;
    while (argv[count])
        count++;
    char **copy = arena_take(a, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_string(a, argv[i]);
    char **env = environment(a);
    *pid = fork();
    if (*pid == 0)
        child(account, ids, session, copy, env, output);
    arena_free(a);
    return *pid > 0 || fail_errno(FAIL_ERROR, "cannot start %s", argv[0]);
}

bool account_start(const char *account, const char *const *argv, const char *output, pid_t *pid) {
    return start(account, argv, output, SESSION_OWN, pid);
}

bool account_run(const char *account, const char *const *argv, const char *output) {
    pid_t pid;
    int status;
    if (!start(account, argv, output, SESSION_OURS, &pid))
        return false;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return fail_errno(FAIL_ERROR, "cannot wait for %s", argv[0]);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (stop_asked())
        return stop_failure();
    if (WIFSIGNALED(status))
        return fail(FAIL_ERROR, "%s was ended by signal %d", file_base(argv[0]), WTERMSIG(status));
    if (WEXITSTATUS(status) == CANNOT_RUN)
        return fail(FAIL_ERROR, "%s cannot be run%s%s", argv[0], account ? " as " : "",
                    account ? account : "");
    return fail(FAIL_ERROR, "%s ended with %d", file_base(argv[0]), WEXITSTATUS(status));
}
