/* Processes, for the specs: started with a folder, an environment and files of their own, waited
 * for with a limit, sent signals. */
#include <lauxlib.h>
#include <lua.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const luaL_Reg native_process[];

enum { MOST_WORDS = 256, NO_FILE = 126, NO_PROGRAM = 127 };

static const char **strings(lua_State *L, int table) {
    lua_Integer count = luaL_len(L, table);
    luaL_argcheck(L, count < MOST_WORDS, table, "too many words");
    const char **list = lua_newuserdatauv(L, (size_t)(count + 1) * sizeof *list, 0);
    for (lua_Integer i = 0; i < count; i++) {
        lua_geti(L, table, i + 1);
        list[i] = luaL_checkstring(L, -1);
        lua_pop(L, 1); /* the table keeps it */
    }
    list[count] = NULL;
    return list;
}

static const char *field(lua_State *L, const char *name, const char *otherwise) {
    lua_getfield(L, 1, name);
    const char *value = luaL_optstring(L, -1, otherwise);
    lua_pop(L, 1); /* the table keeps it */
    return value;
}

static void redirect(const char *path, int flags, int to) {
    int fd = open(path, flags, 0600);
    if (fd < 0)
        _exit(NO_FILE);
    if (fd == to)
        return;
    dup2(fd, to);
    close(fd);
}

static void become(const struct passwd *entry) {
    gid_t gid = entry->pw_gid;
    if (setgroups(1, &gid) != 0 || setgid(gid) != 0 || setuid(entry->pw_uid) != 0)
        _exit(NO_FILE);
}

/* start{argv = {...}, env = {"A=b"}, cwd, stdin, out, err, account} gives a process id; `terminal`
 * is the path of one, in the place of the three. */
static int start(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_getfield(L, 1, "argv");
    const char **argv = strings(L, lua_gettop(L));
    lua_getfield(L, 1, "env");
    const char **env = strings(L, lua_gettop(L));
    const char *cwd = field(L, "cwd", "."), *in = field(L, "stdin", "/dev/null");
    const char *out = field(L, "out", "/dev/null"), *err = field(L, "err", "/dev/null");
    const char *account = field(L, "account", NULL), *terminal = field(L, "terminal", NULL);
    const struct passwd *entry = account ? getpwnam(account) : NULL;
    if (account && !entry)
        return luaL_error(L, "there is no account %s", account);
    int running[2]; /* closed by the exec: who starts a process has a program, not a copy of itself
                     */
    if (pipe2(running, O_CLOEXEC) != 0)
        return luaL_error(L, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0)
        return luaL_error(L, "cannot fork: %s", strerror(errno));
    if (pid == 0) {
        setsid();
        signal(SIGPIPE, SIG_DFL);
        if (terminal) /* of a session that has none: it is its own from now on */
            in = out = err = terminal;
        redirect(in, terminal ? O_RDWR : O_RDONLY, STDIN_FILENO);
        redirect(out, O_WRONLY | O_CREAT | O_TRUNC, STDOUT_FILENO);
        redirect(err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
        if (entry)
            become(entry);
        if (chdir(cwd) == 0)
            execvpe(argv[0], (char *const *)argv, (char *const *)env);
        _exit(NO_PROGRAM);
    }
    close(running[1]);
    while (read(running[0], &(char){0}, 1) < 0 && errno == EINTR)
        continue;
    close(running[0]);
    lua_pushinteger(L, pid);
    return 1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int seconds(lua_State *L) {
    lua_pushnumber(L, now());
    return 1;
}

/* pause(seconds): between two looks at something, never instead of one. */
static int pause_for(lua_State *L) {
    double length = luaL_checknumber(L, 1);
    time_t whole = (time_t)length;
    nanosleep(&(struct timespec){whole, (long)((length - (double)whole) * 1e9)}, NULL);
    return 0;
}

/* wait(pid, seconds) gives exit code, signal (one of them nil); nothing if it still runs. */
static int wait_for(lua_State *L) {
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    double until = now() + luaL_checknumber(L, 2);
    int status;
    for (long pause = 200000;; pause = pause < 5000000 ? pause * 2 : pause) {
        pid_t ended = waitpid(pid, &status, WNOHANG);
        if (ended == pid)
            break;
        if (ended < 0 && errno != EINTR)
            return luaL_error(L, "no process %d of ours: %s", (int)pid, strerror(errno));
        if (now() >= until)
            return 0;
        nanosleep(&(struct timespec){0, pause}, NULL);
    }
    if (WIFSIGNALED(status)) {
        lua_pushnil(L);
        lua_pushinteger(L, WTERMSIG(status));
        return 2;
    }
    lua_pushinteger(L, WEXITSTATUS(status));
    return 1;
}

static const struct {
    const char *name;
    int number;
} signals[] = {{"INT", SIGINT},   {"TERM", SIGTERM}, {"KILL", SIGKILL},
               {"QUIT", SIGQUIT}, {"STOP", SIGSTOP}, {"CONT", SIGCONT}};

static int signal_of(lua_State *L, int at) {
    if (lua_type(L, at) == LUA_TNUMBER)
        return (int)lua_tointeger(L, at);
    const char *name = luaL_checkstring(L, at);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (strcmp(signals[i].name, name) == 0)
            return signals[i].number;
    return luaL_error(L, "no signal is called %s here", name);
}

/* signal(pid, "INT"): true if there was such a process; a negative pid means its group. */
static int send_signal(lua_State *L) {
    pid_t pid = (pid_t)luaL_checkinteger(L, 1);
    lua_pushboolean(L, kill(pid, signal_of(L, 2)) == 0);
    return 1;
}

static int am_root(lua_State *L) {
    lua_pushboolean(L, geteuid() == 0);
    return 1;
}

/* The account that root's servers run as, or nil. */
static int server_account(lua_State *L) {
    if (geteuid() != 0)
        return 0;
    lua_pushstring(L, getpwnam("postgres") ? "postgres" : "nobody");
    return 1;
}

/* folder(parent): a new folder that is ours alone. */
static int folder(lua_State *L) {
    const char *pattern = lua_pushfstring(L, "%s/XXXXXX", luaL_checkstring(L, 1));
    char path[4096];
    if (strlen(pattern) >= sizeof path)
        return luaL_error(L, "too long: %s", pattern);
    strcpy(path, pattern);
    if (!mkdtemp(path))
        return luaL_error(L, "cannot make %s: %s", pattern, strerror(errno));
    lua_pushstring(L, path);
    return 1;
}

static int give_to(lua_State *L) {
    const char *path = luaL_checkstring(L, 1), *account = luaL_optstring(L, 2, NULL);
    const struct passwd *entry = account ? getpwnam(account) : NULL;
    if (account && (!entry || chown(path, entry->pw_uid, entry->pw_gid) != 0))
        return luaL_error(L, "cannot give %s to %s", path, account);
    return 0;
}

static int mode(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    if (chmod(path, (mode_t)luaL_checkinteger(L, 2)) != 0)
        return luaL_error(L, "cannot change the mode of %s: %s", path, strerror(errno));
    return 0;
}

static int cwd(lua_State *L) {
    char path[4096];
    if (!getcwd(path, sizeof path))
        return luaL_error(L, "no current folder");
    lua_pushstring(L, path);
    return 1;
}

const luaL_Reg native_process[] = {{"start", start},
                                   {"wait", wait_for},
                                   {"signal", send_signal},
                                   {"seconds", seconds},
                                   {"pause", pause_for},
                                   {"am_root", am_root},
                                   {"server_account", server_account},
                                   {"folder", folder},
                                   {"give_to", give_to},
                                   {"mode", mode},
                                   {"cwd", cwd},
                                   {NULL, NULL}};
