#include "stop.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t asked; /* the signal, or 0 */
static void (*before)(void);

static void on_signal(int sig) {
    if (asked) {
        if (before)
            before();
        _exit(128 + sig);
    }
    asked = sig;
}

void stop_before(void (*work)(void)) {
    before = work;
}

void stop_listen(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal; /* no SA_RESTART: poll(2) must wake */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

bool stop_asked(void) {
    return asked != 0;
}

int stop_code(void) {
    return 128 + (asked ? (int)asked : SIGINT);
}

bool stop_failure(void) {
    return fail(FAIL_INTERRUPTED, asked == SIGTERM ? "stopped by SIGTERM" : "interrupted");
}
