#include "base.h"

#include "fail.h"
#include "program.h"
#include "text.h"

#include <string.h>

/* The names in a folder of a commit, and the newest version among them. */
typedef struct {
    const char *folder, *commit;
    size_t count;
    const char **name;
    const char *newest;
} Side;

enum { MOST_WORDS = 12 };

/* What git answers in a folder; NULL: it fails. It is found by env, as a shell would. */
static const char *ask(Arena *a, const char *folder, const char *const *words) {
    static const char *const manners[] = {"GIT_OPTIONAL_LOCKS=0", "LC_ALL=C", NULL};
    const char *argv[MOST_WORDS] = {"/usr/bin/env", "git", "-C", folder};
    for (size_t i = 4; *words && i + 1 < MOST_WORDS; i++)
        argv[i] = *words++;
    Program *program = program_start(a, &(ProgramWanted){argv, manners, -1, -1});
    return program && program_wait(program, NULL, NULL) ? program_output(a, program) : NULL;
}

#define GIT(a, folder, ...) ask(a, folder, (const char *const[]){__VA_ARGS__, NULL})

static bool need(const char *answer, FailKind kind, const char *message, const char *hint) {
    if (answer || failure()->kind == FAIL_INTERRUPTED)
        return answer != NULL;
    fail(kind, "%s", message);
    return fail_hint("%s", hint);
}

static const char *line_of(Arena *a, const char *answer) {
    return answer ? arena_bytes(a, answer, strcspn(answer, "\n")) : NULL;
}

static bool find_commits(Arena *a, const char *ref, const char **tip, const char **base) {
    const char *named = arena_format(a, "%s^{commit}", ref);
    if (!need(GIT(a, ".", "--version"), FAIL_ERROR, "git cannot be run, and --base needs it",
              "install it, or lint without --base") ||
        !need(GIT(a, ".", "rev-parse", "--show-toplevel"), FAIL_ERROR,
              "the project's folder is in no git repository that can be read",
              "lint without --base; a repository of another user: git config --global --add "
              "safe.directory FOLDER"))
        return false;
    *tip = line_of(a, GIT(a, ".", "rev-parse", "--verify", "--quiet", "--end-of-options", named));
    if (!need(*tip, FAIL_USAGE, arena_format(a, "git knows no commit %s", ref),
              "a branch, a tag or a commit, such as --base origin/main; in CI fetch it first: git "
              "fetch origin main"))
        return false;
    *base = line_of(a, GIT(a, ".", "merge-base", "HEAD", *tip));
    return need(*base, FAIL_ERROR,
                arena_format(a, "HEAD and %s have no common commit that is here", ref),
                "a shallow clone lacks it: git fetch --unshallow");
}

static const char *version_of(Arena *a, const char *name) {
    return arena_bytes(a, name, strspn(name, "0123456789"));
}

/* git writes each name as it is, with a NUL behind; an empty one ends the list. */
static bool read_side(Arena *a, const char *folder, const char *commit, Side *out) {
    const char *list = GIT(a, folder, "ls-tree", "-z", "--name-only", commit);
    size_t count = 0;
    *out = (Side){.folder = folder, .commit = commit, .newest = "0"};
    if (!list)
        return false;
    for (const char *at = list; *at; at += strlen(at) + 1)
        count++;
    out->name = arena_take(a, (count + 1) * sizeof *out->name);
    for (const char *at = list; *at; at += strlen(at) + 1) {
        if (!migration_is_source(at))
            continue;
        out->name[out->count++] = at;
        const char *version = version_of(a, at);
        if (migration_order(version, out->newest) > 0)
            out->newest = version;
    }
    return true;
}

static bool has(const Side *side, const char *name) {
    for (size_t i = 0; i < side->count; i++)
        if (strcmp(side->name[i], name) == 0)
            return true;
    return false;
}

/* Another file of that version, or NULL. */
static const char *namesake(Arena *a, const Side *side, const Migration *m, const char *name) {
    for (size_t i = 0; i < side->count; i++)
        if (strcmp(side->name[i], name) != 0 &&
            migration_order(version_of(a, side->name[i]), m->version) == 0)
            return side->name[i];
    return NULL;
}

static bool is_among(const char *list, const char *name) {
    for (; *list; list += strlen(list) + 1)
        if (strcmp(list, name) == 0)
            return true;
    return false;
}

/* Does it say something else than at the merge base? */
static bool is_edited(Arena *a, const Side *base, Migration *m) {
    const char *object = arena_format(a, "%s:./%s", base->commit, file_base(m->path));
    const char *text = GIT(a, base->folder, "cat-file", "blob", object), *tokens = NULL;
    if (!text || !file_exists(m->path) || !migration_tokens(a, m)) {
        fail_clear(); /* what cannot be read is told by the judge */
        return true;
    }
    Bytes old = {text, strlen(text)};
    if (m->kind == MIGRATION_LUA)
        tokens = migration_lua_tokens(a, old.at, old.length);
    else if (!sqlfile_tokens(a, m->path, old, &tokens))
        fail_clear();
    return !text_same(tokens, m->tokens);
}

static JudgeProblem problem_of_new(Arena *a, const Base *base, const Side *sides,
                                   const Migration *m) {
    const char *name = file_base(m->path), *other = NULL, *newest = sides[0].newest;
    for (size_t i = 0; i < 2 && !other; i++)
        other = namesake(a, &sides[i], m, name);
    if (other)
        return (JudgeProblem){"version-collision", "error",
                              arena_format(a, "%s has version %s too, and is on %s already", other,
                                           m->version, base->ref),
                              "give this file a newer version: rename it"};
    if (migration_order(sides[1].newest, newest) > 0)
        newest = sides[1].newest;
    if (migration_order(m->version, newest) > 0 || text_same(base->config->order, "allow"))
        return (JudgeProblem){.rule = NULL};
    return (JudgeProblem){"out-of-order",
                          text_same(base->config->order, "warn") ? "warning" : "error",
                          arena_format(a, "version %s is older than %s, which is on %s already",
                                       m->version, newest, base->ref),
                          "give this file a newer version: rename it"};
}

static JudgeProblem problem_of_old(Arena *a, const Base *base, const Migration *m) {
    const char *hint = arena_format(a, "git checkout %s -- '%s'; a new migration makes the change",
                                    base->ref, m->path);
    return (JudgeProblem){
        "edited", "error",
        file_exists(m->path)
            ? arena_format(a,
                           "the file is on %s already, and edited here: what was applied is not "
                           "applied again",
                           base->ref)
            : arena_format(a, "the file is on %s already, and is gone here", base->ref),
        hint};
}

static void add_gone(Arena *a, Migrations *files, const char *folder, const char *name) {
    size_t size = sizeof *files->at;
    files->at = arena_grow(a, files->at, files->count * size, (files->count + 1) * size);
    files->at[files->count++] = (Migration){.id = name,
                                            .version = version_of(a, name),
                                            .name = name,
                                            .path = file_join(a, folder, name),
                                            .text = {"", 0}};
}

/* A folder's files, from `first` on, without those of another folder. */
static bool compare(Arena *a, Base *base, const Side *sides, const Migrations *files,
                    MigrationKind kind) {
    const char *changed = GIT(a, sides[0].folder, "diff", "--name-only", "-z", "--relative",
                              "--no-renames", "--no-ext-diff", sides[0].commit);
    if (!changed)
        return false;
    for (size_t i = 0; i < files->count; i++) {
        Migration *m = &files->at[i];
        const char *name = file_base(m->path);
        if ((m->kind == MIGRATION_REPEATABLE) != (kind == MIGRATION_REPEATABLE))
            continue;
        base->state[i] = !has(&sides[0], name)      ? BASE_NEW
                         : !is_among(changed, name) ? BASE_SAME
                         : is_edited(a, sides, m)   ? BASE_EDITED
                                                    : BASE_SAME;
        if (kind == MIGRATION_REPEATABLE)
            continue;
        if (base->state[i] == BASE_EDITED)
            base->problem[i] = problem_of_old(a, base, m);
        else if (base->state[i] == BASE_NEW)
            base->problem[i] = problem_of_new(a, base, sides, m);
    }
    return true;
}

static bool read_sides(Arena *a, const char *folder, const char *const *commits, Side *sides) {
    return read_side(a, folder, commits[0], &sides[0]) &&
           read_side(a, folder, commits[1], &sides[1]);
}

/* Those of the merge base that are here no more come last: a file each, and empty. */
static void add_all_gone(Arena *a, const Side *side, Migrations *files) {
    Arena *names = arena_new();
    for (size_t i = 0; i < side->count; i++)
        if (!file_exists(file_join(names, side->folder, side->name[i])))
            add_gone(a, files, side->folder, side->name[i]);
    arena_free(names);
}

bool base_compare(Arena *a, const Config *config, const char *ref, Migrations *files, Base *out) {
    const char *commits[2], *repeatable = file_join(a, config->scripts, "repeatable");
    Side sides[2], others[2];
    bool both = file_is_folder(repeatable);
    if (!find_commits(a, ref, &commits[1], &commits[0]) ||
        !read_sides(a, config->migrations, commits, sides) ||
        (both && !read_sides(a, repeatable, commits, others)))
        return false;
    add_all_gone(a, &sides[0], files);
    *out = (Base){.config = config,
                  .ref = ref,
                  .count = files->count,
                  .state = arena_take(a, (files->count + 1) * sizeof *out->state),
                  .problem = arena_take(a, (files->count + 1) * sizeof *out->problem)};
    return compare(a, out, sides, files, MIGRATION_SQL) &&
           (!both || compare(a, out, others, files, MIGRATION_REPEATABLE));
}
