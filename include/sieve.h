/* sieve: the script of a dump on its way to psql, without the BEGIN and COMMIT that pg_dump and
 * pg_restore put around large objects: what is to be one transaction must not end in its middle.
 * Refuses to know who writes and who reads. */
#ifndef SIEVE_H
#define SIEVE_H

typedef enum {
    SIEVE_DONE,   /* all of it went through */
    SIEVE_CLOSED, /* who reads has gone */
    SIEVE_FAILED, /* cannot read or write, or a stop */
} SieveAnswer;

/* Until the end of `from`; it lasts as long as both ends let it. Says every few seconds how far it
 * is (log_say). */
SieveAnswer sieve_copy(int from, int to);

#endif
