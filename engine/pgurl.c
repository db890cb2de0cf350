#include "pgurl.h"

#include "address.h"
#include "fail.h"
#include "text.h"

#include <libpq-fe.h>
#include <string.h>

enum { MOST_PAIRS = 128 };

/* A connection as keywords and values, in libpq's words as far as they are known. */
typedef struct {
    Arena *arena;
    size_t count;
    const char *key[MOST_PAIRS], *value[MOST_PAIRS];
    Text dropped;
    PgUrl *out;
} Reader;

static bool set(Reader *r, const char *key, const char *value) {
    size_t i = 0;
    while (i < r->count && strcmp(r->key[i], key) != 0)
        i++;
    if (i == MOST_PAIRS)
        return fail(FAIL_CONFIG, "the URL has more than %d parameters", MOST_PAIRS);
    r->key[i] = key;
    r->value[i] = value;
    r->count += i == r->count;
    return true;
}

static const char *get(const Reader *r, const char *key) {
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->key[i], key) == 0)
            return *r->value[i] ? r->value[i] : NULL;
    return NULL;
}

static bool is_true(const char *value) {
    return text_same_word(value, "true") || text_same_word(value, "1") ||
           text_same_word(value, "yes") || text_same_word(value, "on") || !*value;
}

static bool drop(Reader *r, const char *key, const char *value) {
    (void)value;
    text_add(&r->dropped, r->dropped.length ? ", " : "");
    text_add(&r->dropped, key);
    return true;
}

static bool take_pgbouncer(Reader *r, const char *key, const char *value) {
    r->out->pooler_hint |= is_true(value);
    return drop(r, key, value);
}

static bool take_pool_mode(Reader *r, const char *key, const char *value) {
    r->out->pooler_hint |= text_same_word(value, "transaction");
    return drop(r, key, value);
}

/* Prisma's schema is one name, taken as it is written; search_path is a list, as in SET. */
static bool take_schema(Reader *r, const char *key, const char *value) {
    (void)key;
    bool plain = !strchr("0123456789", *value) &&
                 value[strspn(value, "abcdefghijklmnopqrstuvwxyz_0123456789")] == 0;
    Text quoted = text_on(r->arena);
    if (!*value)
        return true;
    text_add_quoted(&quoted, value, '"');
    r->out->search_path = plain ? value : quoted.at;
    return true;
}

static bool take_search_path(Reader *r, const char *key, const char *value) {
    (void)key;
    if (*value)
        r->out->search_path = value;
    return true;
}

/* The strictest of all that a URL says holds, whatever the order. */
static bool tighten(Reader *r, const char *mode) {
    static const char *const modes[] = {"disable", "allow",     "prefer",
                                        "require", "verify-ca", "verify-full"};
    const char *before = get(r, "sslmode");
    for (size_t i = 0; before && i < sizeof modes / sizeof *modes; i++) {
        if (text_same_word(before, modes[i]))
            break;
        if (text_same_word(mode, modes[i]))
            return true;
    }
    return set(r, "sslmode", mode);
}

static bool take_sslmode(Reader *r, const char *key, const char *value) {
    (void)key;
    return tighten(r, text_same_word(value, "no-verify") ? "require" : value);
}

static bool take_sslaccept(Reader *r, const char *key, const char *value) {
    (void)key; /* strict, or accept_invalid_certs: encrypted but not verified */
    return tighten(r, text_same_word(value, "strict") ? "verify-full" : "require");
}

static bool take_ssl(Reader *r, const char *key, const char *value) {
    (void)key;
    bool wanted = is_true(value) || text_same_word(value, "no-verify");
    return tighten(r, wanted ? "require" : "disable");
}

static bool take_socket(Reader *r, const char *key, const char *value) {
    (void)key;
    return set(r, "host", value);
}

static bool take_database(Reader *r, const char *key, const char *value) {
    (void)key;
    return set(r, "dbname", value);
}

/* What the tools of other worlds write into their URLs. A name that ends with * is a prefix. */
static const struct {
    const char *name;
    bool (*take)(Reader *r, const char *key, const char *value);
} foreign[] = {
    {"schema", take_schema},
    {"search_path", take_search_path},
    {"currentSchema", take_search_path},
    {"sslmode", take_sslmode},
    {"sslaccept", take_sslaccept},
    {"ssl", take_ssl},
    {"socket", take_socket},
    {"database", take_database},
    {"pgbouncer", take_pgbouncer},
    {"pool_mode", take_pool_mode},
    {"connection_limit", drop},
    {"max_connections", drop},
    {"max_connection_lifetime", drop},
    {"max_idle_connection_lifetime", drop},
    {"pool_*", drop},
    {"socket_timeout", drop},
    {"statement_cache_size", drop},
    {"statement_cache_mode", drop},
    {"statement_cache_capacity", drop},
    {"default_query_exec_mode", drop},
    {"prefer_simple_protocol", drop},
    {"binary_parameters", drop},
    {"prepareThreshold", drop},
    {"single_use_connections", drop},
    {"uselibpqcompat", drop},
    {"x-*", drop},
    {"supa", drop},
    {"workaround", drop},
};

static bool is_named(const char *key, const char *name) {
    size_t length = strlen(name);
    return name[length - 1] == '*' ? strncmp(key, name, length - 1) == 0 : strcmp(key, name) == 0;
}

static bool unknown(Reader *r, const PQconninfoOption *options, const char *key) {
    enum { FOREIGN = sizeof foreign / sizeof *foreign };
    size_t count = FOREIGN, i = 0;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        count++;
    const char **names = arena_take(r->arena, (count + 1) * sizeof *names);
    for (; i < FOREIGN; i++)
        names[i] = foreign[i].name;
    for (const PQconninfoOption *option = options; option->keyword; option++)
        names[i++] = arena_string(r->arena, option->keyword);
    const char *nearest = text_nearest(key, names);
    bool tellable = key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
                                    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")] == 0;
    /* An odd key is a piece of a password that was not encoded: never shown. */
    if (tellable)
        fail(FAIL_CONFIG, "the URL has a parameter that is not known: \"%s\"", key);
    else
        fail(FAIL_CONFIG, "the URL's parameters cannot be read");
    if (nearest && tellable)
        return fail_hint("did you mean \"%s\"?", nearest);
    return fail_hint("take it out of the URL; if it belongs to the password, percent-encode that "
                     "(? is %%3F, & is %%26, / is %%2F, @ is %%40)");
}

static bool take(Reader *r, const char *key, const char *value) {
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        if (is_named(key, foreign[i].name))
            return foreign[i].take(r, key, value);
    PQconninfoOption *options = PQconninfoParse("", NULL);
    bool known = !options; /* out of memory: the server will tell */
    for (PQconninfoOption *option = options; option && option->keyword; option++)
        known |= strcmp(option->keyword, key) == 0;
    bool ok = known ? set(r, key, value) : unknown(r, options, key);
    PQconninfoFree(options);
    return ok;
}

static void quote(Text *out, const char *value) {
    text_add(out, "'");
    for (; *value; value++) {
        text_add(out, *value == '\'' || *value == '\\' ? "\\" : "");
        text_add_char(out, *value);
    }
    text_add(out, "'");
}

static const char *conninfo_of(const Reader *r) {
    Text out = text_on(r->arena);
    for (size_t i = 0; i < r->count; i++) {
        text_add(&out, i ? " " : "");
        text_add(&out, r->key[i]);
        text_add(&out, "=");
        quote(&out, r->value[i]);
    }
    return out.at;
}

/* libpq has the last word; its own message could show a password and stays inside. */
static bool proved(const char *text) {
    char *message = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &message);
    PQfreemem(message);
    PQconninfoFree(options);
    return options || fail(FAIL_CONFIG, "the URL is not one that PostgreSQL's library can read");
}

static bool names_port(const char *ports, const char *port) {
    size_t length = strlen(port);
    for (const char *at = ports; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, port, length) == 0 && (!at[length] || at[length] == ','))
            return true;
    }
    return false;
}

bool pgurl_read(Arena *a, const char *url, PgUrl *out) {
    Address address;
    Reader r = {.arena = a, .dropped = text_on(a), .out = out};
    *out = (PgUrl){0};
    if (!address_read(a, url, &address))
        return false;
    for (size_t i = 0; i < address.count; i++)
        if (!take(&r, address.key[i], address.value[i]))
            return false;
    out->conninfo = conninfo_of(&r);
    out->dropped = r.dropped.length ? r.dropped.at : NULL;
    out->host = get(&r, "host");
    out->port = get(&r, "port");
    out->database = get(&r, "dbname");
    out->user = get(&r, "user");
    /* Supabase's and Neon's poolers are known by their address. */
    out->pooler_hint |=
        names_port(out->port, "6543") || (out->host && strstr(out->host, "-pooler."));
    return proved(out->conninfo);
}

const char *pgurl_with_database(Arena *a, const PgUrl *url, const char *database) {
    Text out = text_on(a);
    text_add(&out, url->conninfo);
    text_add(&out, " dbname="); /* of two, libpq takes the last */
    quote(&out, database);
    return out.at;
}

bool pgurl_parted(Arena *a, const char *conninfo, const char **open, const char **password) {
    Address address;
    Reader r = {.arena = a};
    *password = NULL;
    if (!address_read(a, conninfo, &address))
        return false;
    for (size_t i = 0; i < address.count; i++) {
        if (text_same(address.key[i], "sslpassword"))
            return fail(FAIL_CONFIG, "the URL has an sslpassword, which cannot be handed on out of "
                                     "sight: use a key without one");
        if (text_same(address.key[i], "password"))
            *password = address.value[i];
        else if (!set(&r, address.key[i], address.value[i]))
            return false;
    }
    *open = conninfo_of(&r);
    return true;
}
