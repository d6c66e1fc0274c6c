/* A decoded kernel, for those who run it or translate it to machine code. */
#ifndef NNC_CODEGEN_KERNEL_PROGRAM_H
#define NNC_CODEGEN_KERNEL_PROGRAM_H

#include "codegen/kernel_exec.h"

/* Machine code of a program; false on a data-dependent fault. */
typedef bool KernelEntry(void);

struct KProgram {
    Instr *code;
    size_t count;
    size_t bytes;    /* of the registers */
    int *parameters; /* KBuf ids in the order of kernel_run's argument */
    int parameter_count;
    int buffer_count;
    bool tiles; /* uses a matrix unit: is interpreted */
    Machine machine;
    KernelEntry *entry; /* once translated */
};

#endif
