#include "program.h"

#include "clock.h"
#include "fail.h"
#include "file.h"
#include "stop.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_FIRST = 1, LOOK_MOST = 20, TICK = 1000, PATIENCE = 5000, MOST_WORDS = 4000 };

struct Program {
    const char *name;
    pid_t pid;
    bool ended;
    int status;
    FILE *said, *written; /* files without a name; they live as long as the process */
};

/* `more`, and of our own variables those that are not among them. */
static char **environment(Arena *a, const char *const *more) {
    size_t ours = 0, given = 0;
    while (environ[ours])
        ours++;
    while (more && more[given])
        given++;
    char **list = arena_take(a, (given + ours + 1) * sizeof *list);
    size_t count = 0;
    for (; count < given; count++)
        list[count] = arena_string(a, more[count]);
    for (char **own = environ; *own; own++) {
        size_t i = 0, name = strcspn(*own, "=") + 1;
        while (i < given && strncmp(list[i], *own, name) != 0)
            i++;
        if (i == given)
            list[count++] = *own;
    }
    return list;
}

static int spawn(Arena *a, const ProgramWanted *wanted, Program *program) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t manners;
    sigset_t usual;
    posix_spawn_file_actions_init(&files);
    if (wanted->input < 0)
        posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    else
        posix_spawn_file_actions_adddup2(&files, wanted->input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(
        &files, wanted->output < 0 ? fileno(program->written) : wanted->output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, fileno(program->said), STDERR_FILENO);
    sigemptyset(&usual);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_init(&manners);
    posix_spawnattr_setsigdefault(&manners, &usual);
    posix_spawnattr_setpgroup(&manners, 0);
    posix_spawnattr_setflags(&manners, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    int problem = posix_spawn(&program->pid, wanted->argv[0], &files, &manners,
                              (char *const *)wanted->argv, environment(a, wanted->variables));
    posix_spawnattr_destroy(&manners);
    posix_spawn_file_actions_destroy(&files);
    return problem;
}

Program *program_start(Arena *a, const ProgramWanted *wanted) {
    Program *program = arena_take(a, sizeof *program);
    program->name = arena_string(a, file_base(wanted->argv[0]));
    program->said = tmpfile();
    program->written = wanted->output < 0 ? tmpfile() : NULL;
    if (!program->said || (wanted->output < 0 && !program->written)) {
        fail_errno(FAIL_ERROR, "cannot keep what %s says", program->name);
        return NULL;
    }
    int problem = spawn(a, wanted, program);
    if (!problem)
        return program;
    errno = problem;
    fail_errno(FAIL_ERROR, "cannot start %s", wanted->argv[0]);
    return NULL;
}

/* False as long as it runs; waits `ms` at most. */
static bool has_ended(Program *program, long long ms) {
    long long until = clock_ms() + ms;
    for (int look = LOOK_FIRST; !program->ended;
         look = look * 2 < LOOK_MOST ? look * 2 : LOOK_MOST) {
        pid_t ended = waitpid(program->pid, &program->status, WNOHANG);
        program->ended = ended == program->pid || (ended < 0 && errno != EINTR);
        if (program->ended || clock_ms() >= until || stop_asked())
            break;
        poll(NULL, 0, look);
    }
    return program->ended;
}

/* Its own children, pg_dump's workers, are of its group. */
static void end_by(Program *program, int sig) {
    long long until = clock_ms() + PATIENCE;
    if (!program->ended)
        kill(-program->pid, sig);
    while (!has_ended(program, 0) && clock_ms() < until)
        poll(NULL, 0, LOOK_MOST);
}

void program_end(Program *program) {
    end_by(program, SIGTERM);
    end_by(program, SIGKILL);
}

static const char *text_of(Arena *a, FILE *file) {
    long size = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    char *text = arena_take(a, (size_t)(size > 0 ? size : 0) + 1);
    if (size > 0 && fseek(file, 0, SEEK_SET) == 0)
        text[fread(text, 1, (size_t)size, file)] = 0;
    return text;
}

const char *program_output(Arena *a, const Program *program) {
    return text_of(a, program->written);
}

const char *program_words(Arena *a, const Program *program) {
    return text_of(a, program->said);
}

static bool tell(const Program *program) {
    Arena *a = arena_new();
    int status = program->status;
    if (WIFEXITED(status))
        fail(FAIL_ERROR, "%s ended with %d", program->name, WEXITSTATUS(status));
    else
        fail(FAIL_ERROR, "%s was ended by signal %d", program->name, WTERMSIG(status));
    const char *words = program_words(a, program);
    size_t length = strlen(words);
    while (length && strchr(" \n", words[length - 1]))
        length--;
    if (length)
        fail_detail("%.*s", (int)(length < MOST_WORDS ? length : MOST_WORDS),
                    length < MOST_WORDS ? words : words + length - MOST_WORDS);
    arena_free(a);
    return false;
}

bool program_wait(Program *program, void (*tick)(void *with), void *with) {
    while (!has_ended(program, TICK)) {
        if (stop_asked()) {
            program_end(program);
            return stop_failure();
        }
        if (tick)
            tick(with);
    }
    if (WIFEXITED(program->status) && WEXITSTATUS(program->status) == 0)
        return true;
    return stop_asked() ? stop_failure() : tell(program);
}
