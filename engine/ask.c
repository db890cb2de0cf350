#include "ask.h"

#include "fail.h"
#include "stop.h"

#include <stdio.h>
#include <unistd.h>

bool ask_consent(const Call *call, const Question *question) {
    char answer[16] = "";
    if (call->yes)
        return true;
    if (call->json || !isatty(STDIN_FILENO)) {
        fail(FAIL_REFUSED, "%s, and nobody is here to be asked", question->nobody);
        fail_state("%s", question->state);
        return fail_next("%s", question->next);
    }
    fprintf(stderr, "%s [y/N] ", question->question);
    fflush(stderr);
    if (fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    if (stop_asked())
        stop_failure();
    else
        fail(FAIL_REFUSED, "you said no");
    return fail_state("%s", question->state);
}
