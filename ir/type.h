/* Tensor types: an element type and a static shape. */
#ifndef NNC_IR_TYPE_H
#define NNC_IR_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "support/buf.h"

enum { MAX_RANK = 8 };

/* Ordered by what they promote to: of two the later one, but for the two halves, which meet in f32.
 */
typedef enum DType {
    DT_BOOL,
    DT_U8,
    DT_I32,
    DT_I64,
    DT_F16,
    DT_BF16,
    DT_F32,
    DT_F64,
    DT_COUNT
} DType;

typedef struct Type {
    DType dtype;
    int rank;              /* 0: a scalar */
    int64_t dim[MAX_RANK]; /* dim[rank..] are 0 */
} Type;

/* Spelled as in the text IR: "f32", "i64", "bool"... */
const char *dtype_name(DType dtype);
bool dtype_from_name(const char *name, DType *out);
size_t dtype_size(DType dtype);
bool dtype_is_float(DType dtype);
/* A float of 16 bits. What is computed of such numbers is computed in f32 and rounded. */
static inline bool dtype_is_half(DType dtype) {
    return dtype == DT_F16 || dtype == DT_BF16;
}
/* The dtype that numbers are computed in. */
static inline DType dtype_computed(DType dtype) {
    return dtype_is_half(dtype) ? DT_F32 : dtype;
}
/* The largest number of a float type. */
double dtype_biggest(DType dtype);
/* A number rounded to a float type, kept as a double. */
double dtype_round(DType dtype, double value);
/* The float at `bytes`, and back. */
double dtype_load_float(DType dtype, const void *bytes);
void dtype_store_float(DType dtype, void *bytes, double value);
/* PyTorch's names: "torch.float32", "Float" (as errors say), "long int" (as others say). */
const char *dtype_torch_name(DType dtype);
const char *dtype_long_name(DType dtype);
const char *dtype_c_name(DType dtype);
/* Of the emitted C: "int64_t"; halves are "uint16_t". */
const char *dtype_c_type(DType dtype);

Type type_make(DType dtype, int rank, const int64_t *dims);
Type type_scalar(DType dtype);
bool type_equal(const Type *a, const Type *b);
bool type_same_shape(const Type *a, const Type *b);
/* Elements; shapes are kept within INT64_MAX bytes when types are made, so this can't overflow. */
int64_t type_numel(const Type *type);
size_t type_bytes(const Type *type);
/* False when a dimension is negative, the rank exceeds MAX_RANK or the size in bytes overflows. */
bool type_valid(const Type *type);
/* Row-major strides in elements. */
void type_strides(const Type *type, int64_t strides[MAX_RANK]);
/* "f32[6,1,5,5]"; a scalar is "f32[]". */
void type_print(Buf *buf, const Type *type);

#endif
