#include "testbed.h"

#include "fail.h"
#include "pgurl.h"

struct TestbedModel {
    const char *name;
    TestbedModel *next;
};

Testbed testbed_on(Arena *a, const Config *project) {
    return (Testbed){.arena = a, .here = arena_new(), .project = project};
}

static void leave(Testbed *bed) {
    pg_close(bed->pg);
    bed->pg = NULL;
    bed->name = NULL;
    bed->config = NULL;
    arena_reset(bed->here);
}

/* What cannot be dropped now is by the end of the run, or by the next one. */
static void drop(Testbed *bed, const char *name) {
    if (name && !scratch_drop(&bed->scratch, name))
        fail_clear();
}

static void drop_present(Testbed *bed) {
    const char *name = bed->name ? arena_string(bed->arena, bed->name) : NULL;
    leave(bed);
    drop(bed, name);
}

static bool make(Testbed *bed, const char *model) {
    const char *name;
    if (!bed->scratch.pg && !scratch_open(bed->arena, bed->project, &bed->scratch))
        return false;
    if (!scratch_make(&bed->scratch, bed->here, model, &name))
        return false;
    bed->name = name;
    bed->config = scratch_config(bed->here, &bed->scratch, name);
    return true;
}

bool testbed_database(Testbed *bed) {
    return bed->name || make(bed, NULL);
}

bool testbed_connect(Testbed *bed) {
    PgUrl url;
    if (bed->pg)
        return true;
    if (!testbed_database(bed) || !pgurl_read(bed->here, bed->config->url, &url))
        return false;
    PgTarget target = {
        .conninfo = url.conninfo, .search_path = bed->config->schema, .what = "test"};
    bed->pg = pg_open(bed->here, &target);
    return bed->pg != NULL;
}

bool testbed_fresh(Testbed *bed, const char *model) {
    drop_present(bed);
    return !model || make(bed, model);
}

const char *testbed_model(Testbed *bed) {
    if (!testbed_database(bed))
        return NULL;
    TestbedModel *model = arena_take(bed->arena, sizeof *model);
    *model = (TestbedModel){arena_string(bed->arena, bed->name), bed->model};
    bed->model = model;
    leave(bed);
    return model->name;
}

void testbed_forget(Testbed *bed) {
    drop_present(bed);
    for (; bed->model; bed->model = bed->model->next)
        drop(bed, bed->model->name);
}

void testbed_close(Testbed *bed) {
    pg_close(bed->pg);
    bed->pg = NULL;
    scratch_close(&bed->scratch);
    arena_free(bed->here);
}
