/* aim: which of an environment's targets a command is for: one, which then is all that the command
 * sees; or many, in each of which it is carried out (muster.h). Without `targets` it is what
 * config.ini says, as ever. Refuses to know the command. */
#ifndef AIM_H
#define AIM_H

#include "command.h"
#include "target.h"

typedef enum { AIM_ONE, AIM_MANY, AIM_FAILED } AimAnswer;

/* AIM_ONE: call->config is for that one. AIM_MANY: `out` are those that are meant. */
AimAnswer aim_take(const Command *command, Call *call, Targets *out);
/* The variable that tells a process of a fleet what chose it: " -e production --target t7". */
#define AIM_CHOSEN "STINT_FLEET"

#endif
