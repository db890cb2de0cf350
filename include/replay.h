/* replay: what a rehearsal has shown, for people and programs: what each statement really locked,
 * rewrote and built, what was not as the plan says, what breaks. Refuses to hold one. */
#ifndef REPLAY_H
#define REPLAY_H

#include "rehearsal.h"

/* Of a file, or of its statement; `rehearsal` NULL: there was none. */
void replay_print_statement(Arena *a, const Rehearsal *rehearsal, const char *id, size_t number);
void replay_print_script(Arena *a, const Rehearsal *rehearsal, const char *id);
Json *replay_file_json(Arena *a, const Rehearsal *rehearsal, const char *id);
/* Of all. */
void replay_print(Arena *a, const Rehearsal *rehearsal);
Json *replay_json(Arena *a, const Rehearsal *rehearsal);

#endif
