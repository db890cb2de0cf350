#include "prospect.h"

#include "clock.h"
#include "fail.h"
#include "progress.h"
#include "report.h"
#include "text.h"

#include <string.h>

static const char INDENT[] = "                  ";

/* "210 MB", "1,200,000 rows": as far as it is known. */
static const char *size_text(Arena *a, const Json *lock) {
    const Json *rows = json_get(lock, "rows"), *bytes = json_get(lock, "bytes");
    if (!bytes || json_as_flag(json_get(lock, "is_new")))
        return "";
    const char *size = text_size(a, json_as_number(bytes));
    if (!rows || json_kind(rows) == JSON_NULL_VALUE)
        return arena_format(a, " (%s)", size);
    return arena_format(a, " (%s rows, %s)", progress_number(a, json_as_integer(rows)), size);
}

static void print_locks(Arena *a, const Json *locks) {
    for (size_t i = 0; i < json_count(locks); i++) {
        const Json *lock = json_at(locks, i);
        if (!json_as_flag(json_get(lock, "is_new")))
            printf("%slocks %s: %s%s\n", INDENT, json_as_text(json_get(lock, "relation")),
                   json_as_text(json_get(lock, "mode")), size_text(a, lock));
    }
}

static void print_names(const char *what, const Json *list) {
    for (size_t i = 0; i < json_count(list); i++)
        printf("%s%s %s\n", INDENT, what, json_as_text(json_at(list, i)));
}

static void print_losses(const Json *list) {
    for (size_t i = 0; i < json_count(list); i++)
        printf("%sloses %s %s\n", INDENT, json_as_text(json_get(json_at(list, i), "kind")),
               json_as_text(json_get(json_at(list, i), "name")));
}

static void print_deed(Arena *a, const Json *deed) {
    const Json *impact = json_get(deed, "impact");
    print_locks(a, json_get(impact, "locks"));
    print_names("rewrites", json_get(impact, "rewrites"));
    print_names("reads all of", json_get(impact, "scans"));
    print_names("builds indexes of", json_get(impact, "builds"));
    print_losses(json_get(impact, "loses"));
    if (!text_same(json_as_text(json_get(impact, "certainty")), "certain"))
        print_names(json_as_text(json_get(impact, "certainty")), json_get(impact, "assumed"));
}

static bool is_of(const Json *deed, size_t number) {
    return (size_t)json_as_integer(json_get(deed, "number")) == number;
}

void prospect_print(Arena *a, const ReviewFile *file, size_t number) {
    for (size_t i = 0; i < json_count(file->deeds); i++)
        if (is_of(json_at(file->deeds, i), number))
            print_deed(a, json_at(file->deeds, i));
}

void prospect_print_script(Arena *a, const ReviewFile *file) {
    for (size_t i = 0; i < json_count(file->deeds); i++) {
        const Json *deed = json_at(file->deeds, i);
        const char *sql = fail_redacted(json_as_text(json_get(deed, "sql")));
        printf("  %4zu  line %-4lld %.*s\n", i + 1, json_as_integer(json_get(deed, "line")),
               (int)strcspn(sql, "\r\n"), sql);
        print_deed(a, deed);
    }
}

void prospect_print_findings(Arena *a, const Review *review, const ReviewFile *file) {
    for (size_t i = file->first; i < file->first + file->count; i++) {
        const JudgeFinding *finding = &review->judge.finding[i];
        printf("  %s: line %zu: %s (%s)\n", finding->level, finding->place.line,
               arena_string(a, fail_redacted(finding->message)), finding->rule);
    }
}

void prospect_print_end(Call *call, const Review *review) {
    const JudgeCoverage *c = &review->judge.coverage;
    if (!review->count)
        return;
    printf("%lld statements: %lld certain, %lld assumed, %lld opaque; %zu errors, %zu warnings\n",
           c->statements, c->certain, c->assumed, c->opaque, judge_count(&review->judge, "error"),
           judge_count(&review->judge, "warning"));
    printf("plan %s\n  %s\n", review->hash,
           report_command(call->arena,
                          arena_format(call->arena, "stint deploy --plan %s", review->hash)));
}

Json *prospect_json(Arena *a, const ReviewFile *file, size_t number) {
    Json *list = json_new_list(a), *copy;
    for (size_t i = 0; i < json_count(file->deeds); i++) {
        const Json *deed = json_at(file->deeds, i);
        const char *text = json_text(json_get(deed, "impact"));
        if (is_of(deed, number) && json_parse(a, text, strlen(text), &copy))
            json_append(list, copy);
    }
    return list;
}

void prospect_print_time(Arena *a, const Precedent *precedent, const Migration *m) {
    long long ms = precedent_ms(precedent, m);
    if (ms >= 0)
        printf("  took %s in %s\n", clock_say(a, ms), precedent->environment);
    else if (precedent->environment)
        printf("  this text has not run in %s\n", precedent->environment);
}

void prospect_set_time(Json *json, const Precedent *precedent, const Migration *m) {
    long long ms = precedent_ms(precedent, m);
    if (ms >= 0)
        json_set_integer(json, "estimate_ms", ms);
    else
        json_set_null(json, "estimate_ms");
}
