#include "author.h"

#include "file.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WORDS = 8 };

/* What git takes from the environment could show it another repository, or another history. */
static const char *const ours[] = {"GIT_OPTIONAL_LOCKS=0", "GIT_TERMINAL_PROMPT=0",
                                   "GIT_NO_REPLACE_OBJECTS=1", "LC_ALL=C"};
/* Before every command: paths are names and no patterns; what a configuration could add to what
 * is printed, or start beside it, is off. */
static const char *const manners[] = {
    "git", "--no-pager",      "--literal-pathspecs", "-c", "log.showSignature=false",
    "-c",  "log.follow=false"};

enum { OURS = sizeof ours / sizeof *ours, MANNERS = sizeof manners / sizeof *manners };

static char **environment(Arena *a) {
    size_t count = 0, room = OURS + 1;
    for (char **at = environ; *at; at++)
        room++;
    char **list = arena_take(a, room * sizeof *list);
    for (char **at = environ; *at; at++)
        if (!text_starts(*at, "GIT_") && !text_starts(*at, "LC_ALL="))
            list[count++] = *at;
    for (size_t i = 0; i < OURS; i++)
        list[count++] = arena_string(a, ours[i]);
    return list;
}

typedef struct {
    Arena *arena;
    const char *folder; /* of the file */
    const char *said;   /* by the last command, without its last line's end */
} Git;

static const char *read_all(Arena *a, int fd) {
    Text text = text_on(a);
    char some[4096];
    ssize_t n;
    while ((n = read(fd, some, sizeof some)) > 0 || (n < 0 && errno == EINTR))
        if (n > 0)
            text_add_bytes(&text, some, (size_t)n);
    while (text.length && text.at[text.length - 1] == '\n')
        text.at[--text.length] = 0;
    return text.at;
}

static int start(Git *git, char *const *words, int to, pid_t *pid) {
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, to, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, to, STDERR_FILENO);
    int problem = posix_spawnp(pid, words[0], &files, NULL, words, environment(git->arena));
    posix_spawn_file_actions_destroy(&files);
    return problem;
}

typedef enum { GIT_SAID, GIT_FAILED } GitAnswer;

/* `git -C FOLDER WORDS...`, in git->said what it says, on stderr too. */
static GitAnswer ask(Git *git, const char *const *words) {
    char *all[MANNERS + 2 + MOST_WORDS + 1] = {0};
    int ends[2], status = 0, count = 0;
    pid_t pid;
    for (; count < MANNERS; count++)
        all[count] = arena_string(git->arena, manners[count]);
    all[count++] = arena_string(git->arena, "-C");
    all[count++] = arena_string(git->arena, git->folder);
    for (; *words; words++)
        all[count++] = arena_string(git->arena, *words);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        git->said = strerror(errno);
        return GIT_FAILED;
    }
    int problem = start(git, all, ends[1], &pid);
    close(ends[1]);
    git->said = problem ? "git is not installed" : read_all(git->arena, ends[0]);
    close(ends[0]);
    while (!problem && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return problem || !WIFEXITED(status) || WEXITSTATUS(status) ? GIT_FAILED : GIT_SAID;
}
#define ASK(git, ...) ask(git, (const char *const[]){__VA_ARGS__, NULL})

static Author unknown(const char *why, const char *next) {
    return (Author){.why = why, .next = next};
}

/* What git says where HEAD has no such file. */
static const char no_such_file[] = "Needed a single revision";

static Author git_failed(const Git *git, const char *name) {
    if (strstr(git->said, no_such_file))
        return unknown(arena_format(git->arena, "%s is not committed", name), "commit it");
    return unknown(arena_format(git->arena, "git: %s", git->said),
                   "the author is the one of the last commit: commit the file, and work in the "
                   "repository that it is in");
}

/* Not by `git status`, which can be told to look away: is this text the one of the last commit? */
static bool is_committed(Git *git, const char *name, Author *out) {
    if (ASK(git, "rev-parse", "--verify", arena_format(git->arena, "HEAD:./%s", name)) ==
        GIT_FAILED) {
        *out = git_failed(git, name);
        return false;
    }
    const char *committed = git->said;
    if (ASK(git, "hash-object", "--", name) == GIT_FAILED) {
        *out = git_failed(git, name);
        return false;
    }
    if (text_same(committed, git->said))
        return true;
    *out = unknown(arena_format(git->arena, "%s has changes that are not committed", name),
                   "commit them");
    return false;
}

/* The first commit of a shallow clone seems to have written every file. */
static bool is_whole(Git *git, const char *commit) {
    if (ASK(git, "rev-parse", "--is-shallow-repository") == GIT_FAILED)
        return false;
    return text_same(git->said, "false") ||
           (ASK(git, "rev-parse", "--verify", "--quiet", arena_format(git->arena, "%s^", commit)) ==
            GIT_SAID);
}

static const char *role_of(const Config *config, const char *email) {
    for (size_t i = 0; i < config->people.count; i++)
        if (text_same_word(config->people.name[i], email))
            return config->people.value[i];
    return NULL;
}

static Author person(Arena *a, const Config *config, const char *email) {
    Author author = {.email = email, .role = role_of(config, email)};
    if (author.role)
        return author;
    author.why = arena_format(a, "[people] does not say which role %s is", email);
    author.next = arena_format(a, "write in config.ini under [people]: %s = ROLE", email);
    return author;
}

/* A file and the twin that rolls it back are one text: whoever changed either last. */
Author author_of(Arena *a, const Config *config, const Migration *m) {
    Git git = {.arena = a, .folder = file_folder(a, m->path)};
    const char *name = file_base(m->path), *twin = m->down_path ? file_base(m->down_path) : name;
    Author author;
    if (!is_committed(&git, name, &author) || (m->down_path && !is_committed(&git, twin, &author)))
        return author;
    if (ASK(&git, "log", "-1", "--format=%H %ae", "--", name, twin) == GIT_FAILED)
        return git_failed(&git, name);
    size_t length = strcspn(git.said, " ");
    const char *commit = arena_bytes(a, git.said, length);
    const char *email = git.said + length + (git.said[length] == ' ');
    if (!*email)
        return unknown("git knows no commit of it", "commit the file");
    if (!is_whole(&git, commit))
        return unknown("this clone is shallow, and lacks the commit that changed it",
                       "git fetch --unshallow, in CI a full checkout (fetch-depth: 0)");
    return person(a, config, email);
}
