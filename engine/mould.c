#include "mould.h"

#include "fail.h"
#include "file.h"
#include "program.h"
#include "text.h"

#include <string.h>
#include <stdio.h>
#include <unistd.h>

enum { MOST_LACKS = 100, MAJOR = 10000 };

void mould_lacks(Arena *a, Mould *mould, const char *what) {
    if (!mould->lacks.at)
        mould->lacks.at = arena_take(a, MOST_LACKS * sizeof *mould->lacks.at);
    if (mould->lacks.count < MOST_LACKS)
        mould->lacks.at[mould->lacks.count++] = arena_string(a, fail_redacted(what));
}

/* What psql could not do: the copy is without it. */
static void note_errors(Arena *a, Mould *mould, const char *words) {
    static const char mark[] = "ERROR:  ";
    for (const char *at = strstr(words, mark); at; at = strstr(at, mark)) {
        at += strlen(mark);
        mould_lacks(a, mould, arena_bytes(a, at, strcspn(at, "\r\n")));
    }
}

static bool dump(Arena *a, const Client *client, FILE *file) {
    const char *const argv[] = {client_program(a, client, "pg_dump"),
                                "--schema-only",
                                "--no-owner",
                                "--no-privileges",
                                "--no-publications",
                                "--no-subscriptions",
                                "--no-tablespaces",
                                "-d",
                                client->conninfo,
                                NULL};
    Program *program =
        program_start(a, &(ProgramWanted){argv, client->variables, -1, fileno(file)});
    return program && program_wait(program, NULL, NULL);
}

static bool load(Arena *a, const Client *client, Mould *mould, FILE *file) {
    const char *const argv[] = {
        client_program(a, client, "psql"), "-X", "-q", "-d", client->conninfo, NULL};
    lseek(fileno(file), 0, SEEK_SET);
    Program *program =
        program_start(a, &(ProgramWanted){argv, client->variables, fileno(file), -1});
    if (!program || !program_wait(program, NULL, NULL))
        return false;
    note_errors(a, mould, program_words(a, program));
    return true;
}

static bool fill(Arena *a, const Config *config, const Pg *target, Mould *mould) {
    Client here, there;
    if (!client_find(a, config, target, &here) || !client_for(a, &here, mould->config->url, &there))
        return false;
    FILE *file = tmpfile();
    if (!file)
        return fail_errno(FAIL_ERROR, "cannot make a temporary file");
    bool ok = dump(a, &here, file) && load(a, &there, mould, file);
    fclose(file);
    return ok;
}

static bool begin(Arena *a, const Config *config, Mould *out) {
    *out = (Mould){0};
    if (!scratch_open(a, config, &out->scratch) ||
        !scratch_make(&out->scratch, a, NULL, &out->database))
        return false;
    out->config = scratch_config(a, &out->scratch, out->database);
    return true;
}

bool mould_make(Arena *a, const Config *config, const Pg *target, Mould *out) {
    if (!begin(a, config, out) || !target)
        return out->config != NULL;
    int wanted = pg_version(target) / MAJOR, found = pg_version(out->scratch.pg) / MAJOR;
    if (wanted != found)
        mould_lacks(a, out, arena_format(a, "PostgreSQL %d: it is %d", wanted, found));
    return fill(a, config, target, out);
}

/* ---- of a dump ---- */

/* What begins as one of these is for pg_restore; folders are too. */
static const char *const marks[] = {"PGDMP", "toc.dat"};
enum { MARK_ROOM = 8 };

static bool is_plain(const char *path) {
    char begin[MARK_ROOM] = "";
    FILE *file = file_is_folder(path) ? NULL : fopen(path, "rbe");
    if (!file)
        return false;
    begin[fread(begin, 1, sizeof begin - 1, file)] = 0;
    fclose(file);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (text_starts(begin, marks[i]))
            return false;
    return true;
}

static bool write_out(Arena *a, const Client *client, const char *path, FILE *file) {
    const char *const argv[] = {client_program(a, client, "pg_restore"),
                                "--schema-only",
                                "--no-owner",
                                "--no-privileges",
                                "--file=-",
                                path,
                                NULL};
    Program *program =
        program_start(a, &(ProgramWanted){argv, client->variables, -1, fileno(file)});
    return program && program_wait(program, NULL, NULL);
}

bool mould_take(Arena *a, const Config *config, const char *path, Mould *out) {
    Client here, there;
    if (!begin(a, config, out) || !client_find(a, config, out->scratch.pg, &here) ||
        !client_for(a, &here, out->config->url, &there))
        return false;
    bool plain = is_plain(path);
    FILE *file = plain ? fopen(path, "rbe") : tmpfile();
    if (!file)
        return fail_errno(FAIL_ERROR, "cannot open %s", path);
    bool ok = (plain || write_out(a, &here, path, file)) && load(a, &there, out, file);
    fclose(file);
    return ok || fail_in("%s", path);
}

void mould_close(Mould *mould) {
    if (mould->scratch.arena)
        scratch_close(&mould->scratch);
}
