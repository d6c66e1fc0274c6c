/* The kernel builder, its verifier and the printer, on kernels small enough to read. */
#include <criterion/criterion.h>
#include <string.h>

#include "codegen/c/print.h"
#include "codegen/kernel_interp.h"
#include "tests/support/kernel_run.h"

static Arena arena;

static void release(void) {
    arena_free(&arena);
}

TestSuite(kernel, .fini = release);

static KBuilder begin(const char *target) {
    return kernel_begin(&arena, target_find(target), "k", (Span){0});
}

static KBuf *scratch(KBuilder *b, DType dtype, int64_t count) {
    return k_scratch(b, dtype, count, NULL);
}

static void expect_dump(Kernel *kernel, const char *expected) {
    Buf text = {0};
    kernel_dump(&text, kernel);
    cr_expect_str_eq(buf_text(&text), expected, "%s", buf_text(&text));
    buf_free(&text);
}

static void expect_invalid(KBuilder *b, const char *part) {
    Buf error = {0};
    cr_expect(!kernel_verify(b->kernel, &error));
    cr_expect(strstr(buf_text(&error), part) != NULL, "%s", buf_text(&error));
    buf_free(&error);
    VEC_FREE(b->kernel->buffers);
}

Test(kernel, folds_index_arithmetic_into_offsets) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_F32, 100), *y = scratch(&b, DT_F32, 100);
    KVal *i = k_for(&b, 0, 10, 1, 0);
    KVal *at = k_addi(&b, k_muli(&b, k_addi(&b, i, 2), 5), 3);
    k_store(&b, y, at, k_load(&b, x, k_addi(&b, at, 7), 1));
    k_end(&b);
    expect_dump(kernel_end(&b), "kernel k (none)\n"
                                "  b0: scratch f32[100]\n"
                                "  b1: scratch f32[100]\n"
                                "    for v0 = 0 to 10\n"
                                "        v2:i64 = mul v0, 5\n"
                                "        v6:f32 = load b0[v2+20] x1\n"
                                "        store b1[v2+13] x1 = v6\n");
}

Test(kernel, shares_pure_values_and_places_them_outside_of_loops) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_F32, 1), *y = scratch(&b, DT_F32, 64);
    KVal *v = k_load(&b, x, k_index(&b, 0), 1);
    KVal *i = k_for(&b, 0, 64, 1, 0);
    KVal *square = k_mul(&b, v, v);
    k_store(&b, y, i, k_add(&b, square, k_mul(&b, v, v)));
    k_end(&b);
    Kernel *kernel = kernel_end(&b);
    cr_expect_eq(kernel->body->first->next->value->op, KOP_MUL,
                 "the square stands before the loop");
    cr_expect_eq(kernel->body->first->next->next->value->op, KOP_ADD);
}

Test(kernel, a_loop_of_one_iteration_is_no_loop) {
    KBuilder b = begin("none");
    KBuf *y = scratch(&b, DT_I64, 4);
    KVal *i = k_for(&b, 3, 4, 1, 0);
    k_store(&b, y, i, i);
    k_end(&b);
    Kernel *kernel = kernel_end(&b);
    cr_expect_eq(kernel->body->first->kind, KSTMT_STORE);
}

/* A kernel that stores to outer * n + by * i + 10 * j + k for i of a shared loop, j < 4, k < 10. */
static bool splits(int64_t by, int64_t outer, bool reads_first) {
    KBuilder b = begin("none");
    Node node = {.op = OP_relu, .type = type_make(DT_F32, 1, (int64_t[]){10000})};
    KBuf *y = k_output(&b, &node);
    KVal *n = k_for(&b, 0, 5, 1, 0);
    KVal *i = k_for(&b, 0, 8, 1, K_PARALLEL);
    KVal *j = k_for(&b, 0, 4, 1, 0);
    KVal *k = k_for(&b, 0, 10, 1, 0);
    KVal *at = k_add(&b, k_add(&b, k_muli(&b, n, outer), k_muli(&b, i, by)),
                     k_add(&b, k_muli(&b, j, 10), k));
    KVal *value = reads_first ? k_load(&b, y, k_index(&b, 0), 1) : k_number(&b, K_F32, 1, 1);
    k_store(&b, y, at, value);
    for (int loop = 0; loop < 4; loop++)
        k_end(&b);
    return kernel_splits(kernel_end(&b));
}

Test(kernel, threads_share_loops_whose_iterations_do_not_meet) {
    cr_expect(splits(40, 320, false));
    cr_expect(splits(40, 330, false));
    cr_expect(splits(40, 1000, false));
    cr_expect_not(splits(39, 320, false), "neighbours overlap");
    cr_expect_not(splits(40, 300, false), "the next round begins in this one");
    cr_expect_not(splits(40, 320, true), "all read what the first writes");
}

Test(kernel, threads_do_not_share_registers_or_memory_of_others) {
    for (int way = 0; way < 3; way++) {
        KBuilder b = begin("none");
        Node node = {.op = OP_relu, .type = type_make(DT_F32, 1, (int64_t[]){64})};
        KBuf *y = k_output(&b, &node), *t = k_scratch(&b, DT_F32, 64, NULL);
        KVal *sum = k_var(&b, k_number(&b, K_F32, 1, 0));
        KVal *i = k_for(&b, 0, 64, 1, K_PARALLEL);
        if (way == 0) k_set(&b, sum, k_number(&b, K_F32, 1, 1));
        k_store(&b, t, i, k_copy(&b, sum));
        KVal *read = way == 1 ? k_sub(&b, k_index(&b, 63), i) : i;
        k_store(&b, y, i, k_load(&b, t, read, 1));
        k_end(&b);
        cr_expect_eq(kernel_splits(kernel_end(&b)), way == 2, "way %d", way);
    }
}

/* What threads wrote to memory that they have in common is read by others behind a barrier, in a
 * loop: so is what is written there in the next round. */
static bool splits_in_phases(bool behind_writes, bool behind_reads, bool in_part) {
    KBuilder b = begin("none");
    b.parts = true;
    Node node = {.op = OP_relu, .type = type_make(DT_F32, 1, (int64_t[]){192})};
    KBuf *y = k_output(&b, &node), *t = k_common(&b, DT_F32, 64, NULL);
    KVal *round = k_for(&b, 0, 3, 1, 0);
    KVal *i = k_for(&b, 0, 64, 1, K_PARALLEL);
    k_store(&b, t, i, k_number(&b, K_F32, 1, 1));
    if (in_part) k_meet(&b);
    k_end(&b);
    if (behind_writes) k_meet(&b);
    i = k_for(&b, 0, 64, 1, K_PARALLEL);
    KVal *other = k_load(&b, t, k_sub(&b, k_index(&b, 63), i), 1);
    k_store(&b, y, k_add(&b, k_muli(&b, round, 64), i), other);
    k_end(&b);
    if (behind_reads) k_meet(&b);
    k_end(&b);
    return kernel_splits(kernel_end(&b));
}

Test(kernel, threads_meet_where_they_read_what_others_wrote) {
    cr_expect(splits_in_phases(true, true, false));
    cr_expect_not(splits_in_phases(false, true, false), "read too early");
    cr_expect_not(splits_in_phases(true, false, false), "written too early");
    cr_expect_not(splits_in_phases(true, true, true), "not all come");
}

/* The steps of another loop's counter are what it jumps by. */
Test(kernel, threads_share_loops_inside_of_blocks) {
    KBuilder b = begin("none");
    Node node = {.op = OP_relu, .type = type_make(DT_F32, 1, (int64_t[]){48 * 32})};
    KBuf *y = k_output(&b, &node);
    KVal *first = k_for(&b, 0, 48, 24, 0), *i = k_for(&b, 0, 32, 1, K_PARALLEL);
    KVal *j = k_for(&b, 0, 24, 1, 0);
    KVal *at = k_add(&b, k_muli(&b, first, 32), k_muli(&b, i, 24));
    k_store(&b, y, k_add(&b, at, j), k_number(&b, K_F32, 1, 1));
    for (int loop = 0; loop < 3; loop++)
        k_end(&b);
    cr_expect(kernel_splits(kernel_end(&b)));
}

Test(kernel, removes_what_nothing_reads) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_F32, 8), *y = scratch(&b, DT_F32, 8);
    k_load(&b, x, k_index(&b, 0), 1);
    k_for(&b, 0, 8, 1, 0);
    k_end(&b);
    k_store(&b, y, k_index(&b, 0), k_number(&b, K_F32, 1, 1));
    Kernel *kernel = kernel_end(&b);
    cr_expect_eq(kernel->buffers.count, 1);
    cr_expect_eq(kernel->body->first->kind, KSTMT_STORE);
    cr_expect_null(kernel->body->first->next);
}

Test(kernel, verifier_refuses_an_index_that_may_be_out_of_range) {
    KBuilder b = begin("none");
    KBuf *y = scratch(&b, DT_F32, 15);
    KVal *i = k_for(&b, 0, 16, 1, 0);
    k_store(&b, y, i, k_number(&b, K_F32, 1, 0));
    k_end(&b);
    expect_invalid(&b, "is in [0, 15]");
}

Test(kernel, verifier_refuses_a_vector_that_may_reach_too_far) {
    KBuilder b = begin("avx512");
    KBuf *y = scratch(&b, DT_F32, 40);
    KVal *i = k_for(&b, 0, 40, 16, 0);
    k_store(&b, y, i, k_number(&b, K_F32, 16, 0));
    k_end(&b);
    expect_invalid(&b, "is in [0, 47]");
}

Test(kernel, verifier_refuses_an_unchecked_index_from_data) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_I64, 4), *y = scratch(&b, DT_F32, 4);
    KVal *at = k_load(&b, x, k_index(&b, 0), 1);
    k_store(&b, y, at, k_number(&b, K_F32, 1, 0));
    expect_invalid(&b, "buffer 1");
}

Test(kernel, verifier_takes_a_clamped_index) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_I64, 4), *y = scratch(&b, DT_F32, 4);
    KVal *at = k_load(&b, x, k_index(&b, 0), 1);
    at = k_min(&b, k_max(&b, at, k_index(&b, 0)), k_index(&b, 3));
    k_store(&b, y, at, k_number(&b, K_F32, 1, 0));
    Buf error = {0};
    cr_expect(kernel_verify(b.kernel, &error), "%s", buf_text(&error));
    VEC_FREE(b.kernel->buffers);
}

Test(kernel, verifier_refuses_a_value_outside_of_its_block) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_F32, 4), *y = scratch(&b, DT_F32, 4);
    KVal *i = k_for(&b, 0, 4, 1, 0);
    KVal *v = k_load(&b, x, i, 1);
    k_end(&b);
    k_store(&b, y, k_index(&b, 0), v);
    expect_invalid(&b, "outside of its block");
}

Test(kernel, faults_end_the_run) {
    KBuilder b = begin("none");
    KBuf *x = scratch(&b, DT_I64, 1), *y = scratch(&b, DT_I64, 1);
    KVal *v = k_load(&b, x, k_index(&b, 0), 1);
    k_fault_if(&b, k_lt(&b, v, k_index(&b, 0)));
    k_store(&b, y, k_index(&b, 0), v);
    KProgram *program = kernel_decode(kernel_end(&b), &arena);
    int64_t in = 5, out = 0;
    void *buffers[] = {&in, &out};
    cr_expect(kernel_run(program, buffers));
    cr_expect_eq(out, 5);
    in = -1;
    cr_expect(!kernel_run(program, buffers));
    cr_expect_eq(out, 5);
}

Test(kernel, registers_branches_and_nested_loops_run) {
    KBuilder b = begin("none");
    KBuf *y = scratch(&b, DT_I64, 2);
    KVal *even = k_var(&b, k_index(&b, 0)), *odd = k_var(&b, k_index(&b, 0));
    KVal *i = k_for(&b, 0, 10, 1, 0);
    k_for(&b, 0, 3, 1, 0);
    k_if(&b, k_eq(&b, k_remi(&b, i, 2), k_index(&b, 0)));
    k_set(&b, even, k_add(&b, even, i));
    k_else(&b);
    k_set(&b, odd, k_add(&b, odd, i));
    k_end(&b);
    k_end(&b);
    k_end(&b);
    k_store(&b, y, k_index(&b, 0), even);
    k_store(&b, y, k_index(&b, 1), odd);
    int64_t out[2];
    void *buffers[] = {out};
    cr_expect(kernel_run_both(kernel_end(&b), buffers, &arena));
    cr_expect_eq(out[0], 3 * (0 + 2 + 4 + 6 + 8));
    cr_expect_eq(out[1], 3 * (1 + 3 + 5 + 7 + 9));
}

Test(kernel, horizontal_sums_halve) {
    KBuilder b = begin("avx512");
    KBuf *x = scratch(&b, DT_F32, 16), *y = scratch(&b, DT_F32, 1);
    KVal *v = k_load(&b, x, k_index(&b, 0), 16);
    k_store(&b, y, k_index(&b, 0), k_sum_lanes(&b, v));
    float in[16], out;
    for (int l = 0; l < 16; l++)
        in[l] = 1.0f / (float)(l + 1);
    void *buffers[] = {in, &out};
    cr_expect(kernel_run_both(kernel_end(&b), buffers, &arena));
    float sum[16];
    memcpy(sum, in, sizeof sum);
    for (int n = 8; n > 0; n /= 2)
        for (int l = 0; l < n; l++)
            sum[l] += sum[l + n];
    cr_expect(out == sum[0]);
}

Test(kernel, prints_readable_c) {
    KBuilder b = begin("avx512");
    KBuf *x = scratch(&b, DT_F32, 64), *y = scratch(&b, DT_F32, 64);
    KVal *i = k_for(&b, 0, 64, 16, 0);
    KVal *v = k_load(&b, x, i, 16);
    KVal *scaled = k_fma(&b, v, k_number(&b, K_F32, 16, 0.5), v);
    k_store(&b, y, i, k_max(&b, k_number(&b, K_F32, 16, 0), scaled));
    k_end(&b);
    Kernel *kernel = kernel_end(&b);
    Buf text = {0}, scratch = {0};
    Emitter e = {.out = &text};
    kernel->text = print_kernel_text(kernel, NULL, uses_new(b.arena), &scratch, b.arena);
    print_kernel(&e, kernel, "_x");
    cr_expect_str_eq(buf_text(&text),
                     "TARGET_AVX512\n"
                     "static void k_x(float *restrict t0, float *restrict t1) {\n"
                     "    for (int64_t i0 = 0; i0 < 64; i0 += 16) {\n"
                     "        const f32x16 v1 = *(const f32x16u *)(t0 + i0);\n"
                     "        const f32x16 v2 = X86_FMA_F32X16(v1, SPLAT_F32X16(0.5f), v1);\n"
                     "        *(f32x16u *)(t1 + i0) = X86_MAX_F32X16((f32x16){0}, v2);\n"
                     "    }\n"
                     "}\n",
                     "%s", buf_text(&text));
    buf_free(&scratch);
    buf_free(&text);
}
