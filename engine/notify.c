#include "notify.h"

#include "arena.h"
#include "clock.h"
#include "fail.h"
#include "text.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_FIRST = 1, LOOK_MOST = 20 };

typedef struct {
    size_t count;
    char **at; /* ended by NULL */
} Words;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One word: '...' is as it stands; in "..." and outside, a backslash takes the next character.
 * NULL: a quote without its end. */
static const char *take_word(Text *word, const char *at) {
    for (char quote = 0; *at && (quote || !is_blank(*at)); at++) {
        if (quote ? *at == quote : *at == '\'' || *at == '"')
            quote = quote ? 0 : *at;
        else if (*at == '\\' && quote != '\'' && at[1])
            text_add_char(word, *++at);
        else
            text_add_char(word, *at);
        if (quote && !at[1])
            return NULL;
    }
    return at;
}

static bool split(Arena *a, const char *command, Words *out) {
    *out = (Words){0, arena_take(a, (strlen(command) + 2) * sizeof(char *))};
    for (const char *at = command;;) {
        while (is_blank(*at))
            at++;
        if (!*at)
            break;
        Text word = text_on(a);
        at = take_word(&word, at);
        if (!at)
            return fail(FAIL_ERROR, "notify in config.ini has a quote without its end: %s",
                        command);
        out->at[out->count++] = word.at;
    }
    return out->count > 0 || fail(FAIL_ERROR, "notify in config.ini has no command");
}

/* A file without a name: written whole before the command starts, so that one that does not read
 * holds up nobody. */
static FILE *input_with(const char *text, size_t length) {
    FILE *file = tmpfile();
    if (file && fwrite(text, 1, length, file) == length && fflush(file) == 0 &&
        lseek(fileno(file), 0, SEEK_SET) == 0)
        return file;
    if (file)
        fclose(file);
    fail_errno(FAIL_ERROR, "cannot write what notify is to tell");
    return NULL;
}

/* In a process group of its own, so that a Ctrl-C is not meant for it, and that all of it can be
 * ended; with the signals as a program expects them. */
static int start(char *const *words, int input, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t manners;
    sigset_t usual;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGALRM);
    posix_spawnattr_init(&manners);
    posix_spawnattr_setsigdefault(&manners, &usual);
    posix_spawnattr_setpgroup(&manners, 0);
    posix_spawnattr_setflags(&manners, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int problem = posix_spawnp(pid, words[0], &files, &manners, words, environ);
    posix_spawnattr_destroy(&manners);
    posix_spawn_file_actions_destroy(&files);
    return problem;
}

/* False: its time is over. */
static bool wait_for(pid_t pid, long long timeout, int *status) {
    long long until = clock_ms() + timeout;
    int look = LOOK_FIRST;
    for (;;) {
        pid_t ended = waitpid(pid, status, timeout ? WNOHANG : 0);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return true;
        if (timeout && clock_ms() >= until)
            return false;
        poll(NULL, 0, look);
        look = look * 2 < LOOK_MOST ? look * 2 : LOOK_MOST;
    }
}

static bool answer(const char *name, int status) {
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFEXITED(status))
        return fail(FAIL_ERROR, "notify: %s ended with exit code %d", name, WEXITSTATUS(status));
    return fail(FAIL_ERROR, "notify: %s was ended by signal %d", name, WTERMSIG(status));
}

static bool run(Arena *a, char *const *words, long long timeout, FILE *input) {
    pid_t pid;
    int status = 0, problem = start(words, fileno(input), &pid);
    if (problem) {
        errno = problem;
        return fail_errno(FAIL_ERROR, "notify: cannot start %s", words[0]);
    }
    if (wait_for(pid, timeout, &status))
        return answer(words[0], status);
    kill(-pid, SIGKILL);
    waitpid(pid, &status, 0);
    return fail(FAIL_ERROR, "notify: %s did not end within %s (notify_timeout) and was killed",
                words[0], clock_say(a, timeout));
}

bool notify_send(const char *command, long long timeout, const char *text, size_t length) {
    Arena *a = arena_new();
    Words words;
    bool ok = split(a, command, &words);
    FILE *input = ok ? input_with(text, length) : NULL;
    ok = input && run(a, words.at, timeout, input);
    if (input)
        fclose(input);
    arena_free(a);
    return ok;
}
