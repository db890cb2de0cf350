#include "gauge.h"

#include "clock.h"
#include "progress.h"
#include "text.h"

static bool is_state(const Standing *s, const char *state) {
    return text_same(s->state, state);
}

static bool is_over(const Standing *s) {
    return is_state(s, "finished") || is_state(s, "cancelled");
}

/* Rows a second now: nobody is at it while it rests. */
static long long rate_now(const Standing *s) {
    return is_state(s, "running") && !s->throttled_by ? s->rate : 0;
}

static const char *plural(long long n) {
    return n == 1 ? "" : "s";
}

const char *gauge_line(Arena *a, const Standing *s) {
    long long eta = standing_eta(s);
    double part = standing_part(s);
    if (is_state(s, "finished"))
        return arena_format(a, "%s rows walked, %s changed", progress_number(a, s->rows_done),
                            progress_number(a, s->rows_changed));
    Text line = text_on(a);
    text_addf(&line, "[%s] %3.0f%%  %s of ~%s rows", progress_bar(a, part), 100 * part,
              progress_number(a, s->rows_done), progress_number(a, s->rows_total));
    if (is_over(s))
        return line.at;
    text_addf(&line, "  ETA %s  %s rows/s  batch %s  %lld worker%s", progress_left(a, eta),
              progress_number(a, rate_now(s)), progress_number(a, s->batch_size), s->workers,
              plural(s->workers));
    return line.at;
}

const char *gauge_brief(Arena *a, const Standing *s) {
    const char *line = gauge_line(a, s);
    if (!is_state(s, "running"))
        return line;
    if (s->throttled_by)
        return arena_format(a, "%s  held up: %s", line, s->throttled_by);
    if (s->ranges && !s->ranges_left && !s->sweep)
        return arena_format(a, "%s  all batches are done", line);
    return s->slowed_by ? arena_format(a, "%s  slowed down: %s", line, s->slowed_by) : line;
}

static void add_wish(Text *text, const Standing *s) {
    bool paused = is_state(s, "paused");
    if (!paused && !is_state(s, "cancelled"))
        return;
    text_addf(text, "%s", s->state);
    if (s->who)
        text_addf(text, " by %s at %s UTC", s->who, s->since);
    text_addf(text, "; stint backfill resume %s %s\n", s->name,
              paused ? "lets it go on" : "takes it up again");
}

const char *gauge_remarks(Arena *a, const Standing *s) {
    Text text = text_on(a);
    if (!text_same(s->way, "up"))
        text_add(&text, "this is its way down\n");
    add_wish(&text, s);
    if (s->throttled_by && is_state(s, "running"))
        text_addf(&text, "held up: %s\n", s->throttled_by);
    else if (s->budget < 1 && is_state(s, "running"))
        text_addf(&text, "slowed down to %.0f%%%s%s\n", 100 * s->budget, s->slowed_by ? ": " : "",
                  s->slowed_by ? s->slowed_by : "");
    if (s->held >= 1000 && !is_over(s))
        text_addf(&text, "held up for %s in all\n", clock_say(a, s->held));
    if (s->speed < 1 && !is_over(s))
        text_addf(&text, "at %.0f%% of its speed\n", 100 * s->speed);
    if (s->sweep && !is_over(s))
        text_addf(&text, "sweep %lld for rows that were written meanwhile: %s of ~%s walked\n",
                  s->sweep, progress_number(a, s->swept), progress_number(a, s->rows_total));
    if (s->residue)
        text_addf(&text, "%s row%s left for the end: somebody held %s\n",
                  progress_number(a, s->residue), plural(s->residue),
                  s->residue == 1 ? "it" : "them");
    if (s->quarantined)
        text_addf(&text, "%s row%s failed and %s in the quarantine; stint backfill retry %s\n",
                  progress_number(a, s->quarantined), plural(s->quarantined),
                  s->quarantined == 1 ? "is" : "are", s->name);
    if (s->error)
        text_addf(&text, "error: %s\n", s->error);
    if (s->ranges && !s->ranges_left && is_state(s, "running"))
        text_addf(&text, "all batches are done; stint backfill finalize %s ends it\n", s->name);
    return text.at;
}

const char *gauge_worker(Arena *a, const StandingWorker *w) {
    return arena_format(a, "%s  pid %s  %s  range %s  %s rows  %s rows/s  batch %s  last %s ago",
                        w->who, w->pid, w->from, w->range, progress_number(a, w->rows_done),
                        progress_number(a, w->rate), progress_number(a, w->batch_size),
                        clock_say(a, w->quiet));
}

Json *gauge_json(Arena *a, const Standing *s) {
    Json *json = json_new_map(a);
    long long eta = standing_eta(s);
    json_set_text(json, "name", s->name);
    json_set_text(json, "version", s->version);
    json_set_text(json, "table", s->table);
    json_set_text(json, "state", s->state);
    json_set_integer(json, "rows_done", s->rows_done);
    json_set_integer(json, "rows_total", s->rows_total);
    json_set_integer(json, "rows_changed", s->rows_changed);
    json_set_integer(json, "sweep", s->sweep);
    json_set_integer(json, "rows_swept", s->swept);
    json_set_integer(json, "rows_quarantined", s->quarantined);
    json_set_integer(json, "rows_left_for_later", s->residue);
    json_set_integer(json, "rows_per_second", rate_now(s));
    json_set_integer(json, "batch_size", s->batch_size);
    json_set_integer(json, "workers", s->workers);
    if (eta < 0 || is_over(s))
        json_set_null(json, "eta_seconds");
    else
        json_set_integer(json, "eta_seconds", eta);
    json_set_text(json, "throttled_by", is_over(s) ? NULL : s->throttled_by);
    json_set_text(json, "slowed_by", is_over(s) ? NULL : s->slowed_by);
    json_set_integer(json, "held_ms", s->held);
    json_set_number(json, "speed", s->speed);
    json_set_number(json, "budget", s->budget);
    json_set_integer(json, "dead_tuples", s->dead);
    json_set_text(json, "way", s->way);
    json_set_text(json, "error", s->error);
    return json;
}

Json *gauge_worker_json(Arena *a, const StandingWorker *w) {
    Json *json = json_new_map(a);
    json_set_text(json, "who", w->who);
    json_set_text(json, "pid", w->pid);
    json_set_text(json, "from", w->from);
    json_set_integer(json, "rows_done", w->rows_done);
    json_set_integer(json, "rows_per_second", w->rate);
    json_set_integer(json, "batch_size", w->batch_size);
    json_set_integer(json, "last_batch_ms", w->quiet);
    return json;
}
