/* Types: names, sizes, limits, text. */
#include <criterion/criterion.h>

#include "ir/type.h"

Test(type, names_and_sizes) {
    static const size_t sizes[] = {1, 1, 4, 8, 2, 2, 4, 8};
    for (int i = 0; i < DT_COUNT; i++) {
        DType found;
        cr_expect(dtype_from_name(dtype_name((DType)i), &found) && found == (DType)i);
        cr_expect_eq(dtype_size((DType)i), sizes[i]);
        cr_expect_eq(dtype_is_float((DType)i), i >= DT_F16);
    }
    DType found;
    cr_expect(!dtype_from_name("f8", &found));
    cr_expect_str_eq(dtype_torch_name(DT_F32), "torch.float32");
}

Test(type, shapes) {
    Type a = type_make(DT_F32, 3, (const int64_t[]){2, 3, 4}), b = a;
    int64_t strides[MAX_RANK];
    type_strides(&a, strides);
    cr_expect(strides[0] == 12 && strides[1] == 4 && strides[2] == 1);
    cr_expect_eq(type_numel(&a), 24);
    cr_expect_eq(type_bytes(&a), 96);
    b.dtype = DT_F64;
    cr_expect(type_same_shape(&a, &b) && !type_equal(&a, &b));
    b = type_make(DT_F32, 2, (const int64_t[]){2, 3});
    cr_expect(!type_same_shape(&a, &b));
    Type scalar = type_scalar(DT_I64), empty = type_make(DT_U8, 2, (const int64_t[]){5, 0});
    cr_expect_eq(type_numel(&scalar), 1);
    cr_expect_eq(type_numel(&empty), 0);
}

Test(type, text) {
    Buf out = {0};
    Type type = type_make(DT_F32, 2, (const int64_t[]){6, 5}), scalar = type_scalar(DT_BOOL);
    type_print(&out, &type);
    type_print(&out, &scalar);
    cr_expect_str_eq(buf_text(&out), "f32[6,5]bool[]");
    buf_free(&out);
}

/* Sizes in bytes fit an int64_t, even where another dim is 0. */
Test(type, limits) {
    const int64_t big = INT64_C(1) << 40;
    Type type = type_make(DT_F32, 2, (const int64_t[]){big, 1 << 21});
    cr_expect(!type_valid(&type));
    type.dim[1] = 1 << 20;
    cr_expect(type_valid(&type));
    type = type_make(DT_F32, 3, (const int64_t[]){0, big, big});
    cr_expect(!type_valid(&type));
    type = type_make(DT_F32, 1, (const int64_t[]){-1});
    cr_expect(!type_valid(&type));
    type = type_scalar(DT_F32);
    type.rank = MAX_RANK + 1;
    cr_expect(!type_valid(&type));
}
