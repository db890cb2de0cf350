#include "target.h"

#include "fail.h"
#include "pgurl.h"
#include "session.h"
#include "text.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_NAME = 63 };

/* One row of the query, or one word of the list. */
typedef struct {
    const char *name, *url, *database, *schema;
} Given;

typedef struct {
    Arena *arena;
    const Config *config; /* without targets: the database that is asked */
    size_t count;
    Target *at;
} List;

/* ---- one target ---- */

static const char *quoted(Arena *a, const char *name) {
    Text out = text_on(a);
    text_add_quoted(&out, name, '"');
    return out.at;
}

/* The environment's own place, or that of the target's URL. */
static bool read_place(List *list, const Given *given, Target *out, const char **database) {
    Arena *a = list->arena;
    PgUrl url;
    out->url = given->url ? given->url : config_connection(list->config);
    if (!out->url)
        return false;
    if (text_starts(out->url, "local:")) {
        if (given->database)
            out->url = arena_format(a, "local:%s", given->database);
        *database = out->url + strlen("local:");
        return true;
    }
    if (!pgurl_read(a, out->url, &url))
        return false;
    *database = given->database ? given->database : url.database;
    if (given->database) {
        out->url = pgurl_with_database(a, &url, given->database);
        out->search_path = url.search_path;
    }
    return true;
}

static bool read_ledger(List *list, const Given *given, Target *out) {
    const char *base = list->config->ledger_schema;
    out->ledger_schema = base;
    if (!given->schema)
        return true;
    out->search_path = quoted(list->arena, given->schema);
    out->ledger_schema = arena_format(list->arena, "%s_%s", base, given->schema);
    if (strlen(out->ledger_schema) <= LONGEST_NAME)
        return true;
    fail(FAIL_CONFIG, "the ledger of the schema %s would be %s: a name has at most %d bytes",
         given->schema, out->ledger_schema, LONGEST_NAME);
    return fail_hint("a shorter ledger_schema in config.ini helps");
}

static bool take(List *list, const Given *given) {
    Target *target = &list->at[list->count++];
    const char *database = NULL;
    if (!read_place(list, given, target, &database) || !read_ledger(list, given, target))
        return false;
    target->name = given->name ? given->name : given->schema ? given->schema : database;
    return target->name ||
           fail(FAIL_CONFIG, "a URL of targets names no database, and nothing else names it");
}

/* ---- a list ---- */

static Given word_given(const char *word) {
    static const char schema[] = "schema:";
    if (strstr(word, "://") || text_starts(word, "local:"))
        return (Given){.url = word};
    if (text_starts(word, schema))
        return (Given){.schema = word + strlen(schema)};
    return (Given){.database = word};
}

static bool read_words(List *list, const char *text) {
    static const char between[] = ", \t";
    list->at = arena_take(list->arena, (strlen(text) + 1) * sizeof *list->at);
    for (const char *at = text + strspn(text, between); *at; at += strspn(at, between)) {
        size_t length = strcspn(at, between);
        const Given given = word_given(arena_bytes(list->arena, at, length));
        if (!take(list, &given))
            return false;
        at += length;
    }
    return true;
}

/* ---- a query ---- */

static const struct {
    const char *name;
    size_t field;
} columns[] = {
    {"name", offsetof(Given, name)},
    {"url", offsetof(Given, url)},
    {"database", offsetof(Given, database)},
    {"schema", offsetof(Given, schema)},
};

static bool refuse_column(const char *name) {
    fail(FAIL_CONFIG, "targets gives a column %s, which says nothing of a target", name);
    return fail_hint("its columns are database, schema or url, and name: SELECT datname AS "
                     "database FROM pg_database WHERE datname LIKE 'tenant\\_%%'");
}

static const char **field_of(Given *given, const char *column) {
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        if (text_same(columns[i].name, column))
            return (const char **)((char *)given + columns[i].field);
    return NULL;
}

static bool read_row(List *list, const PgRows *rows, size_t row) {
    Given given = {0};
    for (int i = 0; i < rows->width; i++) {
        const char **field = field_of(&given, rows->name[i]), *cell = pg_cell(rows, row, i);
        if (!field)
            return refuse_column(rows->name[i]);
        *field = cell && *cell ? cell : NULL;
    }
    if (!given.url && !given.database && !given.schema)
        return fail(FAIL_CONFIG, "row %zu of targets names no database, schema or url", row + 1);
    return take(list, &given);
}

static bool ask(List *list, const char *query) {
    PgRows rows;
    Pg *pg = session_open(list->arena, list->config, "targets", SESSION_MUST_EXIST);
    if (!pg)
        return false;
    bool ok = pg_rows(pg, list->arena, &rows, query, PG_NONE);
    pg_close(pg);
    if (!ok)
        return fail_as(FAIL_CONFIG);
    list->at = arena_take(list->arena, (rows.count + 1) * sizeof *list->at);
    for (size_t i = 0; i < rows.count; i++)
        if (!read_row(list, &rows, i))
            return false;
    return true;
}

static bool is_query(const char *text) {
    static const char *const words[] = {"select", "with", "values", "table"};
    size_t length = strcspn(text, " \t(");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (length == strlen(words[i]) && text_same_bytes(text, words[i], length) && text[length])
            return true;
    return false;
}

/* ---- all of them ---- */

static int by_name(const void *x, const void *y) {
    return strcmp(((const Target *)x)->name, ((const Target *)y)->name);
}

/* A name is a handle: two of one name would be two of which one cannot be meant. */
static bool check_names(List *list) {
    Target *sorted = arena_take(list->arena, (list->count + 1) * sizeof *sorted);
    memcpy(sorted, list->at, list->count * sizeof *sorted);
    qsort(sorted, list->count, sizeof *sorted, by_name);
    for (size_t i = 1; i < list->count; i++) {
        if (strcmp(sorted[i - 1].name, sorted[i].name) != 0)
            continue;
        fail(FAIL_CONFIG, "two targets are called %s", sorted[i].name);
        return fail_hint(
            "name each database or schema once; where they are of several servers, let "
            "the query give a column name as well");
    }
    return true;
}

bool target_list(Arena *a, const Config *config, Targets *out) {
    const char *text = config->targets;
    Config *plain = arena_take(a, sizeof *plain);
    *plain = *config;
    plain->targets = NULL;
    List list = {.arena = a, .config = plain};
    bool query = is_query(text);
    if (!(query ? ask(&list, text) : read_words(&list, text)) || !check_names(&list))
        return fail_in("targets (%s)", config_source(config, "targets"));
    if (query && !strcasestr(text, "order by"))
        qsort(list.at, list.count, sizeof *list.at, by_name);
    *out = (Targets){list.count, list.at};
    return true;
}

Targets target_pick(Arena *a, const Targets *all, const char *pattern) {
    Target *at = arena_take(a, (all->count + 1) * sizeof *at);
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++)
        if (text_same(all->at[i].name, pattern) || fnmatch(pattern, all->at[i].name, 0) == 0)
            at[count++] = all->at[i];
    return (Targets){count, at};
}

const char *target_nearest(Arena *a, const Targets *all, const char *name) {
    const char **names = arena_take(a, (all->count + 1) * sizeof *names);
    for (size_t i = 0; i < all->count; i++)
        names[i] = all->at[i].name;
    return text_nearest(name, names);
}

Config *target_config(Arena *a, const Config *config, const Target *target) {
    Config *out = arena_take(a, sizeof *out);
    *out = *config;
    out->targets = out->direct_url = out->url_problem = NULL;
    out->target = target->name;
    out->url = target->url;
    out->ledger_schema = target->ledger_schema;
    if (target->search_path)
        out->schema = target->search_path;
    return out;
}

const char *const *target_variables(Arena *a, const Target *target) {
    const char **out = arena_take(a, 6 * sizeof *out);
    size_t n = 0;
    out[n++] = arena_format(a, "STINT_TARGET=%s", target->name);
    out[n++] = arena_format(a, "STINT_URL=%s", target->url);
    out[n++] = "STINT_DIRECT_URL=";
    out[n++] = arena_format(a, "STINT_LEDGER_SCHEMA=%s", target->ledger_schema);
    if (target->search_path)
        out[n++] = arena_format(a, "STINT_SCHEMA=%s", target->search_path);
    return out;
}
