#include "review.h"

#include "facts.h"
#include "fail.h"
#include "imprint.h"
#include "sql.h"

#include <string.h>

/* From here on tables count as of another size at every tenfold. */
enum { SIZE_FLOOR = 1000000 };

/* ---- asking ---- */

static bool read_facts(const Run *run, Json **out) {
    *out = NULL;
    return !run->pg || facts_read(run->arena, run->pg, run->config->ledger_schema, out);
}

/* The run's files are opened in its world as well. */
static bool open_judge(Run *run, Json *facts, Review *out) {
    *out = (Review){.file = arena_take(run->arena, (run->plan.count + 1) * sizeof *out->file)};
    if (!run->script)
        run->script = hook_world(run->arena, run->config);
    return run->script && judge_join(run->arena, run->config, facts, run->script, &out->judge);
}

static bool is_lua(const Migration *m) {
    return m->kind == MIGRATION_LUA || m->kind == MIGRATION_BACKFILL;
}

/* The judge lets go of a text when it is done: of its own copy. */
static bool judge_item(Review *review, const PlanItem *item) {
    Migration copy = *item->migration;
    ReviewFile *file = &review->file[review->count++];
    *file = (ReviewFile){.id = arena_string(review->judge.arena, item->migration->id),
                         .item = item,
                         .first = review->judge.count};
    copy.text = copy.down_text = (Bytes){NULL, 0};
    Migration *m = is_lua(item->migration) ? item->migration : &copy;
    review->judge.applied = item->state == PLAN_PARTIAL ? item->row->position : 0;
    if (!judge_migration(&review->judge, m, JUDGE_TOGETHER, NULL))
        return false;
    file->deeds = review->judge.deeds;
    file->count = review->judge.count - file->first;
    return true;
}

/* ---- the imprint ---- */

static bool add_ledger(Run *run, Imprint *imprint) {
    Arena *a = run->arena;
    PgRows rows;
    if (!run->pg || !run->ledger.version) {
        imprint_add(imprint, IMPRINT_LEDGER, "last", NULL);
        return true;
    }
    if (!pg_row(run->pg, a, &rows, ledger_sql(a, run->config->ledger_schema, SQL_LEDGER_LAST),
                PG_NONE))
        return false;
    imprint_add(imprint, IMPRINT_LEDGER, "last", pg_cell(&rows, 0, 0));
    return true;
}

static void add_list(Imprint *imprint, const char *name, const Json *list) {
    for (size_t i = 0; i < json_count(list); i++)
        imprint_add(imprint, IMPRINT_IMPACT, name, json_as_text(json_at(list, i)));
}

static void add_size(Arena *a, Imprint *imprint, const Json *lock) {
    const Json *bytes = json_get(lock, "bytes");
    if (!bytes || json_as_flag(json_get(lock, "is_new")))
        return;
    long tier = 0;
    for (long long at = SIZE_FLOOR; json_as_integer(bytes) >= at; at *= 10)
        tier++;
    imprint_add(imprint, IMPRINT_SIZES, json_as_text(json_get(lock, "relation")),
                arena_format(a, "%ld", tier));
}

static void add_deed(Arena *a, Imprint *imprint, const Json *deed) {
    const Json *impact = json_get(deed, "impact"), *locks = json_get(impact, "locks");
    imprint_add(imprint, IMPRINT_IMPACT, "statement", json_as_text(json_get(deed, "fingerprint")));
    imprint_add(imprint, IMPRINT_IMPACT, "kind", json_as_text(json_get(deed, "kind")));
    for (size_t i = 0; i < json_count(locks); i++) {
        const Json *lock = json_at(locks, i);
        imprint_add(imprint, IMPRINT_IMPACT, json_as_text(json_get(lock, "mode")),
                    json_as_text(json_get(lock, "relation")));
        add_size(a, imprint, lock);
    }
    add_list(imprint, "rewrites", json_get(impact, "rewrites"));
    add_list(imprint, "scans", json_get(impact, "scans"));
    add_list(imprint, "builds", json_get(impact, "builds"));
    imprint_add(imprint, IMPRINT_IMPACT, "certainty", json_as_text(json_get(impact, "certainty")));
}

static void add_file(Arena *a, Imprint *imprint, const ReviewFile *file) {
    const Migration *m = file->item->migration;
    long position = file->item->row ? file->item->row->position : 0;
    imprint_add(imprint, IMPRINT_FILES, m->id, m->checksum);
    imprint_add(imprint, IMPRINT_FILES, plan_state(file->item->state),
                arena_format(a, "%ld", position));
    for (size_t i = 0; i < json_count(file->deeds); i++)
        add_deed(a, imprint, json_at(file->deeds, i));
}

/* Its words may hold sizes. */
static void add_verdict(Imprint *imprint, const JudgeFinding *finding) {
    imprint_add(imprint, IMPRINT_VERDICTS, finding->rule, finding->level);
    imprint_add(imprint, IMPRINT_VERDICTS, finding->certainty, finding->place.file);
    imprint_add(imprint, IMPRINT_VERDICTS, "of", finding->fingerprint);
    imprint_add(imprint, IMPRINT_VERDICTS, "object", finding->object);
}

static bool add_policies(Arena *a, Imprint *imprint, const Judge *judge) {
    Bytes text;
    for (size_t i = 0; i < judge->policies.count; i++) {
        const Hook *policy = &judge->policies.at[i];
        if (!file_read(a, policy->declaration.file, &text))
            return false;
        imprint_add(imprint, IMPRINT_POLICIES, policy->name, text.at);
    }
    imprint_add(imprint, IMPRINT_POLICIES, "unparsed", judge->config->unparsed);
    imprint_add(imprint, IMPRINT_POLICIES, "assumed", judge->config->assumed);
    imprint_add(imprint, IMPRINT_POLICIES, "opaque", judge->config->opaque);
    return true;
}

static bool add_imprint(Run *run, Review *review) {
    Arena *a = run->arena;
    Imprint imprint = imprint_on(a);
    imprint_add(&imprint, IMPRINT_FILES, "environment", run->config->environment);
    for (size_t i = 0; i < review->count; i++)
        add_file(a, &imprint, &review->file[i]);
    for (size_t i = 0; i < review->judge.count; i++)
        add_verdict(&imprint, &review->judge.finding[i]);
    if (!add_policies(a, &imprint, &review->judge) || !add_ledger(run, &imprint))
        return false;
    review->hash = imprint_hash(a, &imprint);
    return true;
}

bool review_make(Run *run, Review *out) {
    Json *facts;
    if (!read_facts(run, &facts) || !open_judge(run, facts, out))
        return false;
    for (size_t i = 0; i < run->plan.count; i++)
        if (plan_is_due(&run->plan.item[i]) && !judge_item(out, &run->plan.item[i]))
            return false;
    return judge_finish(&out->judge) && add_imprint(run, out);
}

/* There for what it leaves behind. */
static bool judge_down(Review *review, const Migration *m) {
    const SqlHalf *down = m->sql->down;
    const size_t length = down->to - down->from;
    Migration copy = *m;
    copy.down_path = NULL;
    copy.text = (Bytes){arena_bytes(review->judge.arena, down->text + down->from, length), length};
    return judge_migration(&review->judge, &copy, JUDGE_KNOWN, NULL);
}

bool review_redo(Run *run, const PlanItem *item, Review *out) {
    const bool is_sql = item->migration->kind == MIGRATION_SQL;
    Json *facts = NULL; /* what a script's way down leaves behind nobody knows */
    return (!is_sql || read_facts(run, &facts)) && open_judge(run, facts, out) &&
           (!is_sql || judge_down(out, item->migration)) && judge_item(out, item) &&
           judge_finish(&out->judge);
}

const ReviewFile *review_file(const Review *review, const char *id) {
    for (size_t i = 0; i < review->count; i++)
        if (text_same(review->file[i].id, id))
            return &review->file[i];
    return NULL;
}

/* ---- saying no ---- */

static bool has_policies(const Config *config) {
    Arena *a = arena_new();
    FileNames names;
    size_t count = 0;
    const char *folder = file_join(a, config->scripts, "policies");
    if (file_is_folder(folder) && file_names(a, folder, &names))
        for (size_t i = 0; i < names.count; i++)
            count += text_ends(names.name[i], ".lua");
    fail_clear();
    arena_free(a);
    return count > 0;
}

/* Has it an opinion on statements that is more than a warning? */
static bool can_refuse(Arena *a, const Declaration *policy) {
    static const char *const asks[] = {"statement", "transaction", "file", "history"};
    for (size_t i = 0; i < sizeof asks / sizeof *asks; i++)
        if (script_has(policy, asks[i]))
            return true;
    const Pairs levels = script_pairs(a, policy, "rules");
    for (size_t i = 0; i < levels.count; i++)
        if (text_same(levels.value[i], "deny"))
            return true;
    return false;
}

static bool read_policies(Run *run, bool *bind) {
    Hooks policies = {0, NULL};
    if (!hook_load(run->arena, run->config, "policies", "policy", &run->script, &policies))
        return false;
    for (size_t i = 0; i < policies.count; i++)
        *bind = *bind || can_refuse(run->arena, &policies.at[i].declaration);
    return true;
}

bool review_binds(Run *run, bool *bind) {
    static const char BLOCK[] = "block";
    const Config *config = run->config;
    *bind = config->is_protected || text_same(config->unparsed, BLOCK) ||
            text_same(config->assumed, BLOCK) || text_same(config->opaque, BLOCK);
    return *bind || !has_policies(config) || read_policies(run, bind);
}

static bool refuses(const Review *review, const JudgeFinding *finding) {
    return text_same(finding->level, "error") &&
           (finding->binding || review->judge.config->is_protected);
}

Strings review_errors(const Review *review) {
    Arena *a = review->judge.arena;
    Strings errors = {0, arena_take(a, (review->judge.count + 1) * sizeof(char *))};
    for (size_t i = 0; i < review->judge.count; i++) {
        const JudgeFinding *finding = &review->judge.finding[i];
        const FailPlace *place = &finding->place;
        if (refuses(review, finding))
            errors.at[errors.count++] =
                arena_format(a, "%s:%zu:%zu: %s (%s)", place->file ? place->file : "the files",
                             place->line, place->column, finding->message, finding->rule);
    }
    return errors;
}

bool review_accept(const Review *review) {
    const Strings errors = review_errors(review);
    const JudgeFinding *first = review->judge.finding;
    Text all = text_on(review->judge.arena);
    if (!errors.count)
        return true;
    while (!refuses(review, first))
        first++;
    for (size_t i = 0; i < errors.count; i++)
        text_addf(&all, "%s%s", i ? "\n        " : "", errors.at[i]);
    fail(FAIL_REFUSED, "the rules of %s refuse what is pending: %zu %s",
         review->judge.config->environment, errors.count, errors.count == 1 ? "error" : "errors");
    fail_detail("%s", all.at);
    if (first->place.file)
        fail_at(first->place);
    if (first->hint)
        fail_hint("%s", first->hint);
    fail_state("nothing was run");
    return fail_next("stint plan shows all findings; to allow one, write above its statement: -- "
                     "stint: allow %s reason=\"...\"",
                     first->rule);
}
