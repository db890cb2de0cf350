/* judge: every rule asked about every statement of a run of files: Stint's own (hooks/rules) and
 * the team's policies, with what is known of the database. Needs no database. Refuses to know who
 * asks and what becomes of the answer: lint, plan and the gates do.
 *
 * A file that cannot be read is a finding, no failure. What fails: a policy or a Lua migration that
 * does not load (FAIL_CONFIG), a script that takes too long. */
#ifndef JUDGE_H
#define JUDGE_H

#include "config.h"
#include "hook.h"
#include "json.h"
#include "migration.h"

typedef struct {
    const char *rule;
    const char *level;     /* "error", "warning" or "notice" */
    const char *certainty; /* "certain", "assumed" or "opaque" */
    FailPlace place;       /* file NULL: of no one file */
    const char *message;
    const char *hint, *object; /* or NULL */
    const char *fingerprint;   /* of the statement, by its tokens; or NULL */
    const char *key;           /* the same for this finding wherever its line goes */
    bool binding;              /* the team's own rule, or a level that its policies or config.ini
                                  give */
    Json *json;                /* all of it, as CONTRACT 6 has it */
} JudgeFinding;

typedef struct {
    long long statements, certain, assumed, opaque, unparsed;
} JudgeCoverage;

typedef struct {
    Arena *arena;
    const Config *config;
    Script *script;
    size_t count, room;
    JudgeFinding *finding;  /* by file, in the order of its text */
    JudgeCoverage coverage; /* after judge_finish */
    Json *effects;          /* the same: data that go, tables that are locked (hooks/toll.lua) */
    long applied;           /* of the next file: so many statements are done, and nothing is said of
                               them */
    Hooks policies;         /* that are for this environment */
    Json *deeds;            /* of the last file, after judge_join: what its statements do, a list of
                               { number, line, kind, inside, sql, fingerprint, impact, waived }; those
                               within a DO block or of Lua have sql */
} Judge;

/* Which files run in one go: what an earlier one creates is new and empty for a later one. Of a
 * file that is known already nothing is said: it is there for what it leaves behind. */
typedef enum { JUDGE_APART, JUDGE_TOGETHER, JUDGE_KNOWN } JudgeFiles;

/* What somebody else has found out about a file; rule NULL: nothing. */
typedef struct {
    const char *rule, *level, *message, *hint;
} JudgeProblem;

/* `facts`: what is known of the database, a value of `a`, or NULL. */
bool judge_open(Arena *a, const Config *config, Json *facts, Judge *out);
/* The same in a world of scripts that is there, and stays when it is closed; deeds are wanted. */
bool judge_join(Arena *a, const Config *config, Json *facts, Script *script, Judge *out);
/* In the order in which they run. Reads the file if that has not been done. `problem` or NULL is
 * one more of its findings, with waivers and levels as any. */
bool judge_migration(Judge *judge, Migration *m, JudgeFiles files, const JudgeProblem *problem);
bool judge_finish(Judge *judge);
void judge_close(Judge *judge);

size_t judge_count(const Judge *judge, const char *level);
/* { "findings": [...], "coverage": {...} } */
Json *judge_json(const Judge *judge);
/* The findings as another program reads them: "github", "sarif" or "junit" (hooks/formats.lua). */
bool judge_format(Judge *judge, const char *format, const Migrations *files, const char **text);

#endif
