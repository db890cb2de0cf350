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

/* ---- asking ---- */

typedef struct {
    const GateWanted *wanted;
    Arena *arena;
    Script *script; /* where the policies are loaded; NULL: there are none */
    Json *ask;
} Asking;

static Json *copied(Arena *a, const Json *json) {
    Json *copy = NULL;
    const char *text = json_text(json);
    return json_parse(a, text, strlen(text), &copy) ? copy : NULL;
}

static void take_judgement(Asking *asking, const Judge *judge) {
    Arena *a = asking->arena;
    json_set(asking->ask, "findings", copied(a, json_get(judge_json(judge), "findings")));
    json_set(asking->ask, "effects", copied(a, judge->effects));
}

/* Where it has not been asked yet, it has a world of its own, and loads the policies for the rules
 * in them. */
static bool ask_judge(Asking *asking, Json *facts) {
    const EvidenceFor *of = &asking->wanted->of;
    Judge judge;
    bool ok = judge_open(asking->arena, of->config, facts, &judge);
    for (size_t i = 0; ok && i < of->count; i++) {
        Migration m = *of->item[i]->migration; /* which the run has opened in its own world */
        m.is_open = false;
        ok = judge_migration(&judge, &m, JUDGE_TOGETHER, NULL);
    }
    ok = ok && judge_finish(&judge);
    if (ok)
        take_judgement(asking, &judge);
    judge_close(&judge);
    return ok;
}

static bool read_facts(Asking *asking, const Json *wants) {
    const EvidenceFor *of = &asking->wanted->of;
    const char *schema = of->config->ledger_schema;
    bool is_wanted = json_as_flag(json_get(wants, "facts"));
    Json *facts = NULL;
    if (is_wanted && of->pg && !facts_read(asking->arena, of->pg, schema, &facts))
        return false;
    if (facts)
        json_set(asking->ask, "facts", copied(asking->arena, facts));
    if (!json_as_flag(json_get(wants, "judge")))
        return true;
    if (!asking->wanted->review)
        return ask_judge(asking, facts);
    take_judgement(asking, &asking->wanted->review->judge);
    return true;
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

static Json *list_of(Arena *a, Strings strings) {
    Json *list = json_new_list(a);
    for (size_t i = 0; i < strings.count; i++)
        json_append_text(list, strings.at[i]);
    return list;
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
    const Strings errors = wanted->review ? review_errors(wanted->review) : (Strings){0, NULL};
    if (!json_as_integer(json_get(wants, "demands")) && !errors.count)
        return true;
    asking->ask = json_new_map(a);
    json_set_text(asking->ask, "environment", wanted->of.config->environment);
    json_set_text(asking->ask, "command", wanted->command);
    json_set(asking->ask, "plan", evidence_plan(&wanted->of, wanted->command));
    if (!evidence_find(&wanted->of, wants, &found) || !read_facts(asking, wants))
        return false;
    json_set(asking->ask, "found", found);
    json_set(asking->ask, "errors", list_of(a, errors));
    if (!script_exchange(a, asking->script, "gates_judge", "the policies", asking->ask, &answer))
        return false;
    read_answer(a, answer, out);
    return true;
}

static Asking asking_of(const GateWanted *wanted) {
    return (Asking){.wanted = wanted, .arena = wanted->of.arena};
}

bool gate_wants(Arena *a, const Config *config, const char *command, Json **wants) {
    const GateWanted wanted = {.command = command, .of = {.arena = a, .config = config}};
    Asking asking = asking_of(&wanted);
    Json *with = json_new_map(a);
    *wants = NULL;
    bool ok = load(&asking, with);
    if (ok && asking.script &&
        !script_exchange(a, asking.script, "gates_begin", "the policies", with, wants))
        ok = fail_as(FAIL_CONFIG);
    script_close(asking.script);
    return ok;
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
        Json *one = json_new_map(a);
        json_set_text(one, "gate", gate->name);
        json_set_text(one, "state", states[gate->state]);
        json_set_text(one, "policy", gate->policy);
        json_set_text(one, "message", gate->message);
        json_set(one, "details", list_of(a, gate->details));
        json_set(one, "next", list_of(a, gate->next));
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

/* The first trace that this leaves in a fresh database, if need be: who tried it is to be known. */
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
    const char *schema = wanted->of.config->ledger_schema;
    return (wanted->of.ledger->version || ledger_prepare(wanted->of.pg, schema)) &&
           ledger_event(wanted->of.pg, schema, run, NULL, kind, wanted->reason, json_text(facts));
}

static bool refuse_override(const Asking *asking, const char *name, const char *who,
                            const Json *answer) {
    const GateWanted *wanted = asking->wanted;
    fail(FAIL_REFUSED, "%s may not override the gate %s in %s", pg_user(wanted->of.pg), name,
         wanted->of.config->environment);
    if (who)
        fail_detail("members of %s may", who);
    else if (!json_as_flag(json_get(answer, "demanded")))
        fail_detail("no policy demands it of stint %s there: there is nothing to override",
                    wanted->command);
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
        return refuse_override(asking, name, who, answer);
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
    bool bound = is_bound(wanted->of.config, wanted->command);
    if (!bound && wanted->override.count)
        return fail(FAIL_REFUSED, "no gates bind %s in %s", wanted->command,
                    wanted->of.config->environment);
    bool ok = !bound || (ask_all(&asking, &gates) && lift_all(&asking, run, &gates));
    bool rules_asked = asking.script != NULL;
    script_close(asking.script);
    for (size_t i = 0; ok && i < gates.count; i++) {
        refused += gates.at[i].state == GATE_REFUSED;
        if (gates.at[i].state == GATE_WARNED)
            log_warn("%s", gate_say(wanted->of.arena, &gates.at[i], "  "));
    }
    if (!ok || refused)
        return ok && refuse(wanted, &gates, refused);
    return rules_asked || !wanted->review || review_accept(wanted->review);
}
