/* The frontend's two entry points: a program that is run, and a program that is compiled. */
#ifndef NNC_FRONTEND_FRONTEND_H
#define NNC_FRONTEND_FRONTEND_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include "ir/program.h"
#include "support/source.h"

typedef struct FrontendOptions {
    uint16_t file;                  /* the program, registered with the sources */
    const char *name;               /* of the Program: "lenet" */
    const char *module;             /* --module: an expression, or NULL */
    const char *const *input_types; /* --input: "x=f32[1,1,32,32]" */
    int input_type_count;
    const int64_t *batches; /* --batch: sizes in ascending order */
    int batch_count;        /* 0: the program's own */
    char *const *args;      /* sys.argv[1:] */
    int arg_count;
    long long step_limit; /* evaluation steps; 0: none, -1: the default (compiling: 10^9) */
    bool no_train;        /* compiling: leave the train step out */
    bool verbose;         /* run: a summary of graphs and times on standard error at the end */
    const char *vector;   /* run: as CodegenOptions.vector */
    const Precision *precision; /* run: whatever the program sets; or NULL */
    const DType *autocast; /* as if the program stood in torch.autocast of that type; or NULL */
    FILE *out;             /* the program's standard output */
    bool ends;             /* the process ends soon: memory is left to the system */
    volatile sig_atomic_t *interrupted; /* run: set when the user interrupts; NULL: never */
} FrontendOptions;

/* `nnc run`: the process's exit status. Errors are reported on `sources`. */
int frontend_run(const FrontendOptions *options, Sources *sources);
/* `nnc x.nn -o ...`: evaluates the top level, traces forward and the train step. NULL after errors
 * were reported on `sources`. The Program lives in `arena`. */
Program *frontend_compile(const FrontendOptions *options, Sources *sources, Arena *arena);

#endif
