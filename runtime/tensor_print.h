/* Tensors as text, exactly as PyTorch prints them: tensor([[1.0000, 2.5000]]).
 *
 * One number format for the whole tensor (integers, fixed point or scientific), columns aligned,
 * lines wrapped at 80 columns, more than 1000 elements shown by their edges. */
#ifndef NN_TENSOR_PRINT_H
#define NN_TENSOR_PRINT_H

#include "runtime/base.h"

/* Where text goes. */
typedef struct NnSink {
    void (*write)(void *user, const char *text, size_t size);
    void *user;
} NnSink;

/* As torch.set_printoptions. */
typedef struct NnPrintOptions {
    int precision;
    int64_t threshold; /* more elements than that are summarized */
    int64_t edge_items;
    int line_width;
    int sci_mode;          /* -1: decided by the values; 0: never; 1: always */
    NnDType default_dtype; /* needs no dtype= */
} NnPrintOptions;

NN_API NnPrintOptions nn_print_defaults(void);

/* Writes the text of repr(tensor), without a newline. `data` is row-major. `suffixes` (may be NULL)
 * are further arguments of the repr, such as "grad_fn=<AddmmBackward0>", `suffix_count` of them.
 * `options` NULL: the defaults. */
NN_API void nn_tensor_print(NnSink sink, NnDType dtype, int rank, const int64_t *dims,
                            const void *data, const char *const *suffixes, int suffix_count,
                            const NnPrintOptions *options);

/* As nn_tensor_print, for the numbers alone: the part between "tensor(" and the suffixes. */
NN_API void nn_tensor_print_values(NnSink sink, NnDType dtype, int rank, const int64_t *dims,
                                   const void *data, const NnPrintOptions *options);

/* A sink over a FILE. */
NN_API void nn_write_file(void *file, const char *text, size_t size);

#endif
