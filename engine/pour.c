#include "pour.h"

#include "fail.h"
#include "file.h"
#include "program.h"
#include "sieve.h"
#include "sql.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How every plain dump ends, but for a line or two. */
static const char last_words[] = "PostgreSQL database dump complete";

enum { TAIL = 400 };

static Program *start(Arena *a, const Client *client, const char *const *argv, int input,
                      int output) {
    return program_start(a, &(ProgramWanted){argv, client->variables, input, output});
}

const char *pour_list(Arena *a, const Client *client, const char *path) {
    const char *const argv[] = {client_program(a, client, "pg_restore"), "--list", path, NULL};
    Program *program = start(a, client, argv, -1, -1);
    return program && program_wait(program, NULL, NULL) ? program_output(a, program) : NULL;
}

static bool ends_well(Arena *a, const char *path) {
    char tail[TAIL + 1] = "";
    FILE *file = fopen(path, "rbe");
    if (!file)
        return fail_errno(FAIL_ERROR, "cannot open %s", path);
    if (fseek(file, -TAIL, SEEK_END) != 0)
        rewind(file);
    tail[fread(tail, 1, TAIL, file)] = 0;
    fclose(file);
    return strstr(arena_string(a, tail), last_words) ||
           fail(FAIL_ERROR, "it does not end as a dump ends: it was cut off");
}

bool pour_read(Arena *a, const Client *client, ArchiveFormat format, const char *path) {
    const char *const argv[] = {client_program(a, client, "pg_restore"), "--file=/dev/null", path,
                                NULL};
    if (format == ARCHIVE_PLAIN)
        return ends_well(a, path);
    Program *program = start(a, client, argv, -1, -1);
    return program && program_wait(program, NULL, NULL);
}

/* A folder of ours alone, with the scripts and the list in it. */
typedef struct {
    const char *folder, *before, *after, *list;
} Desk;

static const char *desk_file(Arena *a, const Desk *desk, const char *name, const char *text) {
    const char *path = file_join(a, desk->folder, name);
    return file_create(path, text) ? path : NULL;
}

/* "7; 2615 16385 SCHEMA - shop anna": a line of a list is left out by a ; before it. */
static bool is_there(const Strings *schemas, const char *line, size_t length) {
    static const char word[] = " SCHEMA - ";
    const char *found = memmem(line, length, word, strlen(word));
    const char *comment = memmem(line, length, " COMMENT - EXTENSION ", 21);
    if (comment)
        return true; /* the extension's owner alone may say it again */
    for (size_t i = 0; found && i < schemas->count; i++) {
        size_t n = strlen(schemas->at[i]);
        const char *name = found + strlen(word);
        if ((size_t)(line + length - name) > n && memcmp(name, schemas->at[i], n) == 0 &&
            name[n] == ' ' && !memmem(name + n + 1, (size_t)(line + length - name) - n - 1, " ", 1))
            return true;
    }
    return false;
}

static const char *list_for(Arena *a, const Strings *schemas, const char *list) {
    Text text = text_on(a);
    while (*list) {
        size_t length = strcspn(list, "\n");
        text_add(&text, is_there(schemas, list, length) ? ";" : "");
        text_add_bytes(&text, list, length);
        text_add(&text, "\n");
        list += length + (list[length] == '\n');
    }
    return text.at;
}

static bool set_desk(Arena *a, const Pour *pour, Desk *out) {
    const char *place = getenv("TMPDIR");
    char *folder = arena_format(a, "%s/stint-XXXXXX", place && *place ? place : "/tmp");
    *out = (Desk){0};
    if (!mkdtemp(folder))
        return fail_errno(FAIL_ERROR, "cannot make a folder in %s", file_folder(a, folder));
    out->folder = folder;
    out->before =
        desk_file(a, out, "before.sql", arena_format(a, "%s;\n%s", SQL_POUR_BEGIN, pour->before));
    out->after = out->before ? desk_file(a, out, "after.sql",
                                         arena_format(a, "%s;\n%s", pour->after, SQL_POUR_END))
                             : NULL;
    if (!out->after || pour->archive->format == ARCHIVE_PLAIN)
        return out->after != NULL;
    const char *list = pour_list(a, pour->client, pour->archive->path);
    out->list = list ? desk_file(a, out, "list", list_for(a, &pour->schemas, list)) : NULL;
    return out->list != NULL;
}

static void clear_desk(const Desk *desk) {
    const char *const files[] = {desk->before, desk->after, desk->list};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (files[i])
            unlink(files[i]);
    if (desk->folder)
        rmdir(desk->folder);
}

static Program *start_psql(Arena *a, const Pour *pour, const Desk *desk, int input) {
    const char *const argv[] = {client_program(a, pour->client, "psql"),
                                "--no-psqlrc",
                                "--quiet",
                                "--no-password",
                                "--single-transaction",
                                "--set=ON_ERROR_STOP=1",
                                "--set=VERBOSITY=verbose",
                                "--output=/dev/null",
                                "--dbname",
                                pour->client->conninfo,
                                "--file",
                                desk->before,
                                "--file=-",
                                "--file",
                                desk->after,
                                NULL};
    return start(a, pour->client, argv, input, -1);
}

static Program *start_restore(Arena *a, const Pour *pour, const Desk *desk, int output) {
    const char **argv = arena_take(a, (pour->options.count + 6) * sizeof *argv);
    size_t n = 0;
    argv[n++] = client_program(a, pour->client, "pg_restore");
    argv[n++] = "--file=-";
    argv[n++] = "--no-subscriptions";
    argv[n++] = arena_format(a, "--use-list=%s", desk->list);
    for (size_t i = 0; i < pour->options.count; i++)
        argv[n++] = pour->options.at[i];
    argv[n] = pour->archive->path;
    return start(a, pour->client, argv, -1, output);
}

/* "psql:<stdin>:12: ERROR:  42P07: relation ... already exists": the server's own words. */
static bool tell_server(Arena *a, const Program *psql) {
    static const char word[] = "ERROR:  ";
    enum { STATE = 5 };
    if (!psql || failure()->kind == FAIL_INTERRUPTED)
        return false;
    const char *words = program_words(a, psql), *at = strstr(words, word);
    if (!at || strspn(at + strlen(word), "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != STATE)
        return false;
    at += strlen(word);
    const char *state = arena_bytes(a, at, STATE), *message = at + STATE + 2;
    fail(FAIL_ERROR, "%.*s", (int)strcspn(message, "\n"), message);
    fail_sqlstate(state);
    const char *detail = strstr(message, "\nDETAIL:  ");
    if (detail)
        fail_detail("%.*s", (int)strcspn(detail + 10, "\n"), detail + 10);
    return false;
}

typedef struct {
    int script, psql[2]; /* what is read; the pipe to psql */
    Program *from, *to;  /* pg_restore, or NULL; psql */
} Flow;

static bool open_script(Arena *a, const Pour *pour, const Desk *desk, Flow *flow) {
    int ends[2];
    if (pour->archive->format == ARCHIVE_PLAIN) {
        flow->script = open(pour->archive->path, O_RDONLY | O_CLOEXEC);
        return flow->script >= 0 || fail_errno(FAIL_ERROR, "cannot open %s", pour->archive->path);
    }
    if (pipe2(ends, O_CLOEXEC) != 0)
        return fail_errno(FAIL_ERROR, "cannot make a pipe");
    flow->script = ends[0];
    flow->from = start_restore(a, pour, desk, ends[1]);
    close(ends[1]);
    return flow->from != NULL;
}

static bool open_flow(Arena *a, const Pour *pour, const Desk *desk, Flow *flow) {
    *flow = (Flow){.script = -1, .psql = {-1, -1}};
    if (pipe2(flow->psql, O_CLOEXEC) != 0)
        return fail_errno(FAIL_ERROR, "cannot make a pipe");
    flow->to = start_psql(a, pour, desk, flow->psql[0]);
    close(flow->psql[0]);
    return flow->to && open_script(a, pour, desk, flow);
}

/* On the way out of a failure, which stays the one to tell. */
static void end_flow(Arena *a, const Flow *flow) {
    Failure why = fail_kept(a);
    if (flow->to)
        program_end(flow->to);
    if (flow->from)
        program_end(flow->from);
    fail_again(&why);
}

/* psql comes to its end, and so to its COMMIT, when nobody holds the pipe any more: we let go of it
 * once the other end has ended well, and not before. */
static bool run(Arena *a, const Pour *pour, const Desk *desk) {
    Flow flow;
    SieveAnswer answer = SIEVE_FAILED;
    bool whole = open_flow(a, pour, desk, &flow) &&
                 (answer = sieve_copy(flow.script, flow.psql[1])) == SIEVE_DONE &&
                 (!flow.from || program_wait(flow.from, NULL, NULL));
    if (answer == SIEVE_CLOSED)
        program_wait(flow.to, NULL, NULL); /* its own words are the reason */
    if (!whole)
        end_flow(a, &flow);
    close(flow.script);
    close(flow.psql[1]);
    if (whole)
        whole = program_wait(flow.to, NULL, NULL);
    return whole || tell_server(a, flow.to);
}

bool pour_into(Arena *a, const Pour *pour) {
    Desk desk;
    bool ok = set_desk(a, pour, &desk) && run(a, pour, &desk);
    clear_desk(&desk);
    return ok;
}
