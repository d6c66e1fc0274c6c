/* Tensor types: names, sizes and validity. Every Type that leaves type_valid() has at most MAX_RANK
 * dims, none negative, and a size in bytes that fits an int64_t, so size arithmetic downstream
 * can't overflow. */
#include "ir/type.h"

#include <float.h>
#include <string.h>

#include "runtime/half.h"
#include "support/checked.h"

static const struct {
    const char *name, *torch_name, *long_name, *c_name, *c_type;
    size_t size;
    bool is_float;
} DTYPES[DT_COUNT] = {
    [DT_BOOL] = {"bool", "torch.bool", "Bool", "bool", "uint8_t", 1, false},
    [DT_U8] = {"u8", "torch.uint8", "Byte", "unsigned char", "uint8_t", 1, false},
    [DT_I32] = {"i32", "torch.int32", "Int", "int", "int32_t", 4, false},
    [DT_I64] = {"i64", "torch.int64", "Long", "long int", "int64_t", 8, false},
    [DT_F16] = {"f16", "torch.float16", "Half", "c10::Half", "uint16_t", 2, true},
    [DT_BF16] = {"bf16", "torch.bfloat16", "BFloat16", "c10::BFloat16", "uint16_t", 2, true},
    [DT_F32] = {"f32", "torch.float32", "Float", "float", "float", 4, true},
    [DT_F64] = {"f64", "torch.float64", "Double", "double", "double", 8, true},
};

const char *dtype_name(DType dtype) {
    return DTYPES[dtype].name;
}

bool dtype_from_name(const char *name, DType *out) {
    for (int i = 0; i < DT_COUNT; i++) {
        if (strcmp(DTYPES[i].name, name) == 0) {
            *out = (DType)i;
            return true;
        }
    }
    return false;
}

size_t dtype_size(DType dtype) {
    return DTYPES[dtype].size;
}

bool dtype_is_float(DType dtype) {
    return DTYPES[dtype].is_float;
}

const char *dtype_torch_name(DType dtype) {
    return DTYPES[dtype].torch_name;
}

const char *dtype_long_name(DType dtype) {
    return DTYPES[dtype].long_name;
}

const char *dtype_c_name(DType dtype) {
    return DTYPES[dtype].c_name;
}

const char *dtype_c_type(DType dtype) {
    return DTYPES[dtype].c_type;
}

double dtype_biggest(DType dtype) {
    return dtype == DT_F16    ? 65504
           : dtype == DT_BF16 ? 0x1.fep127
           : dtype == DT_F32  ? (double)FLT_MAX
                              : DBL_MAX;
}

double dtype_load_float(DType dtype, const void *bytes) {
    uint16_t half;
    float single;
    double wide;
    if (dtype_is_half(dtype)) {
        memcpy(&half, bytes, sizeof half);
        return (double)(dtype == DT_F16 ? nn_f16_to_float(half) : nn_bf16_to_float(half));
    }
    if (dtype == DT_F32) return memcpy(&single, bytes, sizeof single), (double)single;
    return memcpy(&wide, bytes, sizeof wide), wide;
}

void dtype_store_float(DType dtype, void *bytes, double value) {
    float single = (float)value;
    if (dtype_is_half(dtype)) {
        uint16_t half = dtype == DT_F16 ? nn_float_to_f16(single) : nn_float_to_bf16(single);
        memcpy(bytes, &half, sizeof half);
    } else if (dtype == DT_F32) {
        memcpy(bytes, &single, sizeof single);
    } else {
        memcpy(bytes, &value, sizeof value);
    }
}

double dtype_round(DType dtype, double value) {
    if (dtype == DT_F32) return (double)(float)value;
    if (!dtype_is_half(dtype)) return value;
    uint16_t half;
    dtype_store_float(dtype, &half, value);
    return dtype_load_float(dtype, &half);
}

Type type_make(DType dtype, int rank, const int64_t *dims) {
    NNC_CHECK(rank >= 0 && rank <= MAX_RANK, "rank %d", rank);
    Type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.dim[i] = dims[i];
    return type;
}

Type type_scalar(DType dtype) {
    return (Type){.dtype = dtype};
}

bool type_same_shape(const Type *a, const Type *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++) {
        if (a->dim[i] != b->dim[i]) return false;
    }
    return true;
}

bool type_equal(const Type *a, const Type *b) {
    return a->dtype == b->dtype && type_same_shape(a, b);
}

int64_t type_numel(const Type *type) {
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++)
        count *= type->dim[i];
    return count;
}

size_t type_bytes(const Type *type) {
    return (size_t)type_numel(type) * dtype_size(type->dtype);
}

bool type_valid(const Type *type) {
    if (type->rank < 0 || type->rank > MAX_RANK) return false;
    /* The product of the non-zero dims is bounded too: partial products are taken downstream. */
    int64_t bytes = (int64_t)dtype_size(type->dtype);
    for (int i = 0; i < type->rank; i++) {
        if (type->dim[i] < 0) return false;
        if (type->dim[i] > 0 && !mul_i64(bytes, type->dim[i], &bytes)) return false;
    }
    return true;
}

void type_strides(const Type *type, int64_t strides[MAX_RANK]) {
    int64_t stride = 1;
    for (int i = type->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= type->dim[i];
    }
}

void type_print(Buf *buf, const Type *type) {
    buf_puts(buf, dtype_name(type->dtype));
    buf_putc(buf, '[');
    for (int i = 0; i < type->rank; i++) {
        if (i) buf_putc(buf, ',');
        buf_put_decimal(buf, type->dim[i]);
    }
    buf_putc(buf, ']');
}
