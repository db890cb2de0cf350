#include "fail.h"
#include "pg_private.h"
#include "stop.h"
#include "text.h"

#include <stdlib.h>

/* How long a first answer may take, and a second client's BEGIN; and how often the proof is asked
 * for: on a busy pool one try may find everybody where they were by chance. */
enum { FIRST_PATIENCE = 5000, SECOND_PATIENCE = 3000, ROUNDS = 10 };

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
    if (stop_asked())
        return stop_failure();
    fail(FAIL_CONNECT, "this connection goes through a transaction-mode pooler (%s)", why);
    fail_detail("A run needs one server session for itself: locks and settings would end up in "
                "other clients' sessions.");
    return fail_hint("set direct_url (or DIRECT_URL) to the server itself, or to the pooler's "
                     "session mode (on Supabase: port 5432 instead of 6543)");
}

static bool no_session(const char *what, int patience) {
    fail(FAIL_CONNECT, "%s could not be had within %d s", what, patience / 1000);
    fail_detail("If a pooler stands between, its pool may be too small or too busy.");
    return fail_hint("set direct_url (or DIRECT_URL) to the server itself");
}

static bool begin(Pg *second) {
    if (pg_do_all(second, "BEGIN"))
        return true;
    if (pg_error(second)->deadline)
        return no_session("a second session, to prove that the first is ours alone,",
                          SECOND_PATIENCE);
    return refuse("it does not let a transaction stay open");
}

/* The second client holds a server process and gives it back: on an idle pool that is the one that
 * our next statement gets, if processes are shared. */
static bool ask_once(Pg *pg, Pg *second, int mine) {
    if (!begin(second))
        return false;
    int theirs = server_pid(second);
    if (theirs == mine || theirs < 0)
        return refuse("a second client was given our server process");
    if (!pg_do_all(second, "COMMIT"))
        return refuse("it does not let a transaction stay open");
    return server_pid(pg) == mine || refuse("our server process changed between two statements");
}

/* The protocol's process number is the server's own when nothing stands between. Otherwise a
 * second client opens a transaction: if it gets our server process, or ours has changed after,
 * processes are shared. (An idle pooler shows one client the same process for ever: asking only
 * ourselves proves nothing.) */
bool pg_is_ours(Pg *pg, Pg *(*open_second)(Pg *)) {
    pg_deadline(pg, FIRST_PATIENCE);
    int mine = server_pid(pg);
    if (mine < 0)
        return pg_error(pg)->deadline ? no_session("a server session", FIRST_PATIENCE) : false;
    bool ok = true;
    pg->pid = mine;
    if (!pg_is_direct(pg)) {
        Pg *second = open_second(pg);
        if (!second)
            return false;
        pg_deadline(second, SECOND_PATIENCE);
        for (int i = 0; i < ROUNDS && ok; i++)
            ok = ask_once(pg, second, mine);
        pg_close(second);
    }
    pg_deadline(pg, 0);
    return ok;
}
