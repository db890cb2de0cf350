#include "forecast.h"

#include "clock.h"
#include "estimate.h"
#include "fail.h"
#include "json.h"
#include "progress.h"
#include "text.h"

#include <stdio.h>

enum { MOST_SAMPLED = 10000000 };

static void add_not_counted(Arena *a, Text *text, const Estimate *e) {
    if (e->triggers)
        text_addf(text, "  not counted: %lld trigger%s of the table\n", e->triggers,
                  e->triggers == 1 ? "" : "s");
    if (e->failing)
        text_addf(text, "  %s row%s of the copy fail%s, such as %s\n",
                  progress_number(a, e->failing), e->failing == 1 ? "" : "s",
                  e->failing == 1 ? "s" : "", e->first_failure);
}

static const char *lines(Arena *a, const Estimate *e) {
    Text text = text_on(a);
    text_addf(&text, "%s: tried on a copy of %s of about %s rows of %s, %s of them changed\n",
              e->name, progress_number(a, e->rows), progress_number(a, e->rows_total), e->table,
              progress_number(a, e->changed));
    text_addf(&text, "  %s\n", e->order);
    text_addf(&text, "  rate  %s rows/s by one worker: %s for all rows%s\n",
              progress_number(a, (long long)e->rows_per_second),
              clock_say(a, (long long)(e->seconds * 1000)),
              e->workers > 1 ? arena_format(a, ", less by %lld", e->workers) : "");
    text_addf(&text, "  WAL   %s", text_size(a, (double)e->wal));
    if (e->page_images)
        text_addf(&text, ", and up to %s where checkpoints come in between",
                  text_size(a, (double)e->page_images));
    text_addf(&text, "\n  size  the table grows by %s, its indexes by %s\n",
              text_size(a, (double)e->table_growth), text_size(a, (double)e->index_growth));
    add_not_counted(a, &text, e);
    return text.at;
}

static Json *document(Arena *a, const Estimate *e) {
    Json *json = json_new_map(a);
    json_set_text(json, "name", e->name);
    json_set_text(json, "version", e->version);
    json_set_text(json, "table", e->table);
    json_set_text(json, "order", e->order);
    json_set_integer(json, "rows_sampled", e->rows);
    json_set_integer(json, "rows_changed", e->changed);
    json_set_integer(json, "rows_failing", e->failing);
    json_set_text(json, "first_failure", e->first_failure);
    json_set_integer(json, "rows_total", e->rows_total);
    json_set_number(json, "rows_per_second", e->rows_per_second);
    json_set_integer(json, "batch_size", e->batch_size);
    json_set_number(json, "duration_seconds", e->seconds);
    json_set_integer(json, "wal_bytes", e->wal);
    json_set_integer(json, "page_image_bytes", e->page_images);
    json_set_integer(json, "table_growth_bytes", e->table_growth);
    json_set_integer(json, "index_growth_bytes", e->index_growth);
    json_set_integer(json, "triggers", e->triggers);
    return json;
}

bool forecast_sample(Call *call) {
    const char *rows = option_value(&call->given, "sample");
    long wanted = 1;
    Estimate estimate;
    if (!option_count(&call->given, "sample", MOST_SAMPLED, &wanted))
        return false;
    if (call->given.word_count != 1)
        return fail(FAIL_USAGE, "--sample takes one name: stint backfill NAME --sample %s", rows);
    if (!estimate_make(call->arena, call->config, call->given.word[0], wanted, &estimate))
        return false;
    if (call->json)
        puts(json_text(document(call->arena, &estimate)));
    else
        fputs(lines(call->arena, &estimate), stdout);
    return true;
}
