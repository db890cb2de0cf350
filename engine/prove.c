#include "prove.h"

#include "fail.h"
#include "pour.h"
#include "scratch.h"
#include "session.h"
#include "text.h"

/* All belongs to one role there: who owns what is nothing that a count shows. */
static const char *own_options[] = {"--no-owner", "--no-privileges"};

static bool restore(Arena *a, Scratch *scratch, const Client *client, const Backup *backup,
                    const char **database) {
    Client there;
    if (!scratch_make(scratch, a, NULL, database) ||
        !client_for(a, client, scratch_url(a, scratch, *database), &there))
        return false;
    Pour pour = {.archive = &backup->archive,
                 .client = &there,
                 .before = "",
                 .after = "",
                 .options = {2, own_options}};
    if (pour_into(a, &pour))
        return true;
    scratch_explain(scratch);
    return false;
}

static bool compare(Arena *a, Pg *pg, const BackupRows *rows) {
    Text text = text_on(a);
    PgRows answer;
    for (size_t i = 0; i < rows->table.count; i++) {
        if (!pg_row(pg, a, &answer, rows->count.at[i], PG_NONE))
            return fail_in("%s", rows->table.at[i]);
        long long found = pg_integer(&answer, 0, 0);
        if (found != rows->rows[i])
            text_addf(&text, "%s%s has %lld rows, and had %lld", text.length ? "\n        " : "",
                      rows->table.at[i], found, rows->rows[i]);
    }
    if (!text.length)
        return true;
    fail(FAIL_ERROR, "what was restored is not what was dumped");
    return fail_detail("%s", text.at);
}

static bool count(Arena *a, Scratch *scratch, const char *database, const BackupRows *rows) {
    Config *config = scratch_config(a, scratch, database);
    config->schema = NULL;
    Pg *pg = session_open(a, config, "prove", SESSION_MUST_EXIST);
    bool ok = pg && compare(a, pg, rows);
    pg_close(pg);
    return ok;
}

bool prove_backup(Arena *a, const Config *config, const Client *client, const Backup *backup) {
    Scratch scratch;
    const char *database = NULL;
    if (!scratch_open(a, config, &scratch))
        return fail_in("the backup is not proven");
    bool ok = restore(a, &scratch, client, backup, &database) &&
              count(a, &scratch, database, &backup->rows);
    if (!ok)
        fail_in("the backup is not proven");
    scratch_close(&scratch);
    return ok;
}
