#include "side.h"

#include "fail.h"
#include "file.h"
#include "mould.h"
#include "pair.h"
#include "session.h"
#include "sql.h"
#include "stage.h"
#include "text.h"

static const char FILES[] = "files:";

/* ---- choosing ---- */

static bool is_environment(const Config *config, const char *word) {
    for (size_t i = 0; i < config->environment_count; i++)
        if (text_same(config->environments[i], word))
            return true;
    return false;
}

bool side_choose(Arena *a, const Config *here, const char *word, Side *out) {
    *out = (Side){.kind = SIDE_ENVIRONMENT, .word = word, .called = word};
    if (text_same(word, FILES)) {
        out->kind = SIDE_FILES;
        out->called = "the files";
    } else if (!is_environment(here, word) && file_exists(word))
        out->kind = SIDE_DUMP;
    return out->kind != SIDE_ENVIRONMENT || pair_load(a, here, word, &out->config);
}

/* ---- reading ---- */

static bool look(Arena *a, SideSight sight, Pg *pg, Side *side) {
    if (!pg)
        return false;
    side->server = pg_version(pg);
    return (sight == SIDE_WITH_ROLES || pg_do(pg, SQL_CATALOG_IMPERSONAL, PG_NONE)) &&
           catalog_read(pg, a, (CatalogScope){side->config->ledger_schema, side->others},
                        &side->objects);
}

static bool read_database(Arena *a, SideSight sight, Side *side) {
    Pg *pg = session_open(a, side->config, "diff", SESSION_MUST_EXIST);
    bool ok = look(a, sight, pg, side);
    pg_close(pg);
    return ok || fail_in("%s", side->called);
}

/* What an empty database holds when all files have been applied to it. */
static bool read_files(Arena *a, SideSight sight, Side *side) {
    Scratch scratch;
    Stage stage = {.arena = a, .looks = a, .scratch = &scratch};
    if (!scratch_open(a, side->config, &scratch))
        return false;
    bool made = stage_begin(&stage) && stage_climb(&stage, 0, NULL);
    if (!made)
        scratch_explain(&scratch);
    bool ok = made ? look(a, sight, stage.eye, side) : fail_in("the files, in an empty database");
    stage_end(&stage);
    scratch_close(&scratch);
    return ok;
}

static bool read_dump(Arena *a, SideSight sight, Side *side) {
    Mould mould;
    bool ok = mould_take(a, side->config, side->word, &mould);
    Pg *pg = ok ? session_open(a, mould.config, "diff", SESSION_MUST_EXIST) : NULL;
    ok = look(a, sight, pg, side);
    pg_close(pg);
    side->lacks = mould.lacks;
    mould_close(&mould);
    return ok;
}

bool side_read(Arena *a, SideSight sight, Side *side) {
    static bool (*const readers[])(Arena * a, SideSight sight, Side * side) = {
        [SIDE_ENVIRONMENT] = read_database, [SIDE_FILES] = read_files, [SIDE_DUMP] = read_dump};
    return readers[side->kind](a, sight, side);
}
