/* random_mt: PyTorch's CPU stream (ir/random.h) as a kernel. */
#ifndef NNC_CODEGEN_LOWER_MT_H
#define NNC_CODEGEN_LOWER_MT_H

#include "codegen/lower.h"

Kernel *lower_mt(const Group *group, const Target *target, LowerContext *context);

#endif
