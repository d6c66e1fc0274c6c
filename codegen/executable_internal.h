/* What the two tiers of an Executable share. */
#ifndef NNC_CODEGEN_EXECUTABLE_INTERNAL_H
#define NNC_CODEGEN_EXECUTABLE_INTERNAL_H

#include "codegen/codegen.h"
#include "codegen/jit/jit.h"
#include "codegen/native/native.h"
#include "codegen/plan.h"

/* The compiled entry: 0, or the number (from 1) of the step that faulted. */
typedef int ExecutableEntry(const void *const *inputs, void *const *outputs, unsigned char *arena,
                            const void *const *constants);

/* What was compiled together is unloaded together, with the last of its users. */
typedef struct CompiledBatch {
    NativeModule *module;
    int users;
} CompiledBatch;

struct Executable {
    Arena arena;
    Graph *graph; /* optimized */
    Plan *plan;
    KProgram **programs;  /* by step; decoded when the first tier first runs */
    JitCode *translation; /* of them, or NULL */
    unsigned char *block; /* what was allocated; `memory` is aligned inside */
    unsigned char *memory;
    CompiledBatch *batch; /* the compiled tier, or NULL */
    ExecutableEntry *entry;
    const void **constants; /* of the compiled tier */
    Span fault;             /* of the last failed run */
};

/* Drops the compiled tier, if there is one. */
void executable_unload(Executable *executable);

#endif
