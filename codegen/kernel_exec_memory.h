/* Loads and stores of the interpreting tier. */
#ifndef NNC_CODEGEN_KERNEL_EXEC_MEMORY_H
#define NNC_CODEGEN_KERNEL_EXEC_MEMORY_H

#include "codegen/kernel_exec.h"

Exec exec_for_load(const KVal *load);

#endif
