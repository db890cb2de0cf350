/* A proxy between a client and a server's socket, for the specs: it loses an answer on demand. A
 * file `cut` beside its socket holds a word: the next answer with that word is thrown away, both
 * connections are closed, and the file is removed. */
#include <lauxlib.h>
#include <lua.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern const luaL_Reg native_proxy[];

enum { MOST_PAIRS = 32, PIECE = 65536 };

typedef struct {
    int client, server;
} Pair;

static int at_socket(const char *folder, int (*use)(int, const struct sockaddr *, socklen_t)) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", folder);
    if (fd >= 0 && use(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Is this the answer to lose? */
static int is_lost(const char *cut, const char *bytes, size_t length) {
    char word[64] = "";
    int fd = open(cut, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, word, sizeof word - 1);
    if (fd >= 0)
        close(fd);
    return n > 0 && memmem(bytes, length, word, (size_t)n) && unlink(cut) == 0;
}

static int pass(int from, int to, const char *cut) {
    static char piece[PIECE];
    ssize_t n = read(from, piece, sizeof piece);
    if (n <= 0 || (cut && is_lost(cut, piece, (size_t)n)))
        return -1;
    for (ssize_t sent = 0, m; sent < n; sent += m)
        if ((m = send(to, piece + sent, (size_t)(n - sent), MSG_NOSIGNAL)) <= 0)
            return -1;
    return 0;
}

static void serve(int door, const char *upstream, const char *cut) {
    Pair pair[MOST_PAIRS];
    struct pollfd wait[2 * MOST_PAIRS + 1];
    size_t count = 0;
    while (getppid() != 1) {
        wait[0] = (struct pollfd){.fd = door, .events = POLLIN};
        for (size_t i = 0; i < count; i++) {
            wait[2 * i + 1] = (struct pollfd){.fd = pair[i].client, .events = POLLIN};
            wait[2 * i + 2] = (struct pollfd){.fd = pair[i].server, .events = POLLIN};
        }
        if (poll(wait, (nfds_t)(2 * count + 1), 1000) < 0)
            return;
        for (size_t i = count; i-- > 0;) {
            int bad = (wait[2 * i + 1].revents && pass(pair[i].client, pair[i].server, NULL) < 0) ||
                      (wait[2 * i + 2].revents && pass(pair[i].server, pair[i].client, cut) < 0);
            if (!bad)
                continue;
            close(pair[i].client);
            close(pair[i].server);
            pair[i] = pair[--count];
        }
        if (!wait[0].revents || count == MOST_PAIRS)
            continue;
        Pair made = {accept(door, NULL, NULL), at_socket(upstream, connect)};
        if (made.client >= 0 && made.server >= 0)
            pair[count++] = made;
        else {
            close(made.client);
            close(made.server);
        }
    }
}

/* start(folder, upstream): a proxy at folder's socket to the one of upstream; its process id. */
static int start(lua_State *L) {
    const char *folder = luaL_checkstring(L, 1), *upstream = luaL_checkstring(L, 2);
    char cut[256];
    snprintf(cut, sizeof cut, "%s/cut", folder);
    int door = at_socket(folder, bind);
    if (door < 0 || listen(door, MOST_PAIRS) != 0)
        return luaL_error(L, "no proxy in %s", folder);
    pid_t pid = fork();
    if (pid == 0) {
        serve(door, upstream, cut);
        _exit(0);
    }
    close(door);
    if (pid < 0)
        return luaL_error(L, "cannot fork");
    lua_pushinteger(L, pid);
    return 1;
}

const luaL_Reg native_proxy[] = {{"start", start}, {NULL, NULL}};
