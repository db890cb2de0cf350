#include "cli.h"

#include "clock.h"
#include "fail.h"
#include "join.h"
#include "progress.h"

#include <stdio.h>
#include <stdlib.h>

enum { MOST_WORKERS = 64 };

static bool read_wanted(const Call *call, JoinWanted *out) {
    const char *workers = option_value(&call->given, "workers");
    const char *most = option_value(&call->given, "max-time"), *crew = getenv("STINT_CREW");
    char *end = NULL;
    *out = (JoinWanted){.name = call->given.word_count ? call->given.word[0] : NULL, .workers = 1};
    if (call->given.word_count > 1)
        return fail(FAIL_USAGE, "work takes one name, and %s is another", call->given.word[1]);
    if (workers) {
        out->workers = strtol(workers, &end, 10);
        if (*end || out->workers < 1 || out->workers > MOST_WORKERS)
            return fail(FAIL_USAGE, "--workers takes a number from 1 to %d, not %s", MOST_WORKERS,
                        workers);
    }
    if (most && (!clock_duration(most, &out->most) || !out->most))
        return fail(FAIL_USAGE, "--max-time takes a duration such as 30m or 2h, not %s", most);
    out->parent = crew ? (pid_t)atol(crew) : 0;
    return true;
}

static bool work(Call *call) {
    JoinWanted wanted;
    long joined;
    if (!read_wanted(call, &wanted))
        return false;
    progress_show(call);
    if (!join_work(call->arena, call->config, &wanted, &joined))
        return false;
    if (call->json || call->quiet)
        return true;
    if (joined)
        printf("worked on %ld backfill%s\n", joined, joined == 1 ? "" : "s");
    else
        puts("nothing to do: no backfill is under way");
    return true;
}

static const Option options[] = {
    {"workers", 0, "N", "so many processes"},
    {"max-time", 0, "TIME", "end after the batch that is under way then"},
    {NULL, 0, NULL, NULL},
};

const Command cmd_work = {
    .name = "work",
    .usage = "[NAME] [--workers N] [--max-time TIME]",
    .about = "join the backfills that are under way",
    .help =
        "Does batches beside the run that has begun a backfill, on as many machines as it is\n"
        "started on; ends when none are left. Ctrl-C or SIGTERM: after the batch. The run itself\n"
        "ends the backfill.",
    .needs = NEED_CONFIG,
    .targets = TARGETS_WORK,
    .options = options,
    .run = work,
};
