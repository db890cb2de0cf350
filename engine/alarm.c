#include "alarm.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static struct {
    char line[512];
    size_t length;
    int code;
} end;
static bool started;
static int
    pauses; /* a pause within a pause is one: a script that calls a spec that asks the database */
static struct itimerval left;
static struct sigaction before;

/* Only async-signal-safe calls. */
static void on_alarm(int sig) {
    (void)sig;
    ssize_t written = write(STDERR_FILENO, end.line, end.length);
    (void)written; /* there is nowhere left to complain */
    _exit(end.code);
}

void alarm_start(long long ms, int code, const char *line) {
    struct sigaction action;
    snprintf(end.line, 500, "%s", line);
    strcat(end.line, "\n");
    end.length = strlen(end.line);
    end.code = code;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, &before);
    left = (struct itimerval){.it_value = {ms / 1000, ms % 1000 * 1000}};
    started = true;
    pauses = 1;
    alarm_resume();
}

void alarm_pause(void) {
    static const struct itimerval none;
    if (started && pauses++ == 0)
        setitimer(ITIMER_REAL, &none, &left);
}

void alarm_resume(void) {
    if (!started || !pauses || --pauses)
        return;
    if (!left.it_value.tv_sec && !left.it_value.tv_usec)
        left.it_value.tv_usec = 1; /* 0 would mean never */
    setitimer(ITIMER_REAL, &left, NULL);
}

void alarm_stop(void) {
    if (!started)
        return;
    alarm_pause();
    started = false;
    pauses = 0;
    sigaction(SIGALRM, &before, NULL);
}
