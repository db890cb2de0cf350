#include "findings.h"

#include "fail.h"
#include "report.h"
#include "text.h"

#include <stdio.h>

static const char *color_of(const JudgeFinding *finding) {
    return text_same(finding->level, "error")     ? "\033[31m"
           : text_same(finding->level, "warning") ? "\033[33m"
                                                  : "\033[36m";
}

static void print_finding(Arena *a, const JudgeFinding *finding) {
    bool color = report_is_colored(1);
    Text text = text_on(a);
    if (finding->place.file)
        text_addf(&text, "%s:%zu:%zu: ", finding->place.file, finding->place.line,
                  finding->place.column);
    text_addf(&text, "%s%s%s: %s (%s%s)\n", color ? color_of(finding) : "", finding->level,
              color ? "\033[0m" : "", finding->message, finding->rule,
              text_same(finding->certainty, "assumed") ? ", assumed" : "");
    report_source(&text, &finding->place);
    if (finding->hint)
        text_addf(&text, "HINT: %s\n", finding->hint);
    fputs(fail_redacted(text.at), stdout);
}

static bool print_text(Judge *judge, const Migrations *files, const char *format) {
    const JudgeCoverage *c = &judge->coverage;
    (void)files, (void)format;
    for (size_t i = 0; i < judge->count; i++)
        print_finding(judge->arena, &judge->finding[i]);
    printf("%s%zu errors, %zu warnings, %zu notices; %lld statements: %lld certain, %lld assumed, "
           "%lld opaque",
           judge->count ? "\n" : "", judge_count(judge, "error"), judge_count(judge, "warning"),
           judge_count(judge, "notice"), c->statements, c->certain, c->assumed, c->opaque);
    printf(c->unparsed ? ", %lld of them unparsed\n" : "\n", c->unparsed);
    return true;
}

static bool print_json(Judge *judge, const Migrations *files, const char *format) {
    (void)files, (void)format;
    puts(fail_redacted(json_text(judge_json(judge))));
    return true;
}

static bool print_formatted(Judge *judge, const Migrations *files, const char *format) {
    const char *text;
    if (!judge_format(judge, format, files, &text))
        return false;
    fputs(fail_redacted(text), stdout);
    return true;
}

static const struct {
    const char *name;
    bool (*print)(Judge *judge, const Migrations *files, const char *format);
} formats[] = {
    {"text", print_text},       {"json", print_json},       {"github", print_formatted},
    {"sarif", print_formatted}, {"junit", print_formatted},
};

enum { FORMATS = sizeof formats / sizeof *formats };

bool findings_format(const char *name, size_t *format) {
    for (*format = 0; *format < FORMATS; ++*format)
        if (text_same(formats[*format].name, name))
            return true;
    fail(FAIL_USAGE, "there is no format %s", name);
    return fail_hint("--format text, json, github, sarif or junit");
}

bool findings_print(Judge *judge, const Migrations *files, size_t format) {
    return formats[format].print(judge, files, formats[format].name);
}
