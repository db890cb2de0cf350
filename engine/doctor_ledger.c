#include "doctor.h"

#include "fail.h"
#include "text.h"

void doctor_ledger(Doctor *doctor) {
    Run *run = &doctor->run;
    const char *schema = doctor->config->ledger_schema;
    Ledger ledger;
    if (!run->pg)
        doctor_found(doctor, DOCTOR_NOTE, NULL, "not looked at: there is no connection");
    else if (!ledger_read(run->pg, doctor->arena, schema, LEDGER_WHOLE, &ledger))
        doctor_found_failure(doctor, DOCTOR_WRONG);
    else if (!ledger.version)
        doctor_found(doctor, DOCTOR_OK, NULL, "none yet: the first stint up makes the schema %s",
                     schema);
    else
        doctor_found(doctor, DOCTOR_OK, NULL, "version %d in the schema %s, %zu files",
                     ledger.version, schema, ledger.count);
}

static const char *format_mend(const Doctor *doctor, const PlanItem *item, const char *mend) {
    return arena_format(doctor->arena, mend, plan_version(item));
}

static void tell_partial(Doctor *doctor, const PlanItem *item) {
    const LedgerRow *row = item->row;
    if (row->intent)
        doctor_found(doctor, DOCTOR_WRONG,
                     arena_format(doctor->arena,
                                  "stint up looks what became of it; if it cannot tell: stint "
                                  "resolve %s --statement-done %ld | --statement-again %ld",
                                  row->version, row->intent, row->intent),
                     "%s: %ld of %ld statements are applied, statement %ld may or may not have run",
                     plan_name(item), row->position, row->statements, row->intent);
    else
        doctor_found(doctor, DOCTOR_WRONG, "stint up goes on with it",
                     "%s: %ld of %ld statements are applied", plan_name(item), row->position,
                     row->statements);
}

static void tell_failed(Doctor *doctor, const PlanItem *item) {
    if (item->failure)
        doctor_found(doctor, DOCTOR_WRONG, "mend the file, then: stint up",
                     "%s: its last attempt failed: %s", plan_name(item), item->failure->message);
}

/* What each state says; `%s` of the command is the version. NULL: nothing to say. */
static const struct {
    DoctorLevel level;
    bool by_order; /* wrong only where order = strict */
    const char *message, *mend;
} states[] = {
    [PLAN_BACKFILLING] = {DOCTOR_NOTE, false, "is backfilling", "stint up goes on with it"},
    [PLAN_EDITED] = {DOCTOR_WRONG, false, "was edited after it was applied",
                     "undo the edit, or: stint resolve %s --accept-change"},
    [PLAN_MISSING] = {DOCTOR_NOTE, true, "is applied, but its file is missing",
                      "bring the file back, or: stint resolve %s --rolled-back"},
    [PLAN_OUT_OF_ORDER] = {DOCTOR_NOTE, true, "is pending, and older than the newest applied one",
                           "give %s a new version, or: stint up --order warn"},
    [PLAN_ROLLED_BACK] = {DOCTOR_OK, false, NULL, NULL},
    [PLAN_REVERTING] = {DOCTOR_WRONG, false, "is being rolled back, and that did not end",
                        "stint down goes on there"},
};

static void tell_state(Doctor *doctor, const PlanItem *item) {
    bool strict = text_same(doctor->config->order, "strict");
    if (item->state == PLAN_PARTIAL)
        tell_partial(doctor, item);
    if (item->state != PLAN_PARTIAL || !item->row->intent)
        tell_failed(doctor, item);
    if (item->down_changed)
        doctor_found(doctor, DOCTOR_NOTE,
                     format_mend(doctor, item, "stint resolve %s --accept-change"),
                     "%s: its way down was changed since it was applied", plan_name(item));
    if (!states[item->state].message)
        return;
    doctor_found(doctor,
                 states[item->state].by_order && strict ? DOCTOR_WRONG : states[item->state].level,
                 format_mend(doctor, item, states[item->state].mend), "%s %s", plan_name(item),
                 states[item->state].message);
}

/* Pending files are read as `up` would read them. */
static bool can_be_read(Doctor *doctor, const PlanItem *item) {
    if (!plan_is_due(item) || run_open(&doctor->run, item->migration))
        return true;
    doctor_found_failure(doctor, DOCTOR_WRONG);
    return false;
}

void doctor_migrations(Doctor *doctor) {
    Run *run = &doctor->run;
    size_t before = doctor->count, edited = 0, unread = 0;
    if (!run_look(run)) {
        doctor_found_failure(doctor, DOCTOR_WRONG);
        return;
    }
    for (size_t i = 0; i < run->plan.count; i++) {
        const PlanItem *item = &run->plan.item[i];
        edited += item->state == PLAN_EDITED;
        tell_state(doctor, item);
        unread += !can_be_read(doctor, item);
    }
    if (!edited && !unread && !plan_accept(&run->plan, "allow"))
        doctor_found_failure(doctor, DOCTOR_WRONG);
    if (doctor->count == before)
        doctor_found(doctor, DOCTOR_OK, NULL, "%zu files, %zu pending", run->plan.count,
                     run->plan.due);
}
