/* Precision classes: errors of products and convolutions against sums in double, within the bounds
 * of ir/precision.h; what each class may choose. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/contract.h"
#include "codegen/kernel_interp.h"
#include "codegen/schedule.h"
#include "ir/build.h"
#include "ir/interp.h"
#include "tests/support/kernel_run.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

typedef struct Sums {
    Arena arena;
    Graph *graph;
    Tensor64 values[2], want;
    float *in[2], *out;
} Sums;

static double draw(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(*state >> 33) / (double)(1u << 30) - 1;
}

/* The graph of one anchor with two operands, as its sums in double. */
static void expect_sums(Sums *s, Node *anchor, uint64_t seed) {
    Buf error = {0};
    graph_output(s->graph, "y", anchor, OUT_RESULT, -1);
    for (int i = 0; i < 2; i++) {
        const Type *type = &s->graph->inputs.items[i].node->type;
        int64_t count = type_numel(type);
        s->in[i] = ARENA_ARRAY(&s->arena, float, (size_t)count + 16);
        s->values[i] =
            (Tensor64){.type = *type, .f = ARENA_ARRAY(&s->arena, double, (size_t)count)};
        for (int64_t k = 0; k < count; k++)
            s->values[i].f[k] = (double)(s->in[i][k] = (float)draw(&seed));
    }
    s->out = ARENA_ARRAY(&s->arena, float, (size_t)type_numel(&anchor->type) + 16);
    cr_assert(interp_run(s->graph, s->values, &s->want, ROUND_NONE, &s->arena, &error));
}

static Sums dot_sums(int64_t m, int64_t n, int64_t k, bool turned) {
    Sums s = {.graph = NULL};
    s.graph = graph_new(&s.arena, "dot");
    Type a = type_make(DT_F32, 2, DIMS(m, k));
    Type b = type_make(DT_F32, 2, turned ? DIMS(k, n) : DIMS(n, k));
    Node *in[] = {graph_input(s.graph, "a", a, ROLE_DATA, 0),
                  graph_input(s.graph, "b", b, ROLE_DATA, 1)};
    Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                    attr_ints(ATTR_contract_a, DIMS(1), 1),
                    attr_ints(ATTR_contract_b, DIMS(turned ? 0 : 1), 1)};
    expect_sums(&s, graph_add(s.graph, OP_dot, in, 2, attrs, 4, (Span){0}), (uint64_t)(m + n + k));
    return s;
}

/* Under a window of 3x3 or 1x1. */
static Sums conv_sums(Op op, int64_t in, int64_t out, int64_t size, int64_t window,
                      int64_t stride) {
    Sums s = {.graph = NULL};
    s.graph = graph_new(&s.arena, "conv");
    int64_t pad = window / 2, small = (size + 2 * pad - window) / stride + 1;
    int64_t images = op == OP_conv_dw ? 4 : 2;
    const int64_t *x = DIMS(images, in, size, size), *w = DIMS(out, in, window, window),
                  *y = DIMS(images, out, small, small);
    Type a = type_make(DT_F32, 4, op == OP_conv_dx ? y : x);
    Type b = type_make(DT_F32, 4, op == OP_conv_dw ? y : w);
    Node *nodes[] = {graph_input(s.graph, "a", a, ROLE_DATA, 0),
                     graph_input(s.graph, "b", b, ROLE_DATA, 1)};
    Attr attrs[] = {attr_ints(ATTR_stride, DIMS(stride, stride), 2),
                    attr_ints(ATTR_lo, DIMS(pad, pad), 2),
                    attr_ints(ATTR_hi, DIMS(pad, pad), 2),
                    attr_ints(ATTR_dilation, DIMS(1, 1), 2),
                    attr_int(ATTR_groups, 1),
                    op == OP_conv_dw ? attr_ints(ATTR_window, DIMS(window, window), 2)
                                     : attr_ints(ATTR_size, DIMS(size, size), 2)};
    int count = op == OP_conv ? 5 : 6;
    expect_sums(&s, graph_add(s.graph, op, nodes, 2, attrs, count, (Span){0}), 7);
    return s;
}

static void sums_free(Sums *s) {
    graph_free(s->graph);
    arena_free(&s->arena);
}

/* Errors relative to the results' rms. */
static void check_errors(const Sums *s, const char *what, double rms_bound, double most_bound) {
    double errors = 0, squares = 0, most = 0;
    int64_t count = type_numel(&s->want.type);
    for (int64_t i = 0; i < count; i++) {
        double error = fabs((double)s->out[i] - s->want.f[i]);
        errors += error * error;
        squares += s->want.f[i] * s->want.f[i];
        most = fmax(most, error);
    }
    double rms = sqrt(squares / (double)count), error = sqrt(errors / (double)count) / rms;
    cr_expect_leq(error, rms_bound, "%s: rms error %g", what, error);
    cr_expect_leq(most / rms, most_bound, "%s: error %g", what, most / rms);
}

static const struct {
    double rms, most;
} class_bounds[PRECISION_COUNT] = {[PRECISION_HIGHEST] = {5e-6, 5e-5},
                                   [PRECISION_STRICT] = {2e-6, 2e-5},
                                   [PRECISION_HIGH] = {1e-3, 1e-2},
                                   [PRECISION_MEDIUM] = {1e-2, 1e-1}};

static void check_class(Sums *s, Precision precision) {
    Buf error = {0};
    CodegenOptions options = {.level = 2, .precision = precision};
    Executable *executable = executable_new(s->graph, &options, &error);
    cr_assert_not_null(executable, "%s", buf_text(&error));
    const void *const in[] = {s->in[0], s->in[1]};
    void *const out[] = {s->out};
    cr_assert(executable_run(executable, in, out, &error), "%s", buf_text(&error));
    check_errors(s, precision_name(precision), class_bounds[precision].rms,
                 class_bounds[precision].most);
    executable_free(executable);
}

static void check_classes(Sums s) {
    for (int precision = 0; precision < PRECISION_COUNT; precision++)
        check_class(&s, (Precision)precision);
    sums_free(&s);
}

Test(precision, of_products) {
    check_classes(dot_sums(33, 48, 700, false));
    check_classes(dot_sums(12, 48, 2048, true));
    check_classes(dot_sums(1, 130, 515, false));
    check_classes(dot_sums(7, 20, 3, true));
}

Test(precision, of_convolutions) {
    check_classes(conv_sums(OP_conv, 32, 48, 9, 3, 1));
    check_classes(conv_sums(OP_conv, 3, 32, 17, 3, 2));
    check_classes(conv_sums(OP_conv, 37, 33, 9, 1, 1));
    check_classes(conv_sums(OP_conv_dx, 16, 32, 9, 3, 1));
    check_classes(conv_sums(OP_conv_dx, 16, 48, 9, 3, 2));
    check_classes(conv_sums(OP_conv_dw, 16, 24, 8, 3, 1));
}

/* A buffer of the kernel as it is before a run. */
static void *buffer_of(Sums *s, const KBuf *buf) {
    size_t bytes = (size_t)buf->count * dtype_size(buf->dtype);
    char *at = arena_alloc(&s->arena, bytes + 128);
    at += (64 - (uintptr_t)at % 64) % 64;
    memset(at, 0, bytes);
    for (size_t i = 0; i < 2; i++)
        if (buf->node == s->graph->inputs.items[i].node) memcpy(at, s->in[i], bytes);
    return at;
}

/* Some of the schedules by pairs of bfloat16 numbers, in both first tiers. Machines without the
 * instructions interpret them. */
static void check_pairs(Sums s) {
    static Schedule schedules[20000];
    const Fusion *fusion = fuse(s.graph, &s.arena);
    const Target *target = target_find("avx512bf16");
    LowerContext context = {.arena = &s.arena, .precision = PRECISION_MEDIUM};
    int count = contract_schedules(fusion->groups[0], target, &context, schedules, 20000),
        tried = 0;
    cr_assert_lt(count, 20000);
    for (int i = count - 1; i >= 0 && schedules[i].pairs; i -= count / 24 + 1, tried++) {
        const Kernel *kernel =
            contract_lower_with(fusion->groups[0], target, &context, &schedules[i]);
        void *buffers[64];
        int used = 0, out = 0;
        for (size_t k = 0; k < kernel->buffers.count; k++) {
            const KBuf *buf = kernel->buffers.items[k];
            if (buf->role == KBUF_LOCAL || buf->role == KBUF_TABLE) continue;
            buffers[used] = buffer_of(&s, buf);
            if (buf->role == KBUF_OUT) out = used;
            used++;
        }
        cr_assert(kernel_run_both(kernel, buffers, &s.arena));
        memcpy(s.out, buffers[out], type_bytes(&s.want.type));
        check_errors(&s, kernel->schedule, 1e-2, 1e-1);
    }
    cr_expect_gt(tried, 3);
    sums_free(&s);
}

Test(precision, pairs_in_any_schedule) {
    check_pairs(dot_sums(5, 37, 130, false));
    check_pairs(dot_sums(19, 33, 47, false));
    check_pairs(dot_sums(18, 40, 35, true));
    check_pairs(dot_sums(3, 20, 1200, true));
    check_pairs(conv_sums(OP_conv, 3, 18, 9, 3, 2));
    check_pairs(conv_sums(OP_conv, 6, 17, 6, 3, 1));
    check_pairs(conv_sums(OP_conv, 7, 16, 5, 1, 1));
    check_pairs(conv_sums(OP_conv_dx, 5, 18, 7, 3, 2));
}

/* Runs the kernel of one schedule on the operands, as the interpreter understands it. */
static void run_schedule(Sums *s, const Fusion *fusion, const Target *target, Precision precision,
                         const Schedule *schedule) {
    LowerContext context = {.arena = &s->arena, .precision = precision};
    const Kernel *kernel = contract_lower_with(fusion->groups[0], target, &context, schedule);
    Buf error = {0};
    cr_assert(kernel_verify(kernel, &error), "%s", buf_text(&error));
    void *buffers[64];
    int used = 0, out = 0;
    for (size_t k = 0; k < kernel->buffers.count; k++) {
        const KBuf *buf = kernel->buffers.items[k];
        if (buf->role == KBUF_LOCAL || buf->role == KBUF_TABLE) continue;
        buffers[used] = buffer_of(s, buf);
        if (buf->role == KBUF_OUT) out = used;
        used++;
    }
    cr_assert(kernel_run(kernel_decode(kernel, &s->arena), buffers));
    memcpy(s->out, buffers[out], type_bytes(&s->want.type));
}

/* Every schedule for a matrix unit, in all classes that use one. */
static void check_tiles(Sums s) {
    static Schedule schedules[20000];
    const Fusion *fusion = fuse(s.graph, &s.arena);
    const Target *target = target_find("amx");
    for (int precision = 0; precision < PRECISION_COUNT; precision++) {
        /* Six products do better than plain sums: five wouldn't. */
        double rms = precision == PRECISION_HIGHEST ? 5e-7 : class_bounds[precision].rms;
        LowerContext context = {.arena = &s.arena, .precision = (Precision)precision};
        int count = contract_schedules(fusion->groups[0], target, &context, schedules, 20000);
        int tried = 0;
        for (int i = 0; i < count; i++) {
            if (!schedules[i].pieces) continue;
            tried++;
            run_schedule(&s, fusion, target, (Precision)precision, &schedules[i]);
            check_errors(&s, precision_name((Precision)precision), rms,
                         class_bounds[precision].most);
        }
        cr_expect_eq(tried > 0, precision != PRECISION_STRICT);
    }
    sums_free(&s);
}

Test(precision, tiles_of_products) {
    check_tiles(dot_sums(33, 48, 96, false));
    check_tiles(dot_sums(5, 70, 65, false));
    check_tiles(dot_sums(40, 37, 35, true));
    check_tiles(dot_sums(50, 20, 1720, true));
}

Test(precision, tiles_of_convolutions) {
    check_tiles(conv_sums(OP_conv, 3, 18, 9, 3, 2));
    check_tiles(conv_sums(OP_conv, 6, 33, 6, 3, 1));
    check_tiles(conv_sums(OP_conv, 7, 16, 5, 1, 1));
    check_tiles(conv_sums(OP_conv_dx, 5, 18, 7, 3, 1));
    check_tiles(conv_sums(OP_conv_dw, 16, 24, 8, 3, 1));
}

/* Numbers of which pieces are none, among ordinary ones or all of them: results are those of plain
 * sums, to the bit where these are exact. */
static void check_special(float special, float scale, bool falls_back) {
    Sums s = dot_sums(33, 40, 48, false);
    const Fusion *fusion = fuse(s.graph, &s.arena);
    static Schedule schedules[20000];
    LowerContext context = {.arena = &s.arena};
    size_t bytes = type_bytes(&s.want.type);
    int64_t results = type_numel(&s.want.type);
    for (int i = 0; i < 33 * 48; i++)
        s.in[0][i] *= scale;
    for (int i = 0; i < 40 * 48; i++)
        s.in[1][i] = i % 49 == 0 ? 1 : 0; /* results are elements */
    s.in[0][100] = special;
    const Target *target = target_find("amx");
    int count = contract_schedules(fusion->groups[0], target, &context, schedules, 20000),
        tried = 0;
    run_schedule(&s, fusion, target_find("avx512"), PRECISION_HIGHEST, NULL);
    float *plain = arena_copy(&s.arena, s.out, bytes, 1);
    for (int i = 0; i < count; i++) {
        if (!schedules[i].pieces) continue;
        run_schedule(&s, fusion, target, PRECISION_HIGHEST, &schedules[i]);
        for (int64_t k = 0; k < results; k++) {
            float got = s.out[k], want = plain[k];
            bool same = isnan(want)  ? isnan(got)
                        : falls_back ? got == want
                                     : fabsf(got - want) < 1e-6f;
            cr_expect(same, "%g gives %g, not %g", (double)special, (double)got, (double)want);
        }
        tried++;
    }
    cr_expect_gt(tried, 0);
    sums_free(&s);
}

Test(precision, tiles_special) {
    check_special(INFINITY, 1, true);
    check_special(-INFINITY, 1, true);
    check_special(NAN, 1, true);
    check_special(3.4e38f, 1, true);
    check_special(1e-40f, 1, true);
    check_special(1e-36f, 1, true);
    check_special(0, 1e-35f, true);
    check_special(0, 0, true);
    check_special(1e-20f, 1, false);
    check_special(1e12f, 1e-3f, false);
}

/* Winograd's way rounds more than sums of the products themselves. */
Test(precision, strict_is_plain) {
    Sums s = conv_sums(OP_conv, 64, 64, 28, 3, 1);
    static Schedule schedules[20000];
    const Fusion *fusion = fuse(s.graph, &s.arena);
    for (int i = 0; i < 2; i++) {
        LowerContext context = {.arena = &s.arena,
                                .precision = i ? PRECISION_STRICT : PRECISION_HIGHEST};
        int count = contract_schedules(fusion->groups[0], target_find("avx512"), &context,
                                       schedules, 20000);
        int found = 0;
        for (int k = 0; k < count; k++)
            found += schedules[k].winograd > 0;
        cr_expect_eq(found > 0, i == 0);
    }
    sums_free(&s);
}
