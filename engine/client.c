#include "client.h"

#include "binaries.h"
#include "fail.h"
#include "file.h"
#include "pgurl.h"
#include "program.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

int client_major(Arena *a, const char *path) {
    const char *const argv[] = {path, "--version", NULL};
    Program *program = program_start(a, &(ProgramWanted){argv, NULL, -1, -1});
    if (!program || !program_wait(program, NULL, NULL)) {
        fail_clear();
        return 0;
    }
    const char *number = strstr(program_output(a, program), ") ");
    return number ? atoi(number + 2) : 0;
}

static bool refuse(int major, int found, const char *folder) {
    if (folder && found)
        fail(FAIL_CONFIG,
             "the server is PostgreSQL %d, and its pg_dump is not here: the one in %s "
             "is %d",
             major, folder, found);
    else
        fail(FAIL_CONFIG, "the server is PostgreSQL %d, and its pg_dump is not here", major);
    return fail_hint("sudo apt-get install postgresql-client-%d, or set server_bin in config.ini "
                     "to the folder that holds pg_dump, pg_restore and psql of that version",
                     major);
}

/* server_bin is for the private server first: where it is of another version, the usual places
 * may still have the right one. */
static bool find_folder(Arena *a, const Config *config, int major, const char **out) {
    const char *places[] = {config->server_bin, NULL};
    const char *seen = NULL;
    int found = 0;
    for (size_t i = config->server_bin ? 0 : 1; i < 2; i++) {
        BinariesWanted wanted = {places[i], config->folder, major};
        const char *folder = binaries_folder(a, &wanted, "pg_dump");
        if (!folder) {
            fail_clear();
            continue;
        }
        found = client_major(a, file_join(a, folder, "pg_dump"));
        seen = folder;
        if (found == major) {
            *out = folder;
            return true;
        }
    }
    return refuse(major, found, seen);
}

static bool tell_place(Arena *a, const char *conninfo, Client *out) {
    const char *password = NULL;
    if (!pgurl_parted(a, conninfo, &out->conninfo, &password))
        return false;
    const char **variables = arena_take(a, 5 * sizeof *variables);
    size_t n = 0;
    variables[n++] = "PGAPPNAME=stint:backup";
    variables[n++] = "PGCLIENTENCODING=UTF8";
    variables[n++] = "LC_ALL=C"; /* what they say is looked into */
    if (password)
        variables[n++] = arena_format(a, "PGPASSWORD=%s", password);
    out->variables = variables;
    return true;
}

bool client_find(Arena *a, const Config *config, const Pg *pg, Client *out) {
    return find_folder(a, config, pg_version(pg) / 10000, &out->folder) &&
           tell_place(a, pg_target(pg)->conninfo, out);
}

bool client_for(Arena *a, const Client *client, const char *url, Client *out) {
    PgUrl read;
    out->folder = client->folder;
    return pgurl_read(a, url, &read) && tell_place(a, read.conninfo, out);
}

const char *client_program(Arena *a, const Client *client, const char *name) {
    return file_join(a, client->folder, name);
}

/* A name as pg_dump's patterns have it: quoted, nothing in it is a pattern. */
const char *client_without(Arena *a, const char *schema) {
    Text text = text_on(a);
    text_add(&text, "--exclude-schema=");
    text_add_quoted(&text, schema, '"');
    return text.at;
}
