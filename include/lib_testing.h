/* lib_testing: what the parts of the specs' window share: the functions that specs call
 * (lib_testing.c, lib_rules.c), and the state in which busted calls specs (lib_tester.c). Refuses
 * to be seen by anybody else. */
#ifndef LIB_TESTING_H
#define LIB_TESTING_H

#include "sandbox.h"
#include "testbed.h"
#include "testing.h"

/* What one run of the specs has in its hands. */
typedef struct {
    Arena *arena;
    const TestingWanted *wanted;
    Script *spec, *team; /* the open state; the scripts' sandbox of this spec file, or NULL */
    Testbed bed;
    bool has_db; /* this spec file has asked for `db` */
} Testing;

/* Makes the team's state, if that has not been done. */
bool lib_testing_team(Testing *testing, lua_State *L);
/* What the judge has for specs (lib_rules.c); upvalues as in lib_testing.c. */
extern const luaL_Reg lib_testing_rules[];
/* Pushes the table of functions that hooks/testing.lua and hooks/tester.lua are made from. */
void lib_testing_push(lua_State *L, Testing *testing);

#endif
