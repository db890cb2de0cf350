#include "config_protection.h"

#include "fail.h"
#include "file.h"
#include "pgurl.h"
#include "setting.h"
#include "text.h"

#include <stdlib.h>

typedef struct {
    Arena *arena;
    const Ini *ini;
    Dotenv *dotenv;
    const Config *config;
} Guard;

/* As it is written: of the environment, or of [project] for all; NULL: nowhere. */
static const char *written(const Guard *g, const char *environment, const char *key) {
    const IniEntry *entry = config_ini_find(g->ini, environment, key);
    if (!entry)
        entry = config_ini_find(g->ini, "project", key);
    return entry ? entry->value : NULL;
}

static bool is_protected(const Guard *g, const char *environment) {
    const char *text = written(g, environment, "protected");
    Config answer = {0};
    bool ok = !text || setting_store(g->arena, setting_find("protected"), text, &answer);
    if (!ok)
        fail_clear();
    return !ok || answer.is_protected;
}

/* Every name that a server's own machine has is one. */
static const char *host_of(const PgUrl *url) {
    static const char *const own[] = {"127.0.0.1", "::1", "localhost"};
    const char *host = url->host ? url->host : getenv("PGHOST");
    for (size_t i = 0; host && i < sizeof own / sizeof *own; i++)
        if (text_same(host, own[i]))
            return "localhost";
    return host ? host : "";
}

static const char *port_of(const PgUrl *url) {
    const char *port = url->port ? url->port : getenv("PGPORT");
    return port ? port : "5432";
}

static const char *database_of(const PgUrl *url) {
    const char *name = url->database ? url->database : getenv("PGDATABASE");
    return name ? name : url->user ? url->user : "";
}

static bool is_one_place(const PgUrl *x, const PgUrl *y) {
    return text_same_word(host_of(x), host_of(y)) && text_same(port_of(x), port_of(y)) &&
           text_same(database_of(x), database_of(y));
}

/* False: nothing that could be compared. */
static bool place_of(Arena *a, const char *text, PgUrl *out) {
    if (!text || !*text || text_starts(text, "local:"))
        return false;
    bool ok = pgurl_read(a, text, out);
    if (!ok)
        fail_clear();
    return ok;
}

static bool leads_to(const Guard *g, const char *environment, const char *key, const PgUrl *here) {
    const Config *config = g->config;
    const char *text = written(g, environment, key), *value,
               *ours = written(g, config->environment, key);
    bool from_file = text_starts(config_source(config, key), file_base(config->file));
    PgUrl there;
    if (!text || (from_file && text_same(text, ours)))
        return false;
    if (dotenv_expand(g->arena, g->dotenv, text, &value) != DOTENV_EXPANDED) {
        fail_clear();
        return false;
    }
    return place_of(g->arena, value, &there) && is_one_place(here, &there);
}

void config_protection(Arena *a, const Ini *ini, Dotenv *dotenv, const Config *config) {
    Guard g = {a, ini, dotenv, config};
    PgUrl here;
    if (config->is_protected || config->url_problem ||
        !place_of(a, config->direct_url ? config->direct_url : config->url, &here))
        return;
    for (size_t i = 0; i < config->environment_count; i++) {
        const char *name = config->environments[i];
        if (!text_same(name, config->environment) && is_protected(&g, name) &&
            (leads_to(&g, name, "url", &here) || leads_to(&g, name, "direct_url", &here)))
            *config->protection = name;
    }
}
