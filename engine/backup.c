#include "backup.h"

#include "backfill.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "ledger.h"
#include "lock.h"
#include "log.h"
#include "pour.h"
#include "program.h"
#include "prove.h"
#include "session.h"
#include "sql.h"
#include "text.h"
#include "wipe.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TELL_EVERY = 5000 };

typedef struct {
    Arena *arena;
    const Config *config;
    const BackupWanted *wanted;
    Pg *pg; /* holds the snapshot */
    Client client;
    Strings kept; /* schemas that are left out */
    const char *snapshot;
    ArchiveDraft draft;
    long long told_at;
    Backup *out;
} Work;

/* An entry needs a ledger; where there is none yet, it is made as a first run makes it. */
static bool open_ledger(Work *w) {
    const char *schema = w->config->ledger_schema;
    Ledger ledger;
    if (!ledger_read(w->pg, w->arena, schema, LEDGER_BRIEF, &ledger))
        return false;
    if (ledger.version)
        return true;
    bool ok = lock_take(w->pg, schema, w->config->run_lock_wait) && ledger_prepare(w->pg, schema);
    if (ok)
        lock_release(w->pg, schema);
    return ok;
}

static bool look(Work *w) {
    Arena *a = w->arena;
    Archive *archive = &w->out->archive;
    PgRows rows;
    if (!pg_do(w->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", PG_NONE) ||
        !pg_row(w->pg, a, &rows, SQL_BACKUP_SNAPSHOT, PG_NONE))
        return fail_in("cannot fix the moment of the backup");
    w->snapshot = pg_cell(&rows, 0, 0);
    archive->taken_at = pg_cell(&rows, 0, 1);
    archive->server = pg_cell(&rows, 0, 2);
    if (!pg_rows(w->pg, a, &rows, ledger_sql(a, w->config->ledger_schema, SQL_BACKUP_LAST),
                 PG_NONE))
        return false;
    archive->last = rows.count ? pg_cell(&rows, 0, 0) : NULL;
    if (!pg_rows(w->pg, a, &rows, SQL_BACKUP_TABLES, PG_WITH(backfill_array(a, w->kept))))
        return false;
    BackupRows *tables = &w->out->rows;
    tables->table = backfill_strings(a, &rows, 0);
    tables->count = backfill_strings(a, &rows, 1);
    archive->tables = (long long)rows.count;
    return true;
}

static const char *const *dump_arguments(const Work *w) {
    Arena *a = w->arena;
    const char **argv = arena_take(a, (w->kept.count + 12) * sizeof *argv);
    size_t n = 0;
    argv[n++] = client_program(a, &w->client, "pg_dump");
    argv[n++] = arena_format(a, "--format=%s", archive_format(w->wanted->format));
    argv[n++] = arena_format(a, "--file=%s", w->draft.partial);
    argv[n++] = arena_format(a, "--snapshot=%s", w->snapshot);
    argv[n++] = "--no-password";
    argv[n++] = "--no-subscriptions";
    if (w->config->role)
        argv[n++] = arena_format(a, "--role=%s", w->config->role);
    if (w->wanted->jobs)
        argv[n++] = arena_format(a, "--jobs=%s", w->wanted->jobs);
    for (size_t i = 0; i < w->kept.count; i++)
        argv[n++] = client_without(a, w->kept.at[i]);
    argv[n++] = "--dbname";
    argv[n] = w->client.conninfo;
    return argv;
}

/* How much is written by now; of a folder, what is whole. */
static void tell_progress(void *with) {
    Work *w = with;
    long long now = clock_ms(), bytes = 0;
    struct stat about;
    if (now - w->told_at < TELL_EVERY)
        return;
    w->told_at = now;
    Arena *a = arena_new();
    FileNames names = {0};
    const char *at = w->draft.partial;
    if (file_is_folder(at) && !file_names(a, at, &names))
        fail_clear();
    for (size_t i = 0; i < names.count; i++)
        bytes += stat(file_join(a, at, names.name[i]), &about) == 0 ? about.st_size : 0;
    if (!names.count && stat(at, &about) == 0)
        bytes = about.st_size;
    log_say("backup: %lld kB written", bytes / 1024);
    arena_free(a);
}

static const struct {
    const char *words, *hint;
} known[] = {
    {"No space left on device", "make room where the backup goes, or choose another place: --to"},
    {"row-level security",
     "the role must see every row: ALTER ROLE ... BYPASSRLS, or another role in the URL"},
    {"permission denied", "the role must be allowed to read all that is dumped; schemas that are "
                          "not yours: keep_schemas in config.ini leaves them out"},
};

static bool explain_dump(void) {
    const char *detail = failure()->detail;
    fail_in("the database cannot be dumped");
    for (size_t i = 0; detail && i < sizeof known / sizeof *known; i++)
        if (strstr(detail, known[i].words))
            return fail_hint("%s", known[i].hint);
    return false;
}

static bool dump(Work *w) {
    mode_t usual = umask(077);
    Program *program =
        program_start(w->arena, &(ProgramWanted){dump_arguments(w), w->client.variables, -1, -1});
    umask(usual);
    w->told_at = clock_ms();
    return (program && program_wait(program, tell_progress, w)) || explain_dump();
}

/* Every table's rows must be among what the archive lists. */
static bool check_list(const Work *w) {
    static const char word[] = " TABLE DATA ";
    const char *list = pour_list(w->arena, &w->client, w->draft.partial);
    long long found = 0;
    for (const char *at = list; at && (at = strstr(at, word)); at += strlen(word))
        found++;
    return list &&
           (found >= w->out->archive.tables ||
            fail(FAIL_ERROR, "it holds %lld tables of %lld", found, w->out->archive.tables));
}

static bool read_back(const Work *w) {
    ArchiveFormat format = w->wanted->format;
    return (pour_read(w->arena, &w->client, format, w->draft.partial) &&
            (format == ARCHIVE_PLAIN || check_list(w))) ||
           fail_in("the dump cannot be read back");
}

static bool count_rows(Work *w) {
    BackupRows *rows = &w->out->rows;
    PgRows answer;
    if (w->wanted->care != BACKUP_PROVEN)
        return true;
    rows->rows = arena_take(w->arena, (rows->table.count + 1) * sizeof *rows->rows);
    for (size_t i = 0; i < rows->table.count; i++) {
        if (!pg_row(w->pg, w->arena, &answer, rows->count.at[i], PG_NONE))
            return fail_in("cannot count %s", rows->table.at[i]);
        rows->rows[i] = pg_integer(&answer, 0, 0);
    }
    return true;
}

static bool write_archive(Work *w) {
    Archive *archive = &w->out->archive;
    if (!archive_begin(w->arena, w->wanted->folder, archive, &w->draft))
        return false;
    bool ok =
        dump(w) && count_rows(w) && read_back(w) && archive_finish(w->arena, archive, &w->draft);
    archive_discard(&w->draft);
    if (!ok)
        archive->checksum = NULL;
    return ok || fail_state("there is no backup of this run; what it had written is removed");
}

static const char *number(Arena *a, long long n) {
    return arena_format(a, "%lld", n);
}

static bool record(Arena *a, Pg *pg, const char *schema, Backup *backup) {
    const Archive *archive = &backup->archive;
    char *real = realpath(archive->path, NULL);
    PgRows rows;
    bool ok = pg_row(pg, a, &rows, ledger_sql(a, schema, SQL_BACKUP_RECORD),
                     PG_WITH(archive->environment, archive->database, real ? real : archive->path,
                             archive_format(archive->format), number(a, archive->bytes),
                             number(a, archive->tables), archive->checksum, archive->server,
                             archive->last, archive->taken_at, archive->made_by));
    free(real);
    if (ok)
        backup->id = pg_integer(&rows, 0, 0);
    return ok;
}

/* Ours are those that this database's ledger knows, whatever else is in the folder. */
static bool is_ours(Arena *a, Pg *pg, const Config *config, const char *path, bool *ours) {
    Archive note;
    PgRows rows;
    bool there;
    *ours = false;
    if (!archive_read_note(a, path, &note, &there)) {
        fail_clear();
        return true;
    }
    if (!there || !text_same(note.environment, config->environment))
        return true;
    if (!pg_rows(pg, a, &rows, ledger_sql(a, config->ledger_schema, SQL_BACKUP_KNOWN),
                 PG_WITH(note.checksum, config->environment)))
        return false;
    *ours = rows.count > 0;
    return true;
}

static bool let_go(Arena *a, Pg *pg, const Config *config, const char *path) {
    Archive note;
    bool there;
    return archive_read_note(a, path, &note, &there) && archive_remove(a, path) &&
           pg_do(pg, ledger_sql(a, config->ledger_schema, SQL_BACKUP_REMOVED),
                 PG_WITH(note.checksum, config->environment));
}

typedef struct {
    const char *path, *taken_at;
} Old;

static int newest_first(const void *x, const void *y) {
    return strcmp(((const Old *)y)->taken_at, ((const Old *)x)->taken_at);
}

/* Of this environment's, the newest `keep` stay. */
static bool remove_old(Work *w, Pg *pg) {
    Arena *a = w->arena;
    const Config *config = w->config;
    FileNames names;
    size_t count = 0;
    if (!config->keep || !file_names(a, w->wanted->folder, &names))
        return !config->keep;
    Old *old = arena_take(a, (names.count + 1) * sizeof *old);
    for (size_t i = 0; i < names.count; i++) {
        const char *path = file_join(a, w->wanted->folder, names.name[i]);
        Archive note;
        bool ours = false;
        if (!is_ours(a, pg, config, path, &ours))
            return false;
        if (ours && archive_read_note(a, path, &note, &ours))
            old[count++] = (Old){path, note.taken_at};
    }
    qsort(old, count, sizeof *old, newest_first);
    w->out->removed = (Strings){0, arena_take(a, (count + 1) * sizeof(char *))};
    for (size_t i = (size_t)config->keep; i < count; i++) {
        if (!let_go(a, pg, config, old[i].path))
            return fail_in("an older backup cannot be removed");
        w->out->removed.at[w->out->removed.count++] = old[i].path;
    }
    return true;
}

static bool prove(Work *w, Pg *pg) {
    Arena *a = w->arena;
    if (w->wanted->care != BACKUP_PROVEN)
        return true;
    log_say("backup: restoring it on the scratch server");
    if (!prove_backup(a, w->config, &w->client, w->out) ||
        !pg_do(pg, ledger_sql(a, w->config->ledger_schema, SQL_BACKUP_PROVEN),
               PG_WITH(number(a, w->out->id))))
        return fail_state("the backup is there, read back and in the ledger, but not proven; no "
                          "older one was removed");
    w->out->care = BACKUP_PROVEN;
    return true;
}

/* By a session of its own: the one that held the snapshot may have been idle for hours. */
static bool write_down(Work *w) {
    const Config *config = w->config;
    Pg *pg = session_open(w->arena, config, "backup", SESSION_MUST_EXIST);
    bool known_now = pg && record(w->arena, pg, config->ledger_schema, w->out);
    if (!known_now) {
        fail_in("the backup is not in the ledger");
        fail_state("the backup is there and was read back: %s", w->out->archive.path);
    }
    bool ok = known_now && prove(w, pg) && remove_old(w, pg);
    pg_close(pg);
    return ok;
}

bool backup_make(Arena *a, const Config *config, const BackupWanted *wanted, Backup *out) {
    *out = (Backup){.archive = {.format = wanted->format,
                                .environment = config->environment,
                                .ledger_schema = config->ledger_schema,
                                .made_by = ledger_who()}};
    Work w = {.arena = a, .config = config, .wanted = wanted, .out = out};
    if (!wipe_keep(a, config, &w.kept))
        return false;
    w.pg = session_open(a, config, "backup", SESSION_MUST_EXIST);
    out->archive.database = w.pg ? arena_string(a, pg_database(w.pg)) : NULL;
    bool ok = w.pg && client_find(a, config, w.pg, &w.client) && open_ledger(&w) && look(&w) &&
              write_archive(&w);
    pg_close(w.pg);
    return ok && write_down(&w);
}
