#include "manual.h"

#include "setting.h"
#include "text.h"

static void help_of(SettingHome home, FILE *out) {
    for (size_t i = 0; i < setting_count(); i++) {
        const Setting *s = setting_at(i);
        if (s->home != home)
            continue;
        fprintf(out, "  %s = %s\n      %s", s->key, setting_accepts(s), s->about);
        fprintf(out, s->otherwise ? " (default: %s)\n" : "%s\n", s->otherwise ? s->otherwise : "");
    }
}

void manual_help(FILE *out) {
    fputs("config.ini has these sections and keys:\n\n[project]\n", out);
    help_of(SETTING_PROJECT, out);
    fputs("\n[NAME], an environment of that name; in [project] a default for all of them\n", out);
    help_of(SETTING_ENVIRONMENT, out);
    fputs(
        "\n[variables]\n  NAME = TEXT\n      replaces the placeholder :NAME in migrations\n"
        "\n[people]\n  E-MAIL = ROLE\n      whose commits those are, for approvals by others than "
        "the author\n\n"
        "Types: a TIME is 250ms, 5s, 10m, 2h, 1d or several in a row; a bare number is seconds.\n"
        "A SIZE is 512kB, 256MB, 1GB. A value that holds \" ;\" is written in double quotes.\n"
        "${VAR}, ${VAR:-default} and ${VAR:?message} are replaced from the environment, then\n"
        "from .env beside config.ini.\n\n"
        "A key is taken from: its flag, STINT_<KEY> in the environment or in .env, the\n"
        "environment's section, [project], its default. STINT_ENV and STINT_CONFIG stand for\n"
        "-e and -c.\n",
        out);
}

static void sample_of(const char *const *keys, Text *out) {
    for (; *keys; keys++) {
        const Setting *s = setting_find(*keys);
        text_addf(out, "; %s", s->about);
        if (s->type == SETTING_CHOICE || s->type == SETTING_FLAG)
            text_addf(out, " (%s)", setting_accepts(s));
        text_addf(out, s->otherwise ? "\n;%s = %s\n" : "\n;%s =\n", s->key, s->otherwise);
    }
}

static const char *const project_keys[] = {"scripts",  "server_bin", "scratch",       "lua_memory",
                                           "lua_time", "unsafe_lua", "ledger_schema", NULL};
static const char *const shared_keys[] = {"run_lock_wait",
                                          "lock_timeout",
                                          "lock_retries",
                                          "lock_retry_max",
                                          "statement_timeout",
                                          "wait_for_db",
                                          "order",
                                          "backfills",
                                          "role",
                                          "schema",
                                          "replica_lag",
                                          "lock_waiters",
                                          "wal_rate",
                                          NULL};

const char *manual_sample(Arena *a) {
    Text out = text_on(a);
    text_add(
        &out,
        "; What Stint knows of this project. `stint help config` lists every key.\n"
        ";\n"
        "; A value may hold ${VAR}, ${VAR:-default} or ${VAR:?message}, replaced from the\n"
        "; environment, then from .env beside this file. Put \"...\" around a value that holds \" ;\".\n"
        "; Every key can be given as STINT_<KEY> in the environment, which goes before this file.\n"
        "\n"
        "[project]\n"
        "; where the migrations are\n"
        "migrations = scripts/migrations\n"
        "; the environment meant without -e\n"
        "environment = development\n"
        "\n");
    sample_of(project_keys, &out);
    text_add(&out, "\n; Defaults for all environments; each can have its own.\n");
    sample_of(shared_keys, &out);
    text_add(
        &out,
        "\n"
        "; Every other section is an environment: one database. `stint -e staging up` uses another.\n"
        "[development]\n"
        "; a private PostgreSQL server of this project, started when it is needed\n"
        "url = local:\n"
        "\n"
        "[staging]\n"
        "url = ${STAGING_DATABASE_URL}\n"
        "; the way past a pooler; migrations use it when it is set\n"
        "direct_url = ${STAGING_DIRECT_URL:-}\n"
        "\n"
        "[production]\n"
        "url = ${DATABASE_URL}\n"
        "direct_url = ${DIRECT_URL:-}\n"
        "; refuses reset, wants --confirm for what cannot be undone, takes nothing from .env\n"
        "protected = yes\n"
        "; whom to call, shown after a failed deploy\n"
        ";contacts =\n"
        "\n"
        "; Text for the placeholders :name in migrations.\n"
        "[variables]\n"
        ";app_role = app\n"
        "\n"
        "; Who is who: the e-mail of a commit, and the database role of its author.\n"
        "[people]\n"
        ";anna@example.org = anna\n");
    return out.at;
}
