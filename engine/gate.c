#include "gate.h"

#include "facts.h"
#include "fail.h"
#include "hook.h"
#include "judge.h"
#include "log.h"
#include "protection.h"
#include "text.h"

#include <string.h>

static const char *const states[] = {"passed", "warned", "refused", "overridden"};

const char *gate_state(GateState state) {
    return states[state];
}

/* ---- asking ---- */

typedef struct {
    const GateWanted *wanted;
    Arena *arena;
    Script *script; /* where the policies are loaded; NULL: there are none */
    Json *ask;
} Asking;

static bool has_way_back(const Migration *m) {
    if (m->kind == MIGRATION_REPEATABLE)
        return true;
    if (m->kind == MIGRATION_SQL)
        return m->sql->has_down || m->sql->directives.rollback;
    return script_has(&m->declaration, "down");
}

static Json *item_json(Arena *a, const PlanItem *item) {
    const Migration *m = item->migration;
    bool is_sql = m->kind == MIGRATION_SQL || m->kind == MIGRATION_REPEATABLE;
    Json *json = json_new_map(a);
    json_set_text(json, "id", m->id);
    json_set_text(json, "version", m->version);
    json_set_text(json, "name", m->name);
    json_set_text(json, "kind", migration_kind(m->kind));
    json_set_text(json, "path", m->path);
    json_set_text(json, "state", plan_state(item->state));
    json_set_text(json, "checksum", m->checksum);
    json_set_text(json, "tokens", m->tokens);
    json_set_flag(json, "reversible", has_way_back(m));
    json_set_text(json, "downtime", is_sql ? m->sql->directives.downtime : NULL);
    json_set_text(json, "rollback", is_sql ? m->sql->directives.rollback : NULL);
    return json;
}

static Json *plan_json(const Asking *asking) {
    const EvidenceFor *of = &asking->wanted->of;
    Json *plan = json_new_map(asking->arena), *pending = json_new_list(asking->arena);
    json_set_text(plan, "environment", of->config->environment);
    json_set_text(plan, "database", of->pg ? pg_database(of->pg) : NULL);
    json_set_text(plan, "command", asking->wanted->command);
    for (size_t i = 0; i < of->count; i++)
        json_append(pending, item_json(asking->arena, of->item[i]));
    json_set(plan, "pending", pending);
    return plan;
}

/* The judge has a world of its own: it loads the policies for the rules in them. */
static bool ask_judge(Asking *asking, Json *facts) {
    const EvidenceFor *of = &asking->wanted->of;
    Json *findings;
    Judge judge;
    bool ok = judge_open(asking->arena, of->config, facts, &judge);
    for (size_t i = 0; ok && i < of->count; i++) {
        Migration m = *of->item[i]->migration; /* which the run has opened in its own world */
        m.is_open = false;
        ok = judge_migration(&judge, &m, JUDGE_TOGETHER, NULL);
    }
    ok = ok && judge_finish(&judge);
    if (ok && (findings = json_get(judge_json(&judge), "findings"))) {
        json_set(asking->ask, "findings", findings);
        json_set(asking->ask, "effects", judge.effects);
    }
    judge_close(&judge);
    return ok;
}

/* A value stands in one place only: the judge takes its own. */
static bool read_facts(Asking *asking, const Json *wants) {
    const EvidenceFor *of = &asking->wanted->of;
    const char *schema = of->config->ledger_schema;
    bool is_wanted = json_as_flag(json_get(wants, "facts"));
    Json *facts = NULL, *again = NULL;
    if (is_wanted && of->pg &&
        (!facts_read(asking->arena, of->pg, schema, &facts) ||
         !json_parse(asking->arena, json_text(facts), strlen(json_text(facts)), &again)))
        return false;
    if (facts)
        json_set(asking->ask, "facts", facts);
    return !json_as_flag(json_get(wants, "judge")) || ask_judge(asking, again);
}

static bool load(Asking *asking, Json *with) {
    Hooks policies;
    Json *paths = json_new_list(asking->arena);
    if (!hook_load(asking->arena, asking->wanted->of.config, "policies", "policy", &asking->script,
                   &policies))
        return false;
    for (size_t i = 0; i < policies.count; i++)
        json_append_text(paths, policies.at[i].declaration.file);
    json_set_text(with, "command", asking->wanted->command);
    json_set(with, "policies", paths);
    return true;
}

static Strings texts(Arena *a, const Json *list) {
    Strings strings = {0, arena_take(a, (json_count(list) + 1) * sizeof(char *))};
    for (size_t i = 0; i < json_count(list); i++)
        strings.at[strings.count++] = json_as_text(json_at(list, i));
    return strings;
}

static GateState state_of(const char *word) {
    for (int state = GATE_PASSED; state < GATE_OVERRIDDEN; state++)
        if (text_same(word, states[state]))
            return (GateState)state;
    return GATE_REFUSED;
}

static void read_answer(Arena *a, const Json *list, Gates *out) {
    out->at = arena_take(a, (json_count(list) + 1) * sizeof *out->at);
    for (size_t i = 0; i < json_count(list); i++) {
        const Json *one = json_at(list, i);
        out->at[out->count++] = (Gate){.name = json_as_text(json_get(one, "gate")),
                                       .policy = json_as_text(json_get(one, "policy")),
                                       .state = state_of(json_as_text(json_get(one, "state"))),
                                       .message = json_as_text(json_get(one, "message")),
                                       .details = texts(a, json_get(one, "details")),
                                       .next = texts(a, json_get(one, "next"))};
    }
}

static bool ask_all(Asking *asking, Gates *out) {
    const GateWanted *wanted = asking->wanted;
    Arena *a = asking->arena;
    Json *with = json_new_map(a), *wants, *found, *answer;
    if (!load(asking, with))
        return false;
    if (!asking->script)
        return true;
    if (!script_exchange(a, asking->script, "gates_begin", "the policies", with, &wants))
        return fail_as(FAIL_CONFIG);
    if (!json_as_integer(json_get(wants, "demands")))
        return true;
    asking->ask = json_new_map(a);
    json_set_text(asking->ask, "environment", wanted->of.config->environment);
    json_set_text(asking->ask, "command", wanted->command);
    json_set(asking->ask, "plan", plan_json(asking));
    if (!evidence_find(&wanted->of, wants, &found) || !read_facts(asking, wants))
        return false;
    json_set(asking->ask, "found", found);
    if (!script_exchange(a, asking->script, "gates_judge", "the policies", asking->ask, &answer))
        return false;
    read_answer(a, answer, out);
    return true;
}

static Asking asking_of(const GateWanted *wanted) {
    return (Asking){.wanted = wanted, .arena = wanted->of.arena};
}

bool gate_look(const GateWanted *wanted, Gates *out) {
    Asking asking = asking_of(wanted);
    *out = (Gates){0, NULL};
    bool ok = ask_all(&asking, out);
    script_close(asking.script);
    return ok;
}

/* ---- telling ---- */

const char *gate_say(Arena *a, const Gate *gate, const char *indent) {
    Text text = text_on(a);
    text_addf(&text, "%s: %s (%s)", gate->name, gate->message ? gate->message : states[gate->state],
              gate->policy);
    for (size_t i = 0; i < gate->details.count; i++)
        text_addf(&text, "\n%s  %s", indent, gate->details.at[i]);
    for (size_t i = 0; i < gate->next.count; i++)
        text_addf(&text, "\n%s  -> %s", indent, gate->next.at[i]);
    return text.at;
}

Json *gate_json(Arena *a, const Gates *gates) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < gates->count; i++) {
        const Gate *gate = &gates->at[i];
        Json *one = json_new_map(a), *details = json_new_list(a), *next = json_new_list(a);
        json_set_text(one, "gate", gate->name);
        json_set_text(one, "state", states[gate->state]);
        json_set_text(one, "policy", gate->policy);
        json_set_text(one, "message", gate->message);
        for (size_t k = 0; k < gate->details.count; k++)
            json_append_text(details, gate->details.at[k]);
        for (size_t k = 0; k < gate->next.count; k++)
            json_append_text(next, gate->next.at[k]);
        json_set(one, "details", details);
        json_set(one, "next", next);
        json_append(list, one);
    }
    return list;
}

static bool refuse(const GateWanted *wanted, const Gates *gates, size_t count) {
    static const char indent[] = "        ";
    const char *environment = wanted->of.config->environment;
    Text names = text_on(wanted->of.arena), details = text_on(wanted->of.arena);
    for (size_t i = 0, told = 0; i < gates->count; i++) {
        if (gates->at[i].state != GATE_REFUSED)
            continue;
        text_addf(&names, "%s%s", told ? ", " : "", gates->at[i].name);
        text_addf(&details, "%s%s%s", told ? "\n" : "", told ? indent : "",
                  gate_say(wanted->of.arena, &gates->at[i], indent));
        told++;
    }
    fail(FAIL_REFUSED, "%s refuses: the gate%s %s", environment, count > 1 ? "s" : "", names.at);
    fail_detail("%s", details.at);
    fail_state("nothing was run");
    return fail_next("what stands behind each arrow; then: stint %s -e %s", wanted->command,
                     environment);
}

/* ---- lifting ---- */

static bool note(const Asking *asking, long long run, const char *kind, const char *name,
                 const Gates *gates) {
    const GateWanted *wanted = asking->wanted;
    Json *facts = json_new_map(asking->arena), *lifted = json_new_list(asking->arena);
    for (size_t i = 0; i < gates->count; i++)
        if (text_same(gates->at[i].name, name) && gates->at[i].message)
            json_append_text(lifted, gate_say(asking->arena, &gates->at[i], ""));
    json_set_text(facts, "gate", name);
    json_set_text(facts, "command", wanted->command);
    json_set(facts, "said", lifted);
    return ledger_event(wanted->of.pg, wanted->of.config->ledger_schema, run, NULL, kind,
                        wanted->reason, json_text(facts));
}

static bool refuse_override(const Asking *asking, const char *name, const char *who) {
    const GateWanted *wanted = asking->wanted;
    fail(FAIL_REFUSED, "%s may not override the gate %s in %s", pg_user(wanted->of.pg), name,
         wanted->of.config->environment);
    if (who)
        fail_detail("members of %s may", who);
    else
        fail_detail("its policy lets nobody: override = { %s = \"ROLE\" } there would", name);
    return fail_state("nothing was run");
}

/* Every policy that demands the gate must let this role. */
static bool is_rightful(const Asking *asking, const Json *lists, bool *may, const char **who) {
    *may = json_count(lists) > 0;
    *who = NULL;
    for (size_t i = 0; *may && i < json_count(lists); i++) {
        Strings roles = texts(asking->arena, json_at(lists, i));
        Text text = text_on(asking->arena);
        for (size_t k = 0; k < roles.count; k++)
            text_addf(&text, "%s%s", k ? ", " : "", roles.at[k]);
        *who = text.at;
        if (!evidence_may(asking->wanted->of.pg, asking->arena, roles, may))
            return false;
    }
    return true;
}

static bool lift(const Asking *asking, const char *name, long long run, Gates *gates) {
    Json *with = json_new_map(asking->arena), *answer;
    const char *who;
    bool may;
    json_set_text(with, "name", name);
    if (!script_exchange(asking->arena, asking->script, "gates_override", "the policies", with,
                         &answer))
        return false;
    if (!json_as_flag(json_get(answer, "known"))) {
        const char *nearest = json_as_text(json_get(answer, "nearest"));
        fail(FAIL_USAGE, "there is no gate \"%s\"", name);
        return nearest ? fail_hint("did you mean %s?", nearest) : false;
    }
    if (!is_rightful(asking, json_get(answer, "roles"), &may, &who))
        return false;
    if (!note(asking, run, may ? "overridden" : "override_refused", name, gates))
        return false;
    if (!may)
        return refuse_override(asking, name, who);
    for (size_t i = 0; i < gates->count; i++)
        if (text_same(gates->at[i].name, name) && gates->at[i].state == GATE_REFUSED) {
            gates->at[i].state = GATE_OVERRIDDEN;
            log_warn("%s is overridden: %s", name, gates->at[i].message);
        }
    return true;
}

static bool lift_all(const Asking *asking, long long run, Gates *gates) {
    const Strings *names = &asking->wanted->override;
    if (names->count && !asking->script)
        return fail(FAIL_REFUSED, "%s has no policies: there is nothing to override",
                    asking->wanted->of.config->environment);
    for (size_t i = 0; i < names->count; i++)
        if (!lift(asking, names->at[i], run, gates))
            return false;
    return true;
}

/* Are gates binding for this command in this environment? */
static bool is_bound(const Config *config, const char *command) {
    return text_same(command, "deploy") || protection_of(config);
}

bool gate_pass(const GateWanted *wanted, long long run) {
    Asking asking = asking_of(wanted);
    Gates gates = {0, NULL};
    size_t refused = 0;
    if (!is_bound(wanted->of.config, wanted->command))
        return !wanted->override.count || fail(FAIL_REFUSED, "no gates bind %s in %s",
                                               wanted->command, wanted->of.config->environment);
    bool ok = ask_all(&asking, &gates) && lift_all(&asking, run, &gates);
    script_close(asking.script);
    for (size_t i = 0; ok && i < gates.count; i++) {
        refused += gates.at[i].state == GATE_REFUSED;
        if (gates.at[i].state == GATE_WARNED)
            log_warn("%s", gate_say(wanted->of.arena, &gates.at[i], "  "));
    }
    return ok && (!refused || refuse(wanted, &gates, refused));
}
