/* What every piece of the runtime shares: element types, tensor descriptions, error text.
 *
 * The runtime is plain C11 over libc, allocates nothing and keeps no state of its own; the caller
 * owns all memory. Each piece stands alone and may be pasted into an emitted file (--standalone
 * defines NN_API as static first). Functions that can fail return false and write a sentence into
 * the caller's NnError. */
#ifndef NN_BASE_H
#define NN_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "runtime/half.h"

#ifndef NN_API
#define NN_API
#endif

enum { NN_MAX_RANK = 8 };

/* In the order of the compiler's own element types. */
typedef enum NnDType { NN_BOOL, NN_U8, NN_I32, NN_I64, NN_F16, NN_BF16, NN_F32, NN_F64 } NnDType;

/* A tensor at `offset` bytes from the start of a struct: a network's state is a constant table of
 * these. Names are as in PyTorch's state dict. */
typedef struct NnTensor {
    const char *name;
    NnDType dtype;
    int rank;
    int64_t dim[NN_MAX_RANK];
    size_t offset;
} NnTensor;

typedef struct NnError {
    char text[256];
} NnError;

static inline size_t nn_dtype_size(NnDType dtype) {
    static const size_t sizes[] = {1, 1, 4, 8, 2, 2, 4, 8};
    return sizes[dtype];
}

NN_INLINE int nn_is_float(NnDType dtype) {
    return dtype >= NN_F16;
}

/* The float at `at`, and back. */
NN_INLINE double nn_load_float(NnDType dtype, const void *at) {
    uint16_t half;
    float single;
    double wide;
    if (dtype == NN_F64) return memcpy(&wide, at, sizeof wide), wide;
    if (dtype == NN_F32) return memcpy(&single, at, sizeof single), (double)single;
    memcpy(&half, at, sizeof half);
    return (double)(dtype == NN_F16 ? nn_f16_to_float(half) : nn_bf16_to_float(half));
}

NN_INLINE void nn_store_float(NnDType dtype, void *at, double value) {
    float single = (float)value;
    uint16_t half = dtype == NN_F16 ? nn_float_to_f16(single) : nn_float_to_bf16(single);
    const void *from = dtype == NN_F64   ? (const void *)&value
                       : dtype == NN_F32 ? (const void *)&single
                                         : (const void *)&half;
    memcpy(at, from, nn_dtype_size(dtype));
}

static inline size_t nn_tensor_bytes(const NnTensor *tensor) {
    size_t bytes = nn_dtype_size(tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        bytes *= (size_t)tensor->dim[i];
    return bytes;
}

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static inline bool
nn_fail(NnError *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return false;
}

/* Where the readers' bytes come from: a filter (a decompressor), else a file, else memory. */
typedef struct NnInput {
    size_t (*filter)(void *user, void *out, size_t size);
    void *user;
    FILE *file;
    const unsigned char *data;
    size_t size, position;
} NnInput;

/* Copies up to `size` bytes; returns how many there were. */
static inline size_t nn_input_read(NnInput *input, void *out, size_t size) {
    size_t got = size;
    if (input->filter) {
        got = input->filter(input->user, out, size);
    } else if (input->file) {
        got = fread(out, 1, size, input->file);
    } else {
        if (input->size - input->position < size) got = input->size - input->position;
        if (got) memcpy(out, input->data + input->position, got);
    }
    input->position += got;
    return got;
}

/* The next byte, or -1 at the end. */
static inline int nn_input_byte(NnInput *input) {
    unsigned char byte;
    return nn_input_read(input, &byte, 1) == 1 ? byte : -1;
}

#endif
