#include "address.h"

#include "fail.h"
#include "text.h"

#include <ctype.h>
#include <string.h>

#define ENCODE \
    "percent-encode special characters: @ is %%40, : is %%3A, / is %%2F, ? is %%3F, %% is %%25"

static void add(Arena *a, Address *out, const char *key, const char *value) {
    size_t old = out->count * sizeof *out->key, more = old + sizeof *out->key;
    out->key = arena_grow(a, out->key, old, more);
    out->value = arena_grow(a, out->value, old, more);
    out->key[out->count] = key;
    out->value[out->count++] = value;
    if (strcmp(key, "password") == 0 || strcmp(key, "sslpassword") == 0)
        fail_secret(value);
}

static bool hex(char c, unsigned *digit) {
    const char *digits = "0123456789abcdef", *found = strchr(digits, tolower((unsigned char)c));
    *digit = found ? (unsigned)(found - digits) : 0;
    return c && found;
}

/* NULL and a failure: a % that begins nothing. */
static const char *decoded(Arena *a, const char *part, const char *text, size_t length) {
    char *out = arena_take(a, length + 1), *to = out;
    for (size_t i = 0; i < length; i++, to++) {
        unsigned high, low;
        *to = text[i];
        if (text[i] != '%')
            continue;
        if (i + 2 >= length || !hex(text[i + 1], &high) || !hex(text[i + 2], &low) ||
            !(high || low)) {
            fail(FAIL_CONFIG, "the URL's %s holds a %% that begins no encoded character", part);
            fail_hint("write %% itself as %%25");
            return NULL;
        }
        *to = (char)(high * 16 + low);
        i += 2;
    }
    *to = 0;
    return out;
}

static bool add_decoded(Arena *a, Address *out, const char *key, const char *part, const char *text,
                        size_t length) {
    const char *value = decoded(a, part, text, length);
    if (value)
        add(a, out, key, value);
    return value;
}

static bool read_user(Arena *a, const char *text, size_t length, Address *out) {
    const char *colon = memchr(text, ':', length);
    size_t user = colon ? (size_t)(colon - text) : length;
    if (colon)
        fail_secret(arena_bytes(a, colon + 1, length - user - 1)); /* as written, too */
    if (user && !add_decoded(a, out, "user", "user", text, user))
        return false;
    return !colon || add_decoded(a, out, "password", "password", colon + 1, length - user - 1);
}

static bool read_host(Arena *a, const char *text, size_t length, Text *hosts, Text *ports) {
    const char *end = text + length, *host = text, *host_end, *colon;
    if (length && *text == '[') {
        host_end = memchr(text, ']', length);
        if (!host_end || (host_end + 1 < end && host_end[1] != ':')) {
            fail(FAIL_CONFIG, "the URL's host begins with [ but does not end with ]");
            return fail_hint("write an IPv6 address as [::1] or [::1]:5432; in a password " ENCODE);
        }
        host++;
        colon = host_end + 1 < end ? host_end + 1 : NULL;
    } else {
        colon = memchr(text, ':', length);
        host_end = colon ? colon : end;
    }
    const char *port = colon ? colon + 1 : end;
    for (const char *c = port; c < end; c++)
        if (!isdigit((unsigned char)*c)) {
            fail(FAIL_CONFIG, "the URL's port is no number");
            return fail_hint("the form is postgresql://user:password@host:port/database; in a "
                             "password " ENCODE);
        }
    const char *name = decoded(a, "host", host, (size_t)(host_end - host));
    if (!name)
        return false;
    text_add(hosts, name);
    text_add_bytes(ports, port, (size_t)(end - port));
    return true;
}

/* host1:port1,host2:port2, as libpq takes it: the hosts in one value, the ports in another. */
static bool read_hosts(Arena *a, const char *text, size_t length, Address *out) {
    Text hosts = text_on(a), ports = text_on(a);
    const char *end = text + length;
    for (const char *at = text;;) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        if (!read_host(a, at, (size_t)((comma ? comma : end) - at), &hosts, &ports))
            return false;
        if (!comma)
            break;
        text_add(&hosts, ",");
        text_add(&ports, ",");
        at = comma + 1;
    }
    if (hosts.length)
        add(a, out, "host", hosts.at);
    if (strspn(ports.at, ",") < ports.length)
        add(a, out, "port", ports.at);
    return true;
}

static bool read_parameters(Arena *a, const char *at, Address *out) {
    while (*at) {
        size_t length = strcspn(at, "&");
        const char *equals = memchr(at, '=', length);
        if (length && !equals) {
            fail(FAIL_CONFIG, "the URL has a parameter without \"=\" after the ?");
            return fail_hint("if the ? or & belongs to the password, " ENCODE);
        }
        if (length) {
            const char *key = decoded(a, "parameter name", at, (size_t)(equals - at));
            size_t value = length - (size_t)(equals + 1 - at);
            if (!key || !add_decoded(a, out, key, "parameter value", equals + 1, value))
                return false;
        }
        at += length + (at[length] == '&');
    }
    return true;
}

/* Where the hosts begin: behind the last @ of the part before the first /. A ? may stand in a
 * password, but in "host:5432?user=a@b" it begins the parameters. */
static const char *hosts_in(const char *text, size_t length) {
    const char *at = memrchr(text, '@', length), *mark = memchr(text, '?', length);
    if (!at)
        return text;
    if (mark && mark < at) {
        const char *colon = memchr(text, ':', (size_t)(mark - text));
        const char *port = colon ? colon + 1 : mark;
        if (port + strspn(port, "0123456789") >= mark)
            return text;
    }
    return at + 1;
}

/* However the URL goes on: what stands between the first : and the last @ is a secret. */
static bool hide_password(Arena *a, const char *text) {
    const char *colon = strchr(text, ':'), *at = strrchr(text, '@');
    if (!colon || !at || at < colon)
        return false;
    fail_secret(arena_bytes(a, colon + 1, (size_t)(at - colon - 1)));
    return true;
}

bool address_hide(Arena *a, const char *text) {
    static const char word[] = "password=";
    const char *mark = strstr(text, "://"), *at = strstr(text, word);
    bool found = mark && hide_password(a, mark + 3);
    for (; at; at = strstr(at, word), found = true) {
        at += strlen(word);
        fail_secret(arena_bytes(a, at, strcspn(at, *at == '\'' ? "&" : "& \t\r\n")));
    }
    return found;
}

static bool read_url(Arena *a, const char *text, Address *out) {
    hide_password(a, text);
    size_t authority = strcspn(text, "/");
    const char *hosts = hosts_in(text, authority);
    if (hosts > text && !read_user(a, text, (size_t)(hosts - text) - 1, out))
        return false;
    size_t length = strcspn(hosts, "/?");
    const char *path = hosts + length + (hosts[length] == '/');
    size_t path_length = strcspn(path, "?");
    if (memchr(path, '@', path_length)) {
        fail(FAIL_CONFIG, "the URL has an @ behind its first /");
        return fail_hint("in a password or a database name " ENCODE);
    }
    if (!read_hosts(a, hosts, length, out))
        return false;
    if (path_length && !add_decoded(a, out, "dbname", "database name", path, path_length))
        return false;
    return read_parameters(a, path + path_length + (path[path_length] == '?'), out);
}

static const char *skip_space(const char *at) {
    return at + strspn(at, " \t\r\n");
}

/* As libpq reads it: 'quoted' or up to the next white space, with backslashes in both. */
static const char *read_value(const char *at, Text *value) {
    bool quoted = *at == '\'';
    for (at += quoted; quoted ? *at != '\'' : !isspace((unsigned char)*at); at++) {
        if (*at == '\\' && at[1])
            at++;
        if (!*at)
            return quoted ? NULL : at;
        text_add_char(value, *at);
    }
    return at + quoted;
}

static bool read_words(Arena *a, const char *at, Address *out) {
    for (at = skip_space(at); *at; at = skip_space(at)) {
        size_t length = strcspn(at, "= \t\r\n");
        const char *key = arena_bytes(a, at, length), *equals = skip_space(at + length);
        if (*equals != '=' || !length) {
            fail(FAIL_CONFIG, "the connection string has a word without \"=\"");
            return fail_hint("write a value that holds spaces as key='a value'");
        }
        Text value = text_on(a);
        at = read_value(skip_space(equals + 1), &value);
        if (!at) {
            fail(FAIL_CONFIG, "the connection string has a quote that is not closed");
            return fail_hint("inside of '...' write a quote as \\' and a backslash as \\\\");
        }
        add(a, out, key, value.at);
    }
    return true;
}

/* What people try, and what they meant. A scheme that ends with * is a prefix. */
static const struct {
    const char *scheme, *hint;
} schemes[] = {
    {"jdbc:postgresql", "leave out \"jdbc:\": postgresql://user:password@host:5432/database"},
    {"postgresql+*", "leave out the driver's name: postgresql://user:password@host:5432/database"},
    {"postgres+*", "leave out the driver's name: postgresql://user:password@host:5432/database"},
    {"prisma*", "this address speaks to a proxy; write the database's own postgresql:// URL"},
    {"pgx*", "write postgresql:// in its place"},
    {"cockroach*", "CockroachDB is not supported: migrations need PostgreSQL 13 or newer"},
};

static bool refuse_scheme(Arena *a, const char *text, size_t length) {
    const char *scheme = arena_bytes(a, text, length);
    bool tellable = scheme[strspn(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+:.-")] == 0;
    if (tellable)
        fail(FAIL_CONFIG, "%s:// is not a PostgreSQL URL", scheme);
    else
        fail(FAIL_CONFIG, "this is not a PostgreSQL URL");
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strcspn(schemes[i].scheme, "*");
        if (strncmp(scheme, schemes[i].scheme, n) == 0 && (schemes[i].scheme[n] || n == length))
            return fail_hint("%s", schemes[i].hint);
    }
    return fail_hint("the form is postgresql://user:password@host:5432/database");
}

bool address_read(Arena *a, const char *text, Address *out) {
    *out = (Address){0};
    text = skip_space(text);
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    text = arena_bytes(a, text, length);
    for (size_t i = 0; i < 2; i++) {
        const char *start = (const char *[]){"postgresql://", "postgres://"}[i];
        if (text_same_bytes(text, start, strlen(start)))
            return read_url(a, text + strlen(start), out);
    }
    const char *mark = strstr(text, "://"), *equals = strchr(text, '=');
    if (mark && (!equals || mark < equals)) {
        hide_password(a, mark + 3);
        return refuse_scheme(a, text, (size_t)(mark - text));
    }
    if (equals)
        return read_words(a, text, out);
    fail(FAIL_CONFIG, "this is neither a PostgreSQL URL nor a \"key=value\" string");
    return fail_hint("the form is postgresql://user:password@host:5432/database");
}
