#include "hours.h"

#include "fail.h"
#include "sql.h"
#include "text.h"

bool hours_ask(Pg *pg, Arena *a, const Hours *h, bool *is_open, const char **closes) {
    PgRows rows;
    if (!pg_row(pg, a, &rows, SQL_HOURS_ASK, PG_WITH(h->from, h->to, h->zone)))
        return false;
    *is_open = pg_true(&rows, 0, 0);
    *closes = pg_cell(&rows, 0, 1);
    return true;
}

bool hours_read(Pg *pg, Arena *a, const Declaration *d, Hours *out) {
    Pairs given = script_pairs(a, d, "window");
    const struct {
        const char *name, **value;
    } fields[] = {{"from", &out->from}, {"to", &out->to}, {"zone", &out->zone}};
    bool is_open;
    const char *closes;
    *out = (Hours){0};
    for (size_t i = 0; i < given.count; i++)
        for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
            if (text_same(fields[k].name, given.name[i]))
                *fields[k].value = given.value[i];
    if (!given.count)
        return true;
    if (hours_ask(pg, a, out, &is_open, &closes))
        return true;
    if (pg_state(pg) == PG_LOST)
        return false;
    fail_in("window");
    return script_at(d);
}
