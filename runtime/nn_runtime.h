/* Everything that emitted programs may link, piece by piece. */
#ifndef NN_RUNTIME_H
#define NN_RUNTIME_H

#include "runtime/base.h"
#include "runtime/command.h"
#include "runtime/idx.h"
#include "runtime/inflate.h"
#include "runtime/items.h"
#include "runtime/mt19937.h"
#include "runtime/npy.h"
#include "runtime/progress.h"
#include "runtime/safetensors.h"
#include "runtime/tensor_print.h"

#endif
