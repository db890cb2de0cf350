#include "child.h"

#include "fail.h"
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    size_t count;
    char **at;
} Words;

static void add(Words *words, char *word) {
    words->at[words->count++] = word;
}

/* The first of a name is the one that holds. */
static void add_variable(Words *words, char *variable) {
    size_t length = strcspn(variable, "=") + 1;
    for (size_t i = 0; i < words->count; i++)
        if (strncmp(words->at[i], variable, length) == 0)
            return;
    add(words, variable);
}

static char *variable_of(Arena *a, const char *key, const char *value) {
    char *out = arena_format(a, "STINT_%s=%s", key, value);
    for (char *at = out; *at != '='; at++)
        *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 32) : *at;
    return out;
}

static size_t count_of(const char *const *list) {
    size_t count = 0;
    while (list && list[count])
        count++;
    return count;
}

static char **environment(Arena *a, const Child *child) {
    const ConfigPairs *flags = &child->config->flags;
    size_t own = count_of(child->variables), ours = count_of((const char *const *)environ);
    Words out = {0, arena_take(a, (own + flags->count + ours + 1) * sizeof(char *))};
    for (size_t i = 0; i < own; i++)
        add_variable(&out, arena_string(a, child->variables[i]));
    for (size_t i = flags->count; i-- > 0;)
        add_variable(&out, variable_of(a, flags->name[i], flags->value[i]));
    for (size_t i = 0; i < ours; i++)
        add_variable(&out, environ[i]);
    return out.at;
}

static char **arguments(Arena *a, const Child *child) {
    const Config *config = child->config;
    size_t count = count_of(child->words);
    Words out = {0, arena_take(a, (count + 6) * sizeof(char *))};
    add(&out, arena_string(a, "stint"));
    if (config->file) {
        add(&out, arena_string(a, "-e"));
        add(&out, arena_string(a, config->environment));
        add(&out, arena_string(a, "-c"));
        add(&out, arena_format(a, "%s/%s", config->folder, file_base(config->file)));
    }
    for (size_t i = 0; i < count; i++)
        add(&out, arena_string(a, child->words[i]));
    return out.at;
}

static void direct(posix_spawn_file_actions_t *files, int to, int own) {
    if (own == CHILD_NOWHERE)
        posix_spawn_file_actions_addopen(files, to, "/dev/null", O_WRONLY, 0);
    else
        posix_spawn_file_actions_adddup2(files, own, to);
}

bool child_start(const Child *child, pid_t *pid) {
    Arena *a = arena_new();
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    direct(&files, STDOUT_FILENO, child->out);
    direct(&files, STDERR_FILENO, child->err);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    int error = posix_spawn(pid, "/proc/self/exe", &files, &attributes, arguments(a, child),
                            environment(a, child));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    arena_free(a);
    errno = error;
    return !error || fail_errno(FAIL_ERROR, "cannot start another process");
}
