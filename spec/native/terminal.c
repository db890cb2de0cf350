/* Pseudo terminals, for the specs: a program on one, keys pressed on it, what it shows, and whether
 * it is left as it was. */
#include <lauxlib.h>
#include <lua.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

extern const luaL_Reg native_terminal[];

/* open(rows, columns) gives the two ends, as numbers, and the path of the program's end. */
static int open_pair(lua_State *L) {
    struct winsize size = {(unsigned short)luaL_checkinteger(L, 1),
                           (unsigned short)luaL_checkinteger(L, 2), 0, 0};
    int ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (ours < 0 || grantpt(ours) != 0 || unlockpt(ours) != 0)
        return luaL_error(L, "no pseudo terminal: %s", strerror(errno));
    const char *path = ptsname(ours);
    int theirs = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs < 0)
        return luaL_error(L, "cannot open %s: %s", path, strerror(errno));
    ioctl(theirs, TIOCSWINSZ, &size);
    lua_pushinteger(L, ours);
    lua_pushinteger(L, theirs);
    lua_pushstring(L, path);
    return 3;
}

static int press(lua_State *L) {
    size_t length;
    const char *keys = luaL_checklstring(L, 2, &length);
    lua_pushboolean(L, write((int)luaL_checkinteger(L, 1), keys, length) == (ssize_t)length);
    return 1;
}

/* read(end, seconds): what was shown meanwhile, or nil. */
static int read_shown(lua_State *L) {
    struct pollfd input = {(int)luaL_checkinteger(L, 1), POLLIN, 0};
    char bytes[65536];
    ssize_t length = -1;
    if (poll(&input, 1, (int)(luaL_checknumber(L, 2) * 1000)) > 0)
        length = read(input.fd, bytes, sizeof bytes);
    if (length < 0)
        return 0;
    lua_pushlstring(L, bytes, (size_t)length);
    return 1;
}

/* Is it as it is for a shell: a line at a time, with echo? */
static int is_plain(lua_State *L) {
    struct termios t;
    if (tcgetattr((int)luaL_checkinteger(L, 1), &t) != 0)
        return luaL_error(L, "no terminal: %s", strerror(errno));
    lua_pushboolean(L, (t.c_lflag & ICANON) && (t.c_lflag & ECHO));
    return 1;
}

static int close_pair(lua_State *L) {
    close((int)luaL_checkinteger(L, 1));
    close((int)luaL_checkinteger(L, 2));
    return 0;
}

const luaL_Reg native_terminal[] = {{"open", open_pair},   {"press", press},
                                    {"read", read_shown},  {"is_plain", is_plain},
                                    {"close", close_pair}, {NULL, NULL}};
