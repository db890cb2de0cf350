#include "screen.h"

#include "clock.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen without a cursor; and back. */
#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"

enum { ROWS = 24, COLUMNS = 80 };

static struct {
    struct termios before, raw;
    bool has_keys; /* stdin is a terminal, too */
    volatile sig_atomic_t is_open;
} screen;

/* Ends a process that nobody has asked to end nicely; those of stop.h come by stop_before. */
static const int deaths[] = {SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static void send(const char *text, size_t length) {
    for (ssize_t sent; length; text += sent, length -= (size_t)sent) {
        sent = write(STDOUT_FILENO, text, length);
        if (sent < 0 && errno != EINTR)
            return;
        sent = sent < 0 ? 0 : sent;
    }
}

static void set_terminal(const struct termios *how) {
    while (screen.has_keys && tcsetattr(STDIN_FILENO, TCSANOW, how) < 0 && errno == EINTR)
        continue;
}

/* These are called by handlers of signals, too. */
static void enter(void) {
    set_terminal(&screen.raw);
    send(ENTER, strlen(ENTER));
}

static void leave(void) {
    if (!screen.is_open)
        return;
    send(LEAVE, strlen(LEAVE));
    set_terminal(&screen.before);
}

static void on_death(int sig) {
    leave();
    screen.is_open = 0;
    raise(sig); /* SA_RESETHAND: as if we had never listened */
}

static void on_suspend(int sig) {
    int error = errno;
    (void)sig;
    leave();
    kill(getpid(), SIGSTOP);
    if (screen.is_open)
        enter(); /* fg */
    errno = error;
}

static void listen(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_death;
    action.sa_flags = (int)SA_RESETHAND;
    for (size_t i = 0; i < sizeof deaths / sizeof *deaths; i++)
        sigaction(deaths[i], &action, NULL);
    action.sa_handler = on_suspend;
    action.sa_flags = SA_RESTART;
    sigaction(SIGTSTP, &action, NULL);
    stop_before(leave);
}

bool screen_open(void) {
    if (!isatty(STDOUT_FILENO))
        return false;
    screen.has_keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen.before) == 0;
    screen.raw = screen.before;
    screen.raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    screen.raw.c_cc[VMIN] = 1;
    screen.raw.c_cc[VTIME] = 0;
    screen.is_open = 1;
    listen();
    enter();
    return true;
}

void screen_close(void) {
    leave();
    screen.is_open = 0;
}

/* So much of a line as `columns` characters show. */
static size_t cut(const char *line, size_t length, size_t columns) {
    size_t i = 0;
    for (size_t shown = 0; i < length; i++) {
        bool begins = (line[i] & 0xC0) != 0x80; /* UTF-8 */
        if (begins && shown++ == columns)
            break;
    }
    return i;
}

void screen_show(Arena *a, const char *picture) {
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col;
    size_t rows = known ? size.ws_row : ROWS, columns = known ? size.ws_col : COLUMNS;
    Text out = text_on(a);
    text_add(&out, "\033[H");
    for (size_t row = 0; *picture && row < rows; row++) {
        size_t length = strcspn(picture, "\n");
        text_add(&out, row ? "\r\n" : "");
        text_add_bytes(&out, picture, cut(picture, length, columns));
        text_add(&out, "\033[K");
        picture += length + (picture[length] != 0);
    }
    text_add(&out, "\033[J");
    send(out.at, out.length);
}

static int arrow(const char *bytes, ssize_t length) {
    if (length < 3 || bytes[0] != '\033' || !strchr("[O", bytes[1]))
        return SCREEN_NONE;
    return bytes[2] == 'A' ? SCREEN_UP : bytes[2] == 'B' ? SCREEN_DOWN : SCREEN_NONE;
}

int screen_key(long long ms) {
    static char bytes[16];
    static ssize_t length, at;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (!screen.has_keys) {
        clock_sleep(ms);
        return SCREEN_NONE;
    }
    if (at < length)
        return (unsigned char)bytes[at++];
    if (poll(&input, 1, (int)ms) <= 0)
        return SCREEN_NONE;
    length = read(STDIN_FILENO, bytes, sizeof bytes);
    at = 0;
    if (length <= 0 && !(length < 0 && errno == EINTR))
        return SCREEN_CLOSED;
    if (length > 0 && bytes[0] == '\033') { /* a key of several bytes comes in one piece */
        int key = arrow(bytes, length);
        length = 0;
        return key;
    }
    return length > 0 ? (unsigned char)bytes[at++] : SCREEN_NONE;
}
