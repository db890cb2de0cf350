#include "cli.h"

#include "ask.h"
#include "cluster.h"
#include "command.h"
#include "fail.h"
#include "file.h"
#include "json.h"
#include "log.h"
#include "pg.h"
#include "text.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static const char *const state_names[] = {
    [CLUSTER_ABSENT] = "absent", [CLUSTER_STOPPED] = "stopped", [CLUSTER_RUNNING] = "running"};

/* "local:" or "local:NAME" of the chosen environment; NULL if its database is elsewhere. */
static const char *local_url(const Call *call) {
    const char *url = call->config->url;
    return url && text_starts(url, "local:") ? url : NULL;
}

static bool must_be_local(const Call *call) {
    if (local_url(call))
        return true;
    fail(FAIL_CONFIG, "the database of %s is not the private one", call->config->environment);
    return fail_hint("write `url = local:` into its section of config.ini, or choose another "
                     "environment with -e");
}

static const char *database_url(const Call *call, const Cluster *cluster) {
    const char *url = local_url(call) ? local_url(call) : "local:";
    return cluster_url(call->arena, cluster, cluster_database(call->arena, url, cluster->project));
}

static bool print_url(Call *call, const Cluster *cluster) {
    if (!must_be_local(call))
        return false;
    const char *url = database_url(call, cluster);
    if (call->json) {
        Json *json = json_new_map(call->arena);
        json_set_text(json, "url", url);
        url = json_text(json);
    }
    puts(url);
    return true;
}

static bool start(Call *call, const Cluster *cluster) {
    if (!must_be_local(call) || !cluster_start(cluster))
        return false;
    log_say("the private PostgreSQL runs in %s", cluster->home);
    return print_url(call, cluster);
}

static bool ask(const Call *call, const Cluster *cluster) {
    Arena *a = call->arena;
    const Question question = {
        arena_format(a, "Remove %s with all databases in it?", cluster->home),
        arena_format(a, "this removes all databases in %s", cluster->home), "nothing was removed",
        "stint dev stop --delete --yes"};
    return cluster_state(cluster) == CLUSTER_ABSENT || ask_consent(call, &question);
}

static bool stop(Call *call, const Cluster *cluster) {
    bool deleting = option_given(&call->given, "delete");
    ClusterState before = cluster_state(cluster);
    /* an environment that was asked for and is elsewhere is no reason to stop this server */
    if (option_given(&call->given, "env") && !must_be_local(call))
        return false;
    if (deleting && !ask(call, cluster))
        return false;
    if (deleting ? !cluster_delete(cluster) : !cluster_stop(cluster))
        return false;
    if (deleting)
        log_say(before == CLUSTER_ABSENT ? "there is nothing in %s" : "%s is removed",
                cluster->home);
    else
        log_say(before == CLUSTER_RUNNING ? "the private PostgreSQL in %s is stopped"
                                          : "the private PostgreSQL in %s does not run",
                cluster->home);
    return true;
}

/* Asks the server itself; NULL if it does not run or does not answer. */
static const char *server_version(Call *call, const Cluster *cluster) {
    PgRows rows;
    const char *version = NULL;
    PgTarget target = {.conninfo = cluster_url(call->arena, cluster, "postgres"), .what = "dev"};
    if (cluster_state(cluster) != CLUSTER_RUNNING)
        return NULL;
    Pg *pg = pg_open(call->arena, &target);
    if (pg && pg_row(pg, call->arena, &rows, "SHOW server_version", PG_NONE))
        version = pg_cell(&rows, 0, 0);
    else
        fail_clear();
    pg_close(pg);
    return version;
}

static bool status(Call *call, const Cluster *cluster) {
    const char *state = state_names[cluster_state(cluster)];
    const char *version = server_version(call, cluster);
    if (call->json) {
        Json *json = json_new_map(call->arena);
        json_set_text(json, "state", state);
        json_set_text(json, "place", cluster->home);
        json_set_text(json, "socket", cluster->socket);
        json_set_text(json, "log", cluster->log);
        json_set_text(json, "account", cluster->account);
        json_set_text(json, "server_version", version);
        json_set_text(json, "url", local_url(call) ? database_url(call, cluster) : NULL);
        puts(json_text(json));
        return true;
    }
    printf("state    %s\nplace    %s\nsocket   %s\n", state, cluster->home, cluster->socket);
    if (cluster->account)
        printf("account  %s\n", cluster->account);
    if (version)
        printf("server   PostgreSQL %s\n", version);
    if (local_url(call))
        printf("url      %s\n", database_url(call, cluster));
    return true;
}

/* Becomes psql: words after `--` are psql's own. */
static bool psql(Call *call, const Cluster *cluster) {
    const char *folder = NULL;
    if (!must_be_local(call) || !cluster_start(cluster))
        return false;
    folder = cluster_program(call->arena, cluster, "psql");
    if (!folder)
        return false;
    const char *program = file_join(call->arena, folder, "psql");
    size_t words = call->given.word_count - 1, n = 0;
    const char **argv = arena_take(call->arena, (words + 4) * sizeof *argv);
    argv[n++] = "psql";
    argv[n++] = "-d";
    argv[n++] = database_url(call, cluster);
    for (size_t i = 1; i <= words; i++)
        argv[n++] = call->given.word[i];
    signal(SIGPIPE, SIG_DFL);
    execv(program, (char *const *)argv);
    return fail_errno(FAIL_ERROR, "cannot run %s", program);
}

static const struct {
    const char *word;
    bool (*run)(Call *call, const Cluster *cluster);
    size_t words; /* at most, itself counted; 0: any */
} actions[] = {
    {"start", start, 1}, {"stop", stop, 1},     {"status", status, 1},
    {"psql", psql, 0},   {"url", print_url, 1},
};

enum { ACTIONS = sizeof actions / sizeof *actions };

static bool unknown(const char *word) {
    const char *names[ACTIONS + 1] = {NULL};
    for (size_t i = 0; i < ACTIONS; i++)
        names[i] = actions[i].word;
    const char *near = text_nearest(word, names);
    fail(FAIL_USAGE, "dev has no \"%s\"", word);
    return near ? fail_hint("did you mean stint dev %s?", near) : fail_hint("stint help dev");
}

static bool run(Call *call) {
    Cluster cluster;
    const Given *given = &call->given;
    const char *word = given->word_count ? given->word[0] : "status";
    if (option_given(given, "delete") && !text_same(word, "stop"))
        return fail(FAIL_USAGE, "--delete belongs to stint dev stop");
    for (size_t i = 0; i < ACTIONS; i++) {
        if (!text_same(actions[i].word, word))
            continue;
        if (actions[i].words && given->word_count > actions[i].words)
            return fail(FAIL_USAGE, "stint dev %s takes no \"%s\"", word, given->word[1]);
        return cluster_at(call->arena, call->config->folder, call->config->server_bin, &cluster) &&
               actions[i].run(call, &cluster);
    }
    return unknown(word);
}

static const Option options[] = {
    {"delete", 0, NULL, "with stop: removes it and all its data"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_dev = {
    .name = "dev",
    .usage = "[start|stop [--delete]|status|psql|url]",
    .about = "the private PostgreSQL behind `url = local:`",
    .help = "start    starts it, makes it if it is not there, and prints the database's URL\n"
            "stop     stops it; --delete removes it and all its data, and asks (--yes)\n"
            "status   state, place, socket and version of the server (the default)\n"
            "psql     starts it if need be and becomes psql; psql's own options follow `--`\n"
            "url      prints the URL of this environment's database in it",
    .needs = NEED_CONFIG,
    .options = options,
    .run = run,
};
