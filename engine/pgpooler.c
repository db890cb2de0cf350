#include "fail.h"
#include "pg_private.h"
#include "text.h"

#include <stdlib.h>

/* A proxy that hands a client another server process for each transaction answers a second
 * client's BEGIN within this time, or has no process left to give. */
enum { PATIENCE = 5000 };

static int server_pid(Pg *pg) {
    Arena *a = arena_new();
    PgRows rows;
    int pid = pg_row(pg, a, &rows, "SELECT pg_catalog.pg_backend_pid()", PG_NONE)
                  ? (int)pg_integer(&rows, 0, 0)
                  : -1;
    arena_free(a);
    return pid;
}

static bool refuse(const char *why) {
    fail(FAIL_CONNECT, "this connection goes through a transaction-mode pooler (%s)", why);
    fail_detail("A run needs one server session for itself: locks and settings would end up in "
                "other clients' sessions.");
    return fail_hint("set direct_url (or DIRECT_URL) to the server itself, or to the pooler's "
                     "session mode (on Supabase: port 5432 instead of 6543)");
}

/* The protocol's process number is the server's own when nothing stands between. Otherwise a
 * second client opens a transaction: if it gets our server process, or ours has changed after,
 * processes are shared. (An idle pooler shows one client the same process for ever: asking only
 * ourselves proves nothing.) */
bool pg_is_ours(Pg *pg, Pg *(*open_second)(Pg *)) {
    int mine = server_pid(pg);
    if (mine < 0)
        return false;
    if (mine == pg_pid(pg))
        return true;
    Pg *second = open_second(pg);
    if (!second)
        return false;
    pg_deadline(second, PATIENCE);
    pg_deadline(pg, PATIENCE);
    size_t completed;
    bool ok = pg_message(second, "BEGIN", (PgCopies){0, NULL}, &completed) ||
              refuse("it does not let a transaction stay open");
    int theirs = ok ? server_pid(second) : -1;
    if (ok && (theirs == mine || theirs < 0))
        ok = refuse("a second client was given our server process");
    if (ok && server_pid(pg) != mine)
        ok = refuse("our server process changed between two statements");
    pg_deadline(pg, 0);
    pg_close(second);
    return ok;
}
