#include "replay.h"

#include "clock.h"
#include "fail.h"
#include "text.h"

#include <stdio.h>
#include <string.h>

static const char INDENT[] = "                  ";

/* ---- for people ---- */

static const char *joined(Arena *a, Strings words) {
    Text text = text_on(a);
    for (size_t i = 0; i < words.count; i++)
        text_addf(&text, "%s%s", i ? ", " : "", words.at[i]);
    return text.at;
}

/* What the run makes itself is left out, as the plan does. */
static void print_deed(Arena *a, const RehearsalDeed *deed) {
    const Trace *trace = &deed->trace;
    bool knows = deed->planned && json_count(deed->planned);
    printf("%srehearsed in %s%s\n", INDENT, clock_say(a, deed->ms),
           trace->holds ? ""
           : knows      ? ", its locks gone with its end; by the plan it"
                        : ", its locks gone with its end");
    for (size_t i = 0; knows && i < json_count(deed->planned); i++) {
        const Json *lock = json_at(deed->planned, i);
        if (!json_as_flag(json_get(lock, "is_new")))
            printf("%s  locked %s: %s\n", INDENT, json_as_text(json_get(lock, "relation")),
                   json_as_text(json_get(lock, "mode")));
    }
    for (size_t i = 0; i < trace->count; i++) {
        const TraceTouch *touch = &trace->touch[i];
        if (touch->modes.count && !touch->is_new)
            printf("%s  locked %s: %s\n", INDENT, touch->relation, joined(a, touch->modes));
    }
    for (size_t i = 0; i < trace->count; i++)
        if (trace->touch[i].rewritten && !trace->touch[i].is_new)
            printf("%s  rewrote %s\n", INDENT, trace->touch[i].relation);
    for (size_t i = 0; i < trace->builds.count; i++)
        printf("%s  built indexes of %s\n", INDENT, trace->builds.at[i]);
}

void replay_print_statement(Arena *a, const Rehearsal *rehearsal, const char *id, size_t number) {
    for (size_t i = 0; rehearsal && i < rehearsal->statements; i++)
        if (rehearsal->deed[i].number == number && text_same(rehearsal->deed[i].id, id))
            print_deed(a, &rehearsal->deed[i]);
}

void replay_print_script(Arena *a, const Rehearsal *rehearsal, const char *id) {
    for (size_t i = 0; rehearsal && i < rehearsal->statements; i++) {
        const RehearsalDeed *deed = &rehearsal->deed[i];
        if (!deed->sql || !text_same(deed->id, id))
            continue;
        const char *sql = fail_redacted(deed->sql);
        printf("  ran   line %-4zu %.*s\n", deed->line, (int)strcspn(sql, "\r\n"), sql);
        print_deed(a, deed);
    }
}

static void print_notes(const char *level, const RehearsalNotes *notes, const char *rule) {
    for (size_t i = 0; i < notes->count; i++) {
        const RehearsalNote *note = &notes->at[i];
        printf("  %s: %s", level, note->file);
        if (note->line)
            printf(":%zu", note->line);
        printf(": %s%s\n", fail_redacted(note->text), rule);
    }
}

void replay_print(Arena *a, const Rehearsal *rehearsal) {
    if (rehearsal->problem)
        printf("not rehearsed: %s\n", rehearsal->problem);
    else
        printf("rehearsed on an empty copy of the schema (%s): %zu statements in %s, %s\n",
               rehearsal->place, rehearsal->statements, clock_say(a, rehearsal->ms),
               rehearsal->differences.count ? "not all as the plan says" : "as the plan says");
    for (size_t i = 0; i < rehearsal->lacks.count; i++)
        printf("  assumed: the scratch server lacks: %s\n", rehearsal->lacks.at[i]);
    print_notes("warning", &rehearsal->differences, "");
    if (rehearsal->queries)
        printf("%zu statements of the application could be prepared before, %zu of them after\n",
               rehearsal->queries, rehearsal->queries - rehearsal->broken.count);
    print_notes("error", &rehearsal->broken, " (query-breaks, compat)");
    if (rehearsal->unproven)
        printf("  not entered in the ledger as rehearsed: %s\n",
               fail_redacted(rehearsal->unproven));
    else
        puts("  entered in the ledger: exactly these texts are rehearsed");
}

/* ---- for programs ---- */

static Json *touches_json(Arena *a, const Trace *trace) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < trace->count; i++) {
        const TraceTouch *touch = &trace->touch[i];
        for (size_t k = 0; k < touch->modes.count; k++) {
            Json *one = json_new_map(a);
            json_set_text(one, "relation", touch->relation);
            json_set_text(one, "mode", touch->modes.at[k]);
            json_set_flag(one, "is_new", touch->is_new);
            json_append(list, one);
        }
    }
    return list;
}

static Json *deed_json(Arena *a, const RehearsalDeed *deed) {
    const Trace *trace = &deed->trace;
    Json *one = json_new_map(a), *rewrites = json_new_list(a), *builds = json_new_list(a);
    for (size_t i = 0; i < trace->count; i++)
        if (trace->touch[i].rewritten)
            json_append_text(rewrites, trace->touch[i].relation);
    for (size_t i = 0; i < trace->builds.count; i++)
        json_append_text(builds, trace->builds.at[i]);
    if (deed->number)
        json_set_integer(one, "number", (long long)deed->number);
    json_set_integer(one, "line", (long long)deed->line);
    if (deed->sql)
        json_set_text(one, "sql", fail_redacted(deed->sql));
    json_set_integer(one, "duration_ms", deed->ms);
    json_set_flag(one, "in_transaction", trace->holds);
    json_set(one, "locks", deed->planned ? deed->planned : touches_json(a, trace));
    json_set_text(one, "locks_from", deed->planned ? "plan" : "server");
    json_set(one, "rewrites", rewrites);
    json_set(one, "builds", builds);
    return one;
}

Json *replay_file_json(Arena *a, const Rehearsal *rehearsal, const char *id) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < rehearsal->statements; i++)
        if (text_same(rehearsal->deed[i].id, id))
            json_append(list, deed_json(a, &rehearsal->deed[i]));
    return list;
}

/* A statement that breaks is a finding as any. */
static void make_findings(Json *list, const char *certainty) {
    for (size_t i = 0; i < json_count(list); i++) {
        Json *one = json_at(list, i);
        json_set_text(one, "rule", "query-breaks");
        json_set_text(one, "family", "compat");
        json_set_text(one, "level", "error");
        json_set_text(one, "certainty", certainty);
    }
}

static Json *notes_json(Arena *a, const RehearsalNotes *notes) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < notes->count; i++) {
        Json *one = json_new_map(a);
        json_set_text(one, "file", notes->at[i].file);
        json_set_integer(one, "line", (long long)notes->at[i].line);
        json_set_text(one, "message", fail_redacted(notes->at[i].text));
        json_append(list, one);
    }
    return list;
}

Json *replay_json(Arena *a, const Rehearsal *rehearsal) {
    Json *json = json_new_map(a), *lacks = json_new_list(a);
    for (size_t i = 0; i < rehearsal->lacks.count; i++)
        json_append_text(lacks, rehearsal->lacks.at[i]);
    json_set_text(json, "certainty", rehearsal_certainty(rehearsal));
    json_set_text(json, "problem", rehearsal->problem);
    json_set_flag(json, "recorded", !rehearsal->unproven);
    json_set_text(json, "not_recorded", rehearsal->unproven);
    json_set(json, "lacks", lacks);
    json_set_integer(json, "statements", (long long)rehearsal->statements);
    json_set_integer(json, "duration_ms", rehearsal->ms);
    json_set(json, "differences", notes_json(a, &rehearsal->differences));
    json_set_integer(json, "queries", (long long)rehearsal->queries);
    Json *broken = notes_json(a, &rehearsal->broken);
    make_findings(broken, rehearsal_certainty(rehearsal));
    json_set(json, "broken", broken);
    return json;
}
