#include "restore.h"

#include "backfill.h"
#include "client.h"
#include "clock.h"
#include "fail.h"
#include "file.h"
#include "gate.h"
#include "json.h"
#include "ledger.h"
#include "lock.h"
#include "log.h"
#include "pour.h"
#include "protection.h"
#include "session.h"
#include "sql.h"
#include "text.h"
#include "wipe.h"

#include <string.h>
#include <unistd.h>

typedef struct {
    Arena *arena;
    const Config *config;
    const RestoreWanted *wanted;
    Archive *archive;
    Pg *pg; /* holds the run lock */
    Client client;
    const char *run; /* the word by which our event is known */
    Pour pour;
} Work;

static bool nothing_done(void) {
    return fail_state("nothing was changed");
}

static bool refuse_foreign(const char *path) {
    fail(FAIL_REFUSED, "%s is no backup that stint knows", path);
    fail_detail("there is no %s.json beside it, and no backup of its checksum in the ledger", path);
    fail_hint("of another tool's dump, pg_restore or psql makes a database");
    return nothing_done();
}

/* By the ledger, which keeps what the note says. */
static bool find_in_ledger(Work *w, const char *checksum) {
    Arena *a = w->arena;
    const char *schema = w->config->ledger_schema;
    Archive *out = w->archive;
    Ledger ledger;
    PgRows rows;
    if (!ledger_read(w->pg, a, schema, LEDGER_BRIEF, &ledger))
        return false;
    if (!ledger.version)
        return refuse_foreign(out->path);
    if (!pg_rows(w->pg, a, &rows, ledger_sql(a, schema, SQL_RESTORE_KNOWN), PG_WITH(checksum)))
        return false;
    if (!rows.count)
        return refuse_foreign(out->path);
    *out = (Archive){.path = out->path,
                     .environment = pg_cell(&rows, 0, 0),
                     .database = pg_cell(&rows, 0, 1),
                     .bytes = pg_integer(&rows, 0, 3),
                     .tables = pg_integer(&rows, 0, 4),
                     .server = pg_cell(&rows, 0, 5),
                     .last = pg_cell(&rows, 0, 6),
                     .taken_at = pg_cell(&rows, 0, 7),
                     .made_by = pg_cell(&rows, 0, 8),
                     .ledger_schema = schema,
                     .checksum = checksum};
    return archive_read_format(pg_cell(&rows, 0, 2), &out->format);
}

static bool refuse_changed(const Archive *archive, long long bytes) {
    fail(FAIL_REFUSED, "%s is not what was backed up: its SHA-256 differs", archive->path);
    if (bytes != archive->bytes)
        fail_detail("it has %lld bytes, and had %lld", bytes, archive->bytes);
    return nothing_done();
}

/* `*checksum` is of what lies there, NULL where the note has said that it is the right one. */
static bool read_note(Work *w, const char **checksum) {
    long long bytes = 0;
    bool there;
    if (!archive_read_note(w->arena, w->wanted->path, w->archive, &there) ||
        !archive_sum(w->arena, w->wanted->path, checksum, &bytes))
        return nothing_done();
    if (there && !text_same(*checksum, w->archive->checksum))
        return refuse_changed(w->archive, bytes);
    if (there)
        *checksum = NULL;
    return true;
}

/* What is of another environment goes over this one's data only if that was said. */
static bool is_meant(const Work *w) {
    const char *of = w->archive->environment, *here = w->config->environment;
    const char *from = w->wanted->from ? w->wanted->from : here;
    if (w->wanted->options.count && w->archive->format == ARCHIVE_PLAIN)
        return fail(FAIL_USAGE,
                    "%s is for custom and directory backups: a plain one is SQL as it "
                    "stands",
                    w->wanted->options.at[0]);
    if (!text_same(w->archive->ledger_schema, w->config->ledger_schema)) {
        fail(FAIL_REFUSED, "the ledger in this backup is in the schema %s, here it is %s",
             w->archive->ledger_schema, w->config->ledger_schema);
        return nothing_done();
    }
    if (text_same(of, from))
        return true;
    fail(FAIL_REFUSED, "this is a backup of %s, not of %s", of, from);
    nothing_done();
    return fail_next("if that is what you want: stint restore %s -e %s --from %s", w->wanted->path,
                     here, of);
}

static const char *facts_of(const Work *w) {
    Json *json = archive_json(w->arena, w->archive);
    json_set_text(json, "run", w->run);
    return json_text(json);
}

/* Runs, events and backups of the ledger that goes. */
static bool add_history(const Work *w, Text *after) {
    Arena *a = w->arena;
    const char *schema = w->config->ledger_schema;
    Ledger ledger;
    PgRows rows;
    if (!ledger_read(w->pg, a, schema, LEDGER_BRIEF, &ledger))
        return false;
    if (!ledger.version)
        return true;
    if (!pg_row(w->pg, a, &rows, ledger_sql(a, schema, SQL_RESTORE_HISTORY), PG_NONE))
        return fail_in("cannot read the ledger");
    text_addf(
        after, "%s;\n",
        ledger_inline(w->pg, a, schema, SQL_RESTORE_CARRY,
                      PG_WITH(pg_cell(&rows, 0, 0), pg_cell(&rows, 0, 1), pg_cell(&rows, 0, 2))));
    return true;
}

static bool write_after(Work *w) {
    Arena *a = w->arena;
    const Config *config = w->config;
    const char *schema = config->ledger_schema;
    const Archive *archive = w->archive;
    Text after = text_on(a);
    text_addf(&after, "%s;\n", SQL_RESTORE_END);
    if (!add_history(w, &after))
        return false;
    const char *message = arena_format(a, "%s of %s, as it was at %s", file_base(archive->path),
                                       archive->environment, archive->taken_at);
    text_addf(&after, "%s;\n",
              ledger_inline(w->pg, a, schema, SQL_LEDGER_EVENT,
                            PG_WITH(NULL, NULL, "restored", ledger_who(), message, facts_of(w))));
    text_addf(&after, "%s;\n",
              ledger_inline(w->pg, a, schema, SQL_SCHEMA_PROTECT,
                            PG_WITH(config->is_protected ? config->environment : NULL)));
    text_addf(&after, "%s \\gexec\n",
              ledger_inline(w->pg, a, schema, SQL_RESTORE_FENCE,
                            PG_WITH(arena_format(a, "%d", pg_pid(w->pg)))));
    w->pour.after = after.at;
    return true;
}

static bool write_before(Work *w) {
    Arena *a = w->arena;
    const Config *config = w->config;
    const char *patience = arena_format(a, "%lld", config->lock_timeout), *script = NULL;
    Text before = text_on(a);
    Wipe wipe;
    PgRows rows;
    if (!wipe_look_inside(w->pg, a, config, &wipe) ||
        !wipe_script(w->pg, a, config, &wipe, &script) ||
        !pg_rows(w->pg, a, &rows, SQL_WIPE_SCHEMAS_STAY, PG_WITH(wipe.keep)))
        return false;
    text_addf(&before, "%s;\n",
              ledger_inline(w->pg, a, config->ledger_schema, SQL_RESTORE_BEGIN, PG_WITH(patience)));
    if (config->role)
        text_addf(&before, "%s;\n",
                  ledger_inline(w->pg, a, config->ledger_schema, SQL_RESTORE_ROLE,
                                PG_WITH(config->role)));
    text_add(&before, script);
    w->pour.before = before.at;
    w->pour.schemas = backfill_strings(a, &rows, 0);
    return true;
}

static const struct {
    const char *sqlstate, *word, *hint;
    FailKind kind;
} known[] = {
    {"55P03", "", "somebody works with these tables: stop that, or wait longer: --lock-timeout 60s",
     FAIL_TABLE_LOCK},
    {"40P01", "", "somebody works with these tables: stop that, and try again", FAIL_TABLE_LOCK},
    {"42704", "role", "make the role here, or restore all as yours: --no-owner --no-privileges",
     FAIL_ERROR},
    {"42501", "",
     "the role may not do what the backup says: --no-owner makes all of it yours, "
     "--no-privileges leaves grants out",
     FAIL_ERROR},
    {"53200", "shared memory", "raise max_locks_per_transaction on the server", FAIL_ERROR},
    {"42P07", "", "what another role owns is not dropped: it must go by hand first", FAIL_ERROR},
    {"42P06", "", "what another role owns is not dropped: it must go by hand first", FAIL_ERROR},
};

static void explain(void) {
    const Failure *f = failure();
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (text_same(f->sqlstate, known[i].sqlstate) && strstr(f->message, known[i].word)) {
            fail_hint("%s", known[i].hint);
            if (f->kind == FAIL_ERROR)
                fail_as(known[i].kind);
            return;
        }
}

typedef enum { COMMIT_NO, COMMIT_YES, COMMIT_UNKNOWN } Commit;

/* psql may have been lost on the way back from its COMMIT: the ledger knows. */
static Commit was_committed(const Work *w) {
    Arena *a = w->arena;
    const char *schema = w->config->ledger_schema;
    PgRows rows;
    Commit answer = COMMIT_UNKNOWN;
    Failure why = fail_kept(a);
    bool ours = pg_state(w->pg) != PG_LOST;
    Pg *pg = ours ? w->pg : session_open(a, w->config, "restore", SESSION_MUST_EXIST);
    if (pg)
        pg_stoppable(pg, false);
    if (pg && pg_rows(pg, a, &rows, ledger_sql(a, schema, SQL_RESTORE_DONE), PG_WITH(w->run)))
        answer = rows.count ? COMMIT_YES : COMMIT_NO;
    else if (pg && ledger_is_absent(pg))
        answer = COMMIT_NO;
    if (!ours)
        pg_close(pg);
    fail_again(&why);
    return answer;
}

static bool pour(Work *w) {
    if (pour_into(w->arena, &w->pour))
        return true;
    explain();
    fail_in("%s", w->archive->path);
    switch (was_committed(w)) {
    case COMMIT_YES:
        fail_clear();
        return true;
    case COMMIT_NO:
        return fail_state("rolled back: nothing was changed");
    default:
        fail_state("rolled back, or restored as a whole: the database does not answer");
        return fail_next("stint status shows what it holds");
    }
}

/* Under the run lock, so that no run at work is pulled from under. */
static bool restore(Work *w) {
    const Config *config = w->config;
    w->run =
        arena_format(w->arena, "%s_%ld_%d", clock_version(w->arena), (long)getpid(), pg_pid(w->pg));
    w->pour = (Pour){.archive = w->archive, .client = &w->client, .options = w->wanted->options};
    if (!client_find(w->arena, config, w->pg, &w->client) ||
        !lock_take(w->pg, config->ledger_schema, config->run_lock_wait) || !write_before(w) ||
        !write_after(w))
        return nothing_done();
    log_say("restore: %s, as %s was at %s", w->archive->path, w->archive->environment,
            w->archive->taken_at);
    return pour(w);
}

static bool pass_gates(const Work *w) {
    const Ledger unread = {.schema = w->config->ledger_schema};
    const GateWanted gates = {
        .command = "restore",
        .of = {.arena = w->arena, .config = w->config, .pg = w->pg, .ledger = &unread},
        .override = w->wanted->consent.override,
        .reason = w->wanted->consent.reason};
    return gate_pass(&gates, 0);
}

bool restore_run(Arena *a, const Config *config, const RestoreWanted *wanted, Archive *out) {
    Work w = {.arena = a, .config = config, .wanted = wanted, .archive = out};
    const char *again =
        arena_format(a, "stint restore %s%s%s", wanted->path, wanted->from ? " --from " : "",
                     wanted->from ? wanted->from : "");
    const char *checksum = NULL;
    *out = (Archive){.path = wanted->path};
    if (!file_exists(wanted->path))
        return fail(FAIL_ERROR, "there is no %s", wanted->path);
    if (!read_note(&w, &checksum))
        return false;
    w.pg = session_open(a, config, "restore", SESSION_MAY_CREATE);
    bool ok = w.pg && (!checksum || find_in_ledger(&w, checksum)) && is_meant(&w) &&
              protection_look(w.pg, config) &&
              consent_given(a, config, &wanted->consent, "a restore", (Strings){0, NULL}, again) &&
              pass_gates(&w) && restore(&w);
    pg_close(w.pg);
    return ok;
}
