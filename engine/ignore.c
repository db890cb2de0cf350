#include "ignore.h"

#include "fail.h"
#include "file.h"
#include "log.h"
#include "program.h"

#include <stdio.h>

bool ignore_add(Arena *a, const char *path, const char *line) {
    Bytes text = {"", 0};
    if (file_exists(path) && !file_read(a, path, &text))
        return false;
    bool ended = !text.length || text.at[text.length - 1] == '\n';
    FILE *file = fopen(path, "a");
    if (!file)
        return fail_errno(FAIL_ERROR, "cannot write %s", path);
    int put = fprintf(file, "%s%s\n", ended ? "" : "\n", line);
    return (fclose(file) == 0 && put >= 0) || fail_errno(FAIL_ERROR, "cannot write %s", path);
}

/* Does git say so, in that folder? Where it cannot be run, or is in no repository, it says no. */
static bool git_says(Arena *a, const char *folder, const char *word, const char *of) {
    const char *argv[] = {"/usr/bin/env", "git", "-C", folder, word, of, NULL};
    Program *program = program_start(a, &(ProgramWanted){argv, NULL, -1, -1});
    bool yes = program && program_wait(program, NULL, NULL);
    fail_clear();
    return yes;
}

bool ignore_secret(Arena *a, const char *path) {
    const char *folder = file_folder(a, path), *name = file_base(path);
    const char *at = file_join(a, folder, ".gitignore");
    if (!git_says(a, folder, "rev-parse", "--show-toplevel") ||
        git_says(a, folder, "check-ignore", name))
        return true;
    const char *line = arena_format(a, "/%s", name);
    if (!ignore_add(a, at, line))
        return false;
    log_say("added %s to %s: it belongs into no repository", line, at);
    return true;
}
