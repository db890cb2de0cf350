#include "cli.h"

#include <stdlib.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

int main(int argc, char **argv) {
#ifdef __GLIBC__
    mallopt(M_MXFAST, 0); /* else each larger request walks through all that Lua has let go */
#endif
    return cli_main(argc, argv);
}
