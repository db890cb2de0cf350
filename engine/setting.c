#include "setting.h"

#include "clock.h"
#include "fail.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PROJECT(key, type, accepts, otherwise, about) \
    { #key, SETTING_PROJECT, SETTING_##type, accepts, otherwise, about, offsetof(Config, key) }
#define ENVIRONMENT(key, type, accepts, otherwise, about) \
    { #key, SETTING_ENVIRONMENT, SETTING_##type, accepts, otherwise, about, offsetof(Config, key) }
/* The same, where the field cannot have the key's name. */
#define ENVIRONMENT_AS(key, field, type, accepts, otherwise, about) \
    { key, SETTING_ENVIRONMENT, SETTING_##type, accepts, otherwise, about, offsetof(Config, field) }

static const Setting settings[] = {
    PROJECT(migrations, TEXT, "FOLDER", "scripts/migrations", "where the migrations are"),
    PROJECT(scripts, TEXT, "FOLDER", "scripts", "where policies, checks, hooks and lib/ are"),
    PROJECT(environment, TEXT, "NAME", "development", "the environment meant without -e"),
    PROJECT(unsafe_lua, FLAG, NULL, "no", "opens Lua's whole standard library to scripts"),
    PROJECT(lua_memory, SIZE, "SIZE", "256MB", "the most memory that scripts may use; 0: any"),
    PROJECT(lua_time, DURATION, "TIME", "60s",
            "the longest that one call of a script may compute; 0: any"),
    PROJECT(notify, TEXT, "COMMAND", NULL,
            "what a hook's notify(event) starts, without a shell, the event as JSON on its stdin"),
    PROJECT(notify_timeout, DURATION, "TIME", "10s", "how long that command may take; 0: any"),
    PROJECT(server_bin, TEXT, "FOLDER", NULL,
            "where initdb and postgres are, for local:; unset: searched for"),
    PROJECT(scratch, TEXT, "URL",
            "local:", "a server where throw-away databases may be made and dropped"),
    PROJECT(ledger_schema, SCHEMA, "NAME", "stint", "the schema of the ledger in each database"),

    ENVIRONMENT(url, TEXT, "URL", NULL,
                "the database: postgresql://... or local:, a private server of this project"),
    ENVIRONMENT(direct_url, TEXT, "URL", NULL,
                "the way past a pooler; migrations use it when it is set"),
    ENVIRONMENT_AS("protected", is_protected, FLAG, NULL, "no",
                   "refuses reset and wants --confirm for what cannot be undone"),
    ENVIRONMENT_AS("dotenv", dotenv_forced, FLAG, NULL, "no",
                   "lets a protected environment take values from .env"),
    ENVIRONMENT(role, TEXT, "NAME", NULL, "SET ROLE to it after connecting"),
    ENVIRONMENT(schema, TEXT, "LIST", NULL, "the search_path of migrations"),
    ENVIRONMENT(wait_for_db, DURATION, "TIME", "0s",
                "how long to wait for a database that does not answer yet"),
    ENVIRONMENT(run_lock_wait, DURATION, "TIME", "60s",
                "how long to wait while another run holds the run lock"),
    ENVIRONMENT(lock_timeout, DURATION, "TIME", "2s",
                "how long a statement may wait for a table's lock before it retreats"),
    ENVIRONMENT(lock_timeout_max, DURATION, "TIME", "30s",
                "the most that a file's own lock-timeout may ask for; 0: any"),
    ENVIRONMENT(lock_retries, COUNT, "NUMBER", "30", "how often to try again after such a retreat"),
    ENVIRONMENT(lock_retry_max, DURATION, "TIME", "30s",
                "the longest pause between two tries; pauses double up to it"),
    ENVIRONMENT(statement_timeout, DURATION, "TIME", "0s",
                "how long a statement may run; 0: as long as it needs"),
    ENVIRONMENT(guard, CHOICE, "off, warn, on", NULL,
                "cancels a statement that rewrites, scans or builds what its plan did not say; "
                "unset: on where protected"),
    ENVIRONMENT(exclusive_hold, DURATION, "TIME", "0s",
                "how long the guard lets a table be locked against readers; 0: any time"),
    ENVIRONMENT(
        drift, CHOICE, "yes, no", NULL,
        "keeps in the ledger what the schema is after each run, for stint drift, and each run "
        "warns of what was changed outside; unset: where protected"),
    ENVIRONMENT(order, CHOICE, "strict, warn, allow", "strict",
                "a pending file older than the newest applied one"),
    ENVIRONMENT(backfills, CHOICE, "inline, detached", "inline",
                "who does the batches: the run itself, or stint work"),
    ENVIRONMENT(approval_keys, TEXT, "FILE", NULL,
                "whose signatures approvals must have: a line NAME KEY [ROLE...] each"),
    ENVIRONMENT(approval_key, TEXT, "FILE", NULL,
                "the private key that stint approve signs with, if approvals are to be signed"),
    ENVIRONMENT(unparsed, CHOICE, "block, ack, warn, allow", "ack",
                "a statement that the parser cannot read: refused; an error unless a waiver allows "
                "it; a warning; a notice"),
    ENVIRONMENT(assumed, CHOICE, "block, ack, warn, allow", "ack",
                "the same of an error that rests on something not known of the database"),
    ENVIRONMENT(opaque, CHOICE, "block, ack, warn, allow", "warn",
                "the same of a statement that decides when it runs what it does"),
    ENVIRONMENT(replica_lag, DURATION, "TIME", "2s",
                "backfills wait while a standby replays so much later; 0: any"),
    ENVIRONMENT(replica_lag_bytes, SIZE, "SIZE", "256MB",
                "backfills wait while a standby has so much WAL to replay; 0: any"),
    ENVIRONMENT(slot_wal, SIZE, "SIZE", "2GB",
                "backfills wait while a replication slot keeps so much WAL; 0: any"),
    ENVIRONMENT(archive_backlog, SIZE, "SIZE", "672MB",
                "backfills wait while so much WAL is not archived; 0: any"),
    ENVIRONMENT(lock_waiters, COUNT, "NUMBER", "1",
                "backfills wait when so many sessions have waited for them for 0.5s; 0: any"),
    ENVIRONMENT(
        active_others, COUNT, "NUMBER", "16",
        "backfills slow down at so many active sessions, or at 1.5 times the usual; 0: any"),
    ENVIRONMENT(cpu_pressure, COUNT, "PERCENT", "40",
                "backfills slow down while others work and processors are waited for so much of "
                "the time; 0: any"),
    ENVIRONMENT(commit_latency, DURATION, "TIME", "100ms",
                "backfills slow down when a commit takes so long, or 5 times the usual; 0: any"),
    ENVIRONMENT(
        requested_checkpoints, COUNT, "NUMBER", "30",
        "backfills slow down at so many forced checkpoints within checkpoint_timeout; 0: any"),
    ENVIRONMENT(dead_tuples, COUNT, "NUMBER", "5",
                "backfills wait at so many times the dead rows that call autovacuum; 0: any"),
    ENVIRONMENT(
        horizon_held, DURATION, "TIME", "10m",
        "backfills wait while dead rows are kept for so long by a transaction or slot; 0: any"),
    ENVIRONMENT(wraparound_vacuum, FLAG, NULL, "yes",
                "backfills wait while their table is vacuumed against wraparound"),
    ENVIRONMENT(wal_rate, SIZE, "SIZE", "0",
                "backfills wait while the server writes so much WAL a second; 0: any"),
    ENVIRONMENT(contacts, TEXT, "TEXT", NULL, "whom to call, shown after a failed deploy"),
    ENVIRONMENT(
        keep_schemas, TEXT, "LIST", NULL,
        "schemas that reset and restore leave alone, and backup, dump, diff and drift leave "
        "out"),
    ENVIRONMENT(release_key, TEXT, "KEY", NULL,
                "what release records are signed with: a file, ed25519:KEY or ${SECRET}"),
    ENVIRONMENT(keep, COUNT, "NUMBER", "7",
                "how many backups of an environment stay; older ones are removed; 0: all stay"),
    ENVIRONMENT(targets, TEXT, "LIST", NULL,
                "a fleet: many databases or schemas for url's one, as a list or a query"),
    ENVIRONMENT(target, TEXT, "NAME", NULL, "which of targets is meant; * and ? stand for any"),
    ENVIRONMENT(jobs, COUNT, "NUMBER", "8", "how many targets at once"),
    ENVIRONMENT(canary, COUNT, "NUMBER", "0",
                "so many targets must succeed before the others begin"),
    ENVIRONMENT(max_failures, COUNT, "NUMBER", "10",
                "no further target begins when so many have failed; 0: any number"),
};

enum { COUNT = sizeof settings / sizeof *settings };

size_t setting_count(void) {
    return COUNT;
}

const Setting *setting_at(size_t index) {
    return &settings[index];
}

const Setting *setting_find(const char *key) {
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(settings[i].key, key) == 0)
            return &settings[i];
    return NULL;
}

size_t setting_index(const Setting *setting) {
    return (size_t)(setting - settings);
}

const char *const *setting_keys(Arena *a, SettingHome section) {
    const char **keys = arena_take(a, (COUNT + 1) * sizeof *keys);
    size_t count = 0;
    for (size_t i = 0; i < COUNT; i++)
        if (section == SETTING_PROJECT || settings[i].home == SETTING_ENVIRONMENT)
            keys[count++] = settings[i].key;
    return keys;
}

typedef union {
    const char *text;
    bool flag;
    long long number;
} Value;

static bool read_text(Arena *a, const Setting *setting, const char *text, Value *out) {
    out->text = *text ? arena_string(a, text) : NULL;
    return out->text || !setting->otherwise; /* a key that has a default always has a value */
}

/* Longer names would be cut by the server; pg_ is its own. */
static bool read_schema(Arena *a, const Setting *setting, const char *text, Value *out) {
    enum { LONGEST = 63 };
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return strlen(text) <= LONGEST && !text_starts(text, "pg_") && read_text(a, setting, text, out);
}

static bool read_flag(Arena *a, const Setting *setting, const char *text, Value *out) {
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    (void)a;
    (void)setting;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        out->flag = i % 2;
        if (text_same_word(text, words[i]))
            return true;
    }
    return false;
}

static bool read_duration(Arena *a, const Setting *setting, const char *text, Value *out) {
    (void)a;
    (void)setting;
    return clock_duration(text, &out->number) && out->number <= INT_MAX;
}

static bool read_count(Arena *a, const Setting *setting, const char *text, Value *out) {
    char *end;
    (void)a;
    (void)setting;
    errno = 0;
    out->number = strtoll(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && !errno;
}

static bool read_size(Arena *a, const Setting *setting, const char *text, Value *out) {
    static const struct {
        const char *unit;
        int shift;
    } units[] = {{"", 0},   {"B", 0},    {"kB", 10}, {"K", 10}, {"KiB", 10}, {"MB", 20},
                 {"M", 20}, {"MiB", 20}, {"GB", 30}, {"G", 30}, {"GiB", 30}};
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits + strspn(text + digits, " ");
    if (!digits || digits > 9)
        return false;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!text_same_word(unit, units[i].unit))
            continue;
        const char *number = arena_bytes(a, text, digits);
        return read_count(a, setting, number, out) && (out->number <<= units[i].shift, true);
    }
    return false;
}

static bool read_choice(Arena *a, const Setting *setting, const char *text, Value *out) {
    for (const char *at = setting->accepts; *at;) {
        size_t length = strcspn(at, ",");
        if (strlen(text) == length && text_same_bytes(text, at, length))
            return (out->text = arena_bytes(a, at, length));
        at += length;
        at += strspn(at, ", ");
    }
    return false;
}

static const struct {
    bool (*read)(Arena *a, const Setting *setting, const char *text, Value *out);
    size_t size;
    const char *is, *accepts;
} types[] = {
    [SETTING_TEXT] = {read_text, sizeof(char *), "a text", NULL},
    [SETTING_SCHEMA] = {read_schema, sizeof(char *), "a name for a schema",
                        "at most 63 bytes long, and does not begin with pg_"},
    [SETTING_FLAG] = {read_flag, sizeof(bool), "yes or no", "yes or no"},
    [SETTING_DURATION] =
        {read_duration, sizeof(long long), "a duration",
         "a duration such as 250ms, 5s, 10m, 2h, 1d or 1h30m, at most 24d; a bare number is "
         "seconds"},
    [SETTING_SIZE] = {read_size, sizeof(long long), "a size", "a size such as 512kB, 256MB or 1GB"},
    [SETTING_COUNT] = {read_count, sizeof(long long), "a whole number", "a whole number from 0 up"},
    [SETTING_CHOICE] = {read_choice, sizeof(char *), "one of its values", NULL},
};

bool setting_store(Arena *a, const Setting *setting, const char *text, Config *config) {
    Value value = {0};
    if (types[setting->type].read(a, setting, text, &value)) {
        memcpy((char *)config + setting->field, &value, types[setting->type].size);
        return true;
    }
    if (*text)
        fail(FAIL_CONFIG, "%s is not %s: \"%s\"", setting->key, types[setting->type].is, text);
    else
        fail(FAIL_CONFIG, "%s has no value", setting->key);
    if (setting->type == SETTING_CHOICE)
        return fail_hint("%s is one of %s", setting->key, setting->accepts);
    if (!types[setting->type].accepts || (setting->type == SETTING_SCHEMA && !*text))
        return fail_hint("leave it out for its default, %s", setting->otherwise);
    return fail_hint("%s is %s", setting->key, types[setting->type].accepts);
}

const char *setting_accepts(const Setting *setting) {
    return setting->type == SETTING_FLAG ? "yes or no" : setting->accepts;
}
