#include "scratch.h"

#include "address.h"
#include "clock.h"
#include "cluster.h"
#include "digest.h"
#include "fail.h"
#include "log.h"
#include "sql.h"
#include "text.h"

#include <string.h>
#include <unistd.h>

enum { FORCE_SINCE = 130000, HOST_DIGITS = 6 };

static const char *server_url(Arena *a, const Config *config) {
    Cluster cluster;
    if (config->scratch_problem) {
        fail(FAIL_CONFIG, "%s", config->scratch_problem);
        fail_hint("set the variable, in the environment or in .env beside config.ini, or give "
                  "--scratch");
        return NULL;
    }
    if (!text_starts(config->scratch, "local:"))
        return config->scratch;
    if (!cluster_at(a, config->folder, config->server_bin, &cluster) || !cluster_start(&cluster))
        return NULL;
    return cluster_url(a, &cluster, "postgres");
}

/* When, where and who: two runs never have the same name, and people can tell whose it is. */
static const char *run_name(Arena *a, const Pg *pg) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    const char *digest = digest_of(a, host, strlen(host));
    return arena_format(a, "%s_%.*s_%d_%d", clock_version(a), HOST_DIGITS, digest, (int)getpid(),
                        pg_pid(pg));
}

typedef enum { CLAIM_FAILED, CLAIM_BUSY, CLAIM_OURS } Claim;

static Claim claim(Scratch *scratch, Arena *a, const char *run) {
    PgRows rows;
    if (!pg_row(scratch->pg, a, &rows, SQL_SCRATCH_CLAIM, PG_WITH(run)))
        return CLAIM_FAILED;
    return pg_true(&rows, 0, 0) ? CLAIM_OURS : CLAIM_BUSY;
}

bool scratch_drop(Scratch *scratch, const char *name) {
    Arena *a = arena_new();
    Pg *pg = scratch->pg;
    bool forces = pg_version(pg) >= FORCE_SINCE;
    pg_stoppable(pg, false);
    const char *id = pg_ident(pg, a, name);
    const char *drop = forces ? arena_format(a, SQL_SCRATCH_DROP_FORCED, id)
                              : arena_format(a, SQL_SCRATCH_DROP, id);
    bool ok =
        (forces || pg_do(pg, SQL_WIPE_END_SESSIONS, PG_WITH(name))) && pg_do(pg, drop, PG_NONE);
    pg_stoppable(pg, true);
    arena_free(a);
    return ok || fail_in("the scratch database %s cannot be dropped", name);
}

/* Those of one run. */
static bool drop_all(Scratch *scratch, Arena *a, const char *run) {
    PgRows rows;
    bool ok = pg_rows(scratch->pg, a, &rows, SQL_SCRATCH_LEFT, PG_WITH(run, NULL));
    for (size_t i = 0; ok && i < rows.count; i++)
        ok = scratch_drop(scratch, pg_cell(&rows, i, 0));
    return ok;
}

static bool sweep_run(Scratch *scratch, Arena *a, const char *run) {
    Claim found = claim(scratch, a, run);
    if (found != CLAIM_OURS)
        return found == CLAIM_BUSY;
    bool ok = drop_all(scratch, a, run);
    if (ok)
        log_detail("dropped what a run that was killed has left: stint_scratch_%s", run);
    return pg_do(scratch->pg, SQL_SCRATCH_UNCLAIM, PG_WITH(run)) && ok;
}

/* What cannot be swept is somebody else's trouble: it must not keep this run from its work. */
static void sweep(Scratch *scratch) {
    Arena *a = arena_new();
    PgRows rows;
    const char *last = "";
    bool ok = pg_rows(scratch->pg, a, &rows, SQL_SCRATCH_LEFT, PG_WITH(NULL, scratch->run));
    for (size_t i = 0; ok && i < rows.count; i++) {
        const char *run = pg_cell(&rows, i, 1);
        if (!text_same(run, last))
            ok = sweep_run(scratch, a, run);
        last = run;
    }
    if (!ok && failure()->kind != FAIL_INTERRUPTED) {
        log_warn("old scratch databases are left where they are: %s", failure()->message);
        fail_clear();
    }
    arena_free(a);
}

static bool connect(Scratch *scratch) {
    Arena *a = scratch->arena;
    const char *url = server_url(a, scratch->config);
    if (!url || !pgurl_read(a, url, &scratch->url))
        return false;
    PgTarget target = {.conninfo = pgurl_with_database(a, &scratch->url, "postgres"),
                       .what = "scratch",
                       .wait_ms = scratch->config->wait_for_db};
    scratch->pg = pg_open(a, &target);
    return scratch->pg != NULL;
}

bool scratch_open(Arena *a, const Config *config, Scratch *out) {
    *out = (Scratch){.arena = a, .config = config};
    if (!connect(out)) {
        fail_in("the scratch server");
        return fail_next("look at scratch in config.ini (%s)", config_source(config, "scratch"));
    }
    const Pg *pg = out->pg;
    out->run = run_name(a, pg);
    out->place = arena_format(a, "PostgreSQL %d at %s", pg_version(pg) / 10000,
                              pg_host(pg)[0] == '/' ? "a local socket" : pg_host(pg));
    Claim mine = claim(out, a, out->run);
    if (mine == CLAIM_BUSY)
        fail(FAIL_ERROR, "another run has this one's name: %s", out->run);
    if (mine != CLAIM_OURS) {
        pg_close(out->pg);
        out->pg = NULL;
        return false;
    }
    sweep(out);
    return true;
}

bool scratch_make(Scratch *scratch, Arena *a, const char *model, const char **name) {
    Pg *pg = scratch->pg;
    *name = arena_format(a, "stint_scratch_%s_%ld", scratch->run, ++scratch->made);
    const char *from = arena_format(a, SQL_SCRATCH_MAKE, pg_ident(pg, a, *name),
                                    pg_ident(pg, a, model ? model : "template1"));
    if (pg_do(pg, from, PG_NONE))
        return true;
    fail_in("the scratch server (%s)", scratch->place);
    if (pg_failed_with(pg, "42501"))
        fail_hint("its role must be allowed to make databases: ALTER ROLE %s CREATEDB, or name "
                  "another server in config.ini: scratch = URL",
                  pg_user(pg));
    return false;
}

void scratch_close(Scratch *scratch) {
    Arena *a = arena_new();
    Failure why = fail_kept(a);
    if (scratch->pg) {
        pg_stoppable(scratch->pg, false);
        if (pg_state(scratch->pg) == PG_LOST || !drop_all(scratch, a, scratch->run))
            log_warn("scratch databases of this run may be left; the next run drops them");
        pg_close(scratch->pg);
    }
    scratch->pg = NULL;
    fail_again(&why);
    arena_free(a);
}

/* All that the server's address says goes into parameters, where every host and user has room. */
const char *scratch_url(Arena *a, const Scratch *scratch, const char *name) {
    Text url = text_on(a);
    Address address = {0};
    char before = '?';
    text_add(&url, "postgresql:///");
    text_add_encoded(&url, name);
    if (!address_read(a, scratch->url.conninfo, &address))
        fail_clear(); /* it was read before */
    for (size_t i = 0; i < address.count; i++) {
        if (text_same(address.key[i], "dbname"))
            continue;
        text_add_char(&url, before);
        text_addf(&url, "%s=", address.key[i]);
        text_add_encoded(&url, address.value[i]);
        before = '&';
    }
    return url.at;
}

/* What the environment's own URL says of it; one that is not set says nothing. */
static const char *search_path(Arena *a, const Config *config) {
    PgUrl url = {0};
    if (config->schema)
        return config->schema;
    if (config->url && !config->url_problem && !text_starts(config->url, "local:") &&
        !pgurl_read(a, config->url, &url))
        fail_clear();
    return url.search_path;
}

Config *scratch_config(Arena *a, const Scratch *scratch, const char *name) {
    Config *config = arena_take(a, sizeof *config);
    *config = *scratch->config;
    config->schema = search_path(a, scratch->config);
    config->url = scratch_url(a, scratch, name);
    config->direct_url = config->url_problem = config->role = config->targets = NULL;
    config->is_protected = false;
    config->drift = "no";
    config->protection = arena_take(a, sizeof *config->protection);
    return config;
}

/* What a database can want of its server; the word is in the message, whatever its language. */
static const struct {
    const char *sqlstate, *word, *what;
} lacks[] = {
    {"0A000", "extension", "extension"}, {"58P01", "extension", "extension"},
    {"42704", "role", "role"},           {"42704", "tablespace", "tablespace"},
    {"42704", "collation", "collation"}, {"58P01", "library", "library"},
};

static const char *what_it_lacks(void) {
    const Failure *f = failure();
    for (size_t i = 0; i < sizeof lacks / sizeof *lacks; i++)
        if (text_same(f->sqlstate, lacks[i].sqlstate) && f->message &&
            strstr(f->message, lacks[i].word))
            return lacks[i].what;
    return NULL;
}

bool scratch_lacks(void) {
    return what_it_lacks() != NULL;
}

bool scratch_explain(const Scratch *scratch) {
    const char *what = what_it_lacks();
    return what && fail_hint("the scratch server (%s) lacks this %s: add it there, or name a "
                             "server that has it in config.ini: scratch = URL",
                             scratch->place, what);
}
