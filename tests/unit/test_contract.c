/* Contractions: every candidate schedule of many shapes, on every target, against the reference
 * interpreter in double, within the bounds of precision class `highest`; fused epilogues and
 * pooling. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/contract.h"
#include "codegen/schedule_text.h"
#include "ir/build.h"
#include "ir/interp.h"
#include "tests/support/kernel_run.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

typedef struct Case {
    Arena arena;
    Graph *graph;
    uint64_t state;
} Case;

static Case case_begin(void) {
    Case c = {.state = 12345};
    return c;
}

static double draw(Case *c) {
    c->state = c->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(int64_t)(c->state >> 33) / (double)(1u << 30) - 1;
}

static Graph *case_graph(Case *c) {
    c->graph = graph_new(&c->arena, "test");
    return c->graph;
}

static Node *input(Case *c, const char *name, DType dtype, int rank, const int64_t *dims) {
    return graph_input(c->graph, name, type_make(dtype, rank, dims), ROLE_DATA,
                       (int)c->graph->inputs.count);
}

static Node *add_node(Case *c, Op op, Node *const *inputs, int count, const Attr *attrs,
                      int attr_count) {
    Node *node = graph_add(c->graph, op, inputs, count, attrs, attr_count, (Span){0});
    cr_assert_not_null(node, "%s", buf_text(&c->graph->error));
    return node;
}

static Tensor64 random_tensor(Case *c, Type type) {
    Tensor64 t = {.type = type};
    int64_t count = type_numel(&type);
    if (dtype_is_float(type.dtype))
        t.f = ARENA_ARRAY(&c->arena, double, (size_t)count + 1);
    else
        t.i = ARENA_ARRAY(&c->arena, int64_t, (size_t)count + 1);
    for (int64_t i = 0; i < count; i++) {
        if (t.f)
            t.f[i] = (double)(float)draw(c);
        else
            t.i[i] = (int64_t)(draw(c) * 5);
    }
    return t;
}

static void *aligned_buffer(Case *c, size_t bytes) {
    char *p = arena_alloc(&c->arena, bytes + 128);
    return p + (64 - (uintptr_t)p % 64) % 64;
}

static void compare(const Tensor64 *want, const void *bytes, Arena *arena, const char *what) {
    Tensor64 got = tensor64_from_bytes(arena, want->type, bytes);
    int64_t count = type_numel(&want->type);
    double scale = 0, error = 0, worst = 0;
    for (int64_t i = 0; i < count; i++) {
        if (want->i) {
            cr_assert_eq(want->i[i], got.i[i], "%s: element %lld", what, (long long)i);
            continue;
        }
        double difference = fabs(want->f[i] - got.f[i]);
        cr_assert(isfinite(difference), "%s: element %lld", what, (long long)i);
        scale += want->f[i] * want->f[i];
        error += difference * difference;
        worst = fmax(worst, difference);
    }
    if (want->i || count == 0) return;
    scale = sqrt(scale / (double)count);
    error = sqrt(error / (double)count);
    cr_assert(error <= 5e-6 * scale, "%s: rms error %g of %g", what, error, scale);
    cr_assert(worst <= 5e-5 * scale, "%s: error %g of %g", what, worst, scale);
}

static const Group *contraction_of(const Fusion *fusion) {
    for (int i = 0; i < fusion->group_count; i++)
        if (fusion->groups[i]->kind == GROUP_CONTRACTION) return fusion->groups[i];
    cr_assert_fail("no contraction");
    return NULL;
}

/* Runs one kernel with inputs from `values` and compares every stored output of the group. */
static void run_kernel(Case *c, const Group *group, const Kernel *kernel, const Tensor64 *values,
                       const Tensor64 *want) {
    void *buffers[64];
    const KBuf *outs[64];
    int count = 0;
    for (size_t i = 0; i < kernel->buffers.count; i++) {
        const KBuf *buf = kernel->buffers.items[i];
        if (buf->role == KBUF_LOCAL || buf->role == KBUF_TABLE) continue;
        size_t bytes = (size_t)buf->count * dtype_size(buf->dtype);
        outs[count] = buf;
        buffers[count] = aligned_buffer(c, bytes);
        memset(buffers[count], 0xff, bytes); /* NaN: nothing may be read before it is written */
        for (size_t n = 0; buf->role == KBUF_IN && n < c->graph->inputs.count; n++)
            if (c->graph->inputs.items[n].node == buf->node)
                tensor64_to_bytes(&values[n], buffers[count]);
        count++;
    }
    cr_assert(kernel_run_both(kernel, buffers, &c->arena));
    for (int i = 0; i < count; i++) {
        if (outs[i]->role != KBUF_OUT) continue;
        for (size_t n = 0; n < c->graph->outputs.count; n++)
            if (c->graph->outputs.items[n].value == outs[i]->node)
                compare(&want[n], buffers[i], &c->arena, kernel->schedule);
    }
    (void)group;
}

/* Cuts the rows into blocks of two tiles, as it is done for large products only. */
static void cut_into_blocks(Schedule *schedule) {
    if (schedule->chunk_dims == 0 || schedule->chunk_level == 0) return;
    schedule->block = 2 * schedule->tile[schedule->order[schedule->chunk_level]];
}

/* A file of schedules may say what nobody proposed: one number or more are others. */
static Schedule alter(Case *c, const Contraction *contraction, Schedule s) {
    int *numbers[] = {&s.lane,     &s.vectors,  &s.unroll,         &s.chunk_dims, &s.chunk_level,
                      &s.order[0], &s.order[1], &s.vector_operand, &s.winograd};
    enum { NUMBERS = sizeof numbers / sizeof *numbers };
    for (int changes = 1 + (int)(fabs(draw(c)) * 3); changes > 0; changes--) {
        int which = (int)(fabs(draw(c)) * (NUMBERS + 8)), by = (int)(draw(c) * 4);
        int d = (int)(fabs(draw(c)) * contraction->out_count);
        if (which < NUMBERS) *numbers[which] += by;
        if (which == NUMBERS) s.pack = !s.pack;
        if (which == NUMBERS + 1) s.chunk += by * 5;
        if (which == NUMBERS + 2) s.block += by * s.tile[d];
        if (which > NUMBERS + 2) s.tile[d] += by;
    }
    for (int d = contraction->out_count; d < CONTRACT_MAX_DIMS; d++)
        s.order[d] = 0, s.tile[d] = 0;
    bool vectors = s.lane >= 0 && s.lane < contraction->out_count && !s.winograd;
    if (vectors) s.tile[s.lane] = (int64_t)s.vectors * s.lanes;
    return s;
}

static void check_text(const Contraction *c, const ScheduleRequest *request, const Schedule *s) {
    Buf text = {0}, error = {0};
    schedule_json(&text, c, s);
    cJSON *json = cJSON_Parse(buf_text(&text));
    Schedule read;
    cr_assert(schedule_parse(json, c, &read, &error), "%s: %s", buf_text(&text), buf_text(&error));
    cr_assert(schedule_equal(s, &read), "%s", buf_text(&text));
    cr_assert(schedule_check(c, request, s, &error), "%s: %s", buf_text(&text), buf_text(&error));
    cJSON_Delete(json);
    buf_free(&text);
    buf_free(&error);
}

/* Schedules pass through text; some that nobody proposed, where they are possible, run. */
static void check_files(Case *c, const Group *group, const Target *target, LowerContext *context,
                        const Schedule *schedules, int count, const Tensor64 *values,
                        const Tensor64 *want) {
    enum { TEXTS = 20, TRIES = 40, RUNS = 8 };
    bool all = getenv("NNC_SCHEDULES") != NULL;
    Contraction contraction;
    ScheduleRequest request;
    Buf why = {0};
    if (!contract_ask(group, target, context, &contraction, &request)) return;
    int step = count > TEXTS && !all ? count / TEXTS : 1;
    for (int i = 0; i < count; i += step)
        check_text(&contraction, &request, &schedules[i]);
    for (int i = 0, runs = 0; i < TRIES && runs < (all ? RUNS : target == target_native()); i++) {
        const Schedule *from = &schedules[(int)(fabs(draw(c)) * count) % count];
        Schedule s = alter(c, &contraction, *from);
        if (schedule_equal(&s, from) || !schedule_check(&contraction, &request, &s, &why)) continue;
        check_text(&contraction, &request, &s);
        run_kernel(c, group, contract_lower_with(group, target, context, &s), values, want);
        runs++;
    }
    buf_free(&why);
}

/* All targets; every `step`-th schedule (with NNC_SCHEDULES every one), all of Winograd's and of
 * sliding windows, and the chosen one. */
static void check_schedules(Case *c, int most, bool blocks) {
    Tensor64 values[8], want[8];
    for (size_t i = 0; i < c->graph->inputs.count; i++)
        values[i] = random_tensor(c, c->graph->inputs.items[i].node->type);
    Buf error = {0};
    cr_assert(interp_run(c->graph, values, want, ROUND_NONE, &c->arena, &error));
    const Fusion *fusion = fuse(c->graph, &c->arena);
    const Group *group = contraction_of(fusion);
    LowerContext context = {.arena = &c->arena};
    static Schedule schedules[20000];
    for (const Target *const *target = target_all(); *target; target++) {
        run_kernel(c, group, lower_contraction(group, *target, &context), values, want);
        int count = contract_schedules(group, *target, &context, schedules, 20000);
        int step = count > most && !getenv("NNC_SCHEDULES") ? count / most : 1;
        cr_assert_leq(count, 20000);
        check_files(c, group, *target, &context, schedules, count, values, want);
        for (int i = 0; i < count && i < 20000; i++) {
            if (i % step != 0 && !schedules[i].winograd && !schedules[i].slide) continue;
            if (blocks) cut_into_blocks(&schedules[i]);
            Kernel *kernel = contract_lower_with(group, *target, &context, &schedules[i]);
            run_kernel(c, group, kernel, values, want);
        }
    }
    graph_free(c->graph);
    arena_free(&c->arena);
}

static void check(Case *c, int most) {
    check_schedules(c, most, false);
}

static Node *dot(Case *c, Node *a, Node *b, const int64_t *batch, int batch_count, int64_t sum_a,
                 int64_t sum_b) {
    Attr attrs[] = {attr_ints(ATTR_batch_a, batch, batch_count),
                    attr_ints(ATTR_batch_b, batch, batch_count),
                    attr_ints(ATTR_contract_a, &sum_a, 1), attr_ints(ATTR_contract_b, &sum_b, 1)};
    return add_node(c, OP_dot, (Node *[]){a, b}, 2, attrs, 4);
}

/* a[m][k] or a[k][m], times b[k][n] or b[n][k]. */
static void check_dot(DType dtype, int64_t m, int64_t n, int64_t k, bool a_t, bool b_t, int most) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", dtype, 2, a_t ? DIMS(k, m) : DIMS(m, k));
    Node *b = input(&c, "b", dtype, 2, b_t ? DIMS(n, k) : DIMS(k, n));
    graph_output(graph, "y", dot(&c, a, b, NULL, 0, a_t ? 0 : 1, b_t ? 1 : 0), OUT_RESULT, -1);
    check(&c, most);
}

Test(contract, dot_shapes) {
    static const int64_t sizes[] = {1, 3, 7, 17, 33};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            check_dot(DT_F32, sizes[i], sizes[j], sizes[(i + j) % 5], false, true, 12);
            check_dot(DT_F32, sizes[i], sizes[j], sizes[(i + 2 * j) % 5], j % 2, i % 2, 12);
        }
}

Test(contract, dot_all_schedules) {
    check_dot(DT_F32, 9, 21, 19, false, false, 20000);
}

Test(contract, dot_types) {
    check_dot(DT_F64, 5, 19, 11, false, true, 40);
    check_dot(DT_I64, 5, 19, 11, false, false, 40);
    check_dot(DT_I32, 6, 17, 5, true, false, 40);
}

Test(contract, dot_long_sum) {
    check_dot(DT_F32, 2, 3, 9001, false, true, 10);
    check_dot(DT_F32, 37, 33, 700, false, true, 12); /* panels are summed chunk by chunk */
    check_dot(DT_F32, 3, 18, 4500, false, false, 10);
}

typedef struct Refusal {
    const char *json, *why; /* NULL: it is possible */
} Refusal;

static const Refusal refusals[] = {
    {"{'lane': 'n', 'lanes': 8, 'vectors': 2, 'of': 'b', 'tile': {'m': 4}, 'order': ['n', 'm'],"
     " 'chunk_dims': 1, 'chunk': 500, 'chunk_level': 1, 'block': 8}",
     NULL},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm']}", "more than 4096 products"},
    {"{'lane': 'n', 'lanes': 8, 'vectors': 3, 'of': 'b', 'tile': {'m': 5}, 'order': ['n', 'm'],"
     " 'chunk_dims': 1, 'chunk': 500}",
     "larger than the target's 16 registers"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'a', 'order': ['n', 'm']}", "no vectors along n"},
    {"{'lane': 'm', 'lanes': 8, 'of': 'a', 'order': ['m', 'n']}", "need \"pack\""},
    {"{'lane': 'n', 'lanes': 16, 'of': 'b', 'order': ['n', 'm']}", "vectors of the target have 8"},
    {"{'lane': 'n', 'lanes': 8, 'vectors': 6, 'of': 'b', 'order': ['n', 'm']}", "6 vectors"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['m', 'n'], 'chunk_dims': 1, 'chunk': 500}",
     "lane dim n has to be the first"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'n']}", "each result dim once"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n']}", "list of the 2 result dims"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'tile': {'m': 38}, 'order': ['n', 'm']}", "38 of m"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'unroll': 99, 'order': ['n', 'm']}", "99 steps"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm'], 'chunk': 7}", "there are none"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm'], 'chunk_dims': 2, 'chunk': 7}",
     "2 dims of 1"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm'], 'winograd': 4}", "no Winograd"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm'], 'slide': true}", "no sliding"},
    {"{'lane': 'n', 'lanes': 8, 'of': 'b', 'order': ['n', 'm'], 'pairs': true}", "by pairs"},
};

Test(contract, impossible_schedules) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", DT_F32, 2, DIMS(37, 5000)),
         *b = input(&c, "b", DT_F32, 2, DIMS(5000, 33));
    graph_output(graph, "y", dot(&c, a, b, NULL, 0, 1, 0), OUT_RESULT, -1);
    LowerContext context = {.arena = &c.arena};
    Contraction contraction;
    ScheduleRequest request;
    const Group *group = contraction_of(fuse(graph, &c.arena));
    cr_assert(contract_ask(group, target_find("avx2"), &context, &contraction, &request));
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        char *text = arena_strdup(&c.arena, refusals[i].json);
        for (char *at = text; *at; at++)
            if (*at == '\'') *at = '"';
        cJSON *json = cJSON_Parse(text);
        Schedule s;
        Buf why = {0};
        bool good = schedule_parse(json, &contraction, &s, &why) &&
                    schedule_check(&contraction, &request, &s, &why);
        cr_expect_eq(good, refusals[i].why == NULL, "%s: %s", text, buf_text(&why));
        cr_expect(good || strstr(buf_text(&why), refusals[i].why), "%s: %s", text, buf_text(&why));
        cJSON_Delete(json);
        buf_free(&why);
    }
    graph_free(graph);
    arena_free(&c.arena);
}

Test(contract, dot_in_blocks) {
    for (int transposed = 0; transposed < 2; transposed++) {
        Case c = case_begin();
        Graph *graph = case_graph(&c);
        Node *a = input(&c, "a", DT_F32, 3, transposed ? DIMS(2, 650, 67) : DIMS(2, 67, 650));
        Node *b = input(&c, "b", DT_F32, 3, transposed ? DIMS(2, 35, 650) : DIMS(2, 650, 35));
        Node *y = dot(&c, a, b, DIMS(0), 1, transposed ? 1 : 2, transposed ? 2 : 1);
        graph_output(graph, "y", build_unary(graph, OP_relu, y), OUT_RESULT, -1);
        check_schedules(&c, 8, true);
    }
}

/* Of the kernel for rows and weights that are packed ahead. */
static bool fetches_ahead(int64_t m, int64_t n, int64_t k) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", DT_F32, 2, DIMS(m, k)), *b = input(&c, "b", DT_F32, 2, DIMS(n, k));
    graph_output(graph, "y", dot(&c, a, b, NULL, 0, 1, 1), OUT_RESULT, -1);
    bool known[8] = {false};
    known[b->id] = true;
    LowerContext context = {.arena = &c.arena, .known = known, .values = &c.arena, .next_value = 8};
    const Group *group = contraction_of(fuse(graph, &c.arena));
    Buf text = {0};
    kernel_dump_body(&text, lower_contraction(group, target_find("avx2"), &context));
    bool found = strstr(buf_text(&text), "prefetch") != NULL;
    buf_free(&text);
    VEC_FREE(context.ahead);
    graph_free(graph);
    arena_free(&c.arena);
    return found;
}

Test(contract, few_rows_fetch_ahead) {
    check_dot(DT_F32, 12, 34, 2000, false, false, 12);
    cr_expect(fetches_ahead(40, 70, 2000));
    cr_expect(!fetches_ahead(40, 70, 200), "all in cache");
    cr_expect(!fetches_ahead(4000, 70, 2000), "rows enough");
    cr_expect(!fetches_ahead(1, 70, 2000), "read once, in order");
}

/* The kernels of a processor with a small cache: its text has the word, its values are right. */
static void check_small_cache(bool update, bool transposed, int64_t m, int64_t n, int64_t k,
                              size_t l2, const char *word) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", DT_F32, 2, transposed ? DIMS(k, m) : DIMS(m, k));
    Node *b = input(&c, "b", DT_F32, 2, DIMS(k, n)), *w = input(&c, "w", DT_F32, 2, DIMS(m, n));
    Node *y = dot(&c, a, b, NULL, 0, transposed ? 0 : 1, 0);
    if (update) y = build_binary(graph, OP_sub, w, y);
    graph_output(graph, "y", y, OUT_RESULT, -1);
    Tensor64 values[8], want[8];
    for (size_t i = 0; i < graph->inputs.count; i++)
        values[i] = random_tensor(&c, graph->inputs.items[i].node->type);
    Buf error = {0};
    cr_assert(interp_run(graph, values, want, ROUND_NONE, &c.arena, &error));
    const Group *group = contraction_of(fuse(graph, &c.arena));
    for (const Target *const *target = target_all(); *target; target++) {
        LowerContext context = {.arena = &c.arena};
        Target small = **target;
        Buf text = {0};
        small.l2 = l2;
        Kernel *kernel = lower_contraction(group, &small, &context);
        kernel_dump_body(&text, kernel);
        buf_puts(&text, kernel->schedule);
        bool vectors = small.vector_bytes >= 32;
        cr_expect(!vectors || strstr(buf_text(&text), word), "%s: %s", small.name, buf_text(&text));
        run_kernel(&c, group, kernel, values, want);
        buf_free(&text);
    }
    graph_free(graph);
    arena_free(&c.arena);
}

Test(contract, operands_from_afar) {
    check_small_cache(true, true, 50, 150, 3, 4096, "n inside");
    check_small_cache(true, true, 53, 167, 3, 4096, "prefetch");
    check_small_cache(false, false, 24, 140, 2000, 65536, "prefetch");
}

Test(contract, dot_empty) {
    check_dot(DT_F32, 3, 4, 0, false, true, 10);
    check_dot(DT_F32, 0, 4, 5, false, true, 10);
}

Test(contract, dot_batched) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", DT_F32, 4, DIMS(2, 3, 5, 7));
    Node *b = input(&c, "b", DT_F32, 4, DIMS(2, 3, 7, 18));
    graph_output(graph, "y", dot(&c, a, b, DIMS(0, 1), 2, 3, 2), OUT_RESULT, -1);
    check(&c, 60);
}

Test(contract, dot_of_vectors) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *a = input(&c, "a", DT_F32, 1, DIMS(37));
    Node *b = input(&c, "b", DT_F32, 1, DIMS(37));
    graph_output(graph, "y", dot(&c, a, b, NULL, 0, 0, 0), OUT_RESULT, -1);
    check(&c, 60);
}

typedef struct ConvCase {
    int spatial;
    int64_t n, in, out, groups;
    int64_t size[3], window[3], stride[3], lo[3], hi[3], dilation[3];
} ConvCase;

static Node *conv_node(Case *c, const ConvCase *v, Op op) {
    int64_t x[5] = {v->n, v->in}, w[5] = {v->out, v->in / v->groups}, y[5] = {v->n, v->out};
    for (int i = 0; i < v->spatial; i++) {
        x[2 + i] = v->size[i];
        w[2 + i] = v->window[i];
        y[2 + i] = (v->size[i] + v->lo[i] + v->hi[i] - v->dilation[i] * (v->window[i] - 1) - 1) /
                       v->stride[i] +
                   1;
    }
    int rank = v->spatial + 2;
    Node *a = input(c, "a", DT_F32, rank, op == OP_conv_dx ? y : x);
    Node *b = input(c, "b", DT_F32, rank, op == OP_conv_dw ? y : w);
    Attr attrs[] = {attr_ints(ATTR_stride, v->stride, v->spatial),
                    attr_ints(ATTR_lo, v->lo, v->spatial),
                    attr_ints(ATTR_hi, v->hi, v->spatial),
                    attr_ints(ATTR_dilation, v->dilation, v->spatial),
                    attr_int(ATTR_groups, v->groups),
                    attr_ints(op == OP_conv_dw ? ATTR_window : ATTR_size,
                              op == OP_conv_dw ? v->window : v->size, v->spatial)};
    return add_node(c, op, (Node *[]){a, b}, 2, attrs, op == OP_conv ? 5 : 6);
}

static const ConvCase conv_cases[] = {
    {2, 2, 1, 6, 1, {12, 12}, {5, 5}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {2, 3, 3, 5, 1, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 4, 18, 2, {9, 8}, {3, 2}, {2, 1}, {1, 0}, {0, 1}, {1, 1}},
    {2, 2, 4, 4, 4, {8, 20}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
    {2, 2, 3, 17, 1, {11, 11}, {3, 3}, {3, 2}, {2, 2}, {2, 2}, {2, 2}},
    {2, 1, 20, 33, 1, {7, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {2, 2, 650, 17, 1, {5, 7}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {2, 2, 3, 4, 1, {9, 9}, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {1, 1}},
    {1, 3, 2, 3, 1, {40}, {4}, {1}, {2}, {1}, {1}},
    {3, 1, 2, 3, 1, {4, 5, 6}, {2, 3, 2}, {1, 2, 1}, {0, 1, 1}, {1, 1, 0}, {1, 1, 2}},
    {2, 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {2, 1, 2, 2, 1, {3, 3}, {3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1}},
    {2, 2, 16, 32, 1, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 16, 16, 1, {5, 18}, {3, 3}, {1, 1}, {0, 2}, {1, 0}, {1, 1}},
    {2, 3, 3, 16, 1, {3, 9}, {3, 3}, {1, 1}, {1, 0}, {1, 1}, {1, 1}},
    {2, 1, 2, 16, 1, {2, 139}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
};

/* Windows that slide: in strips, over edges, with rows and columns left out. */
static const ConvCase depthwise_cases[] = {
    {2, 2, 3, 3, 3, {7, 7}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 2, 2, 2, {9, 75}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 2, 2, 2, {5, 37}, {5, 5}, {1, 1}, {2, 2}, {2, 2}, {1, 1}},
    {2, 1, 2, 2, 2, {14, 101}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}},
    {2, 1, 2, 2, 2, {11, 71}, {5, 5}, {2, 2}, {2, 1}, {1, 2}, {1, 1}},
    {2, 1, 2, 2, 2, {3, 20}, {4, 3}, {3, 1}, {1, 0}, {2, 2}, {1, 1}},
    {2, 1, 2, 2, 2, {12, 40}, {3, 4}, {1, 2}, {4, 3}, {0, 4}, {2, 2}},
    {2, 1, 2, 2, 2, {10, 12}, {7, 7}, {1, 1}, {3, 3}, {3, 3}, {1, 1}},
    {2, 1, 2, 2, 2, {9, 40}, {1, 3}, {4, 1}, {0, 5}, {0, 0}, {1, 1}},
    {1, 2, 3, 3, 3, {50}, {4}, {2}, {2}, {1}, {1}},
};

Test(contract, depthwise) {
    static const Op ops[] = {OP_conv, OP_conv_dx};
    for (size_t i = 0; i < 2 * sizeof depthwise_cases / sizeof depthwise_cases[0]; i++) {
        Case c = case_begin();
        Graph *graph = case_graph(&c);
        Node *conv = conv_node(&c, &depthwise_cases[i / 2], ops[i % 2]);
        graph_output(graph, "y", build_unary(graph, OP_relu, conv), OUT_RESULT, -1);
        check(&c, 2);
    }
}

/* Results of short sums wait for memory: few long rows come faster than many short ones. */
Test(contract, short_sums_store_long_rows) {
    static const ConvCase v = {2, 1, 16, 96, 1, {112, 112}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    graph_output(graph, "y", conv_node(&c, &v, OP_conv), OUT_RESULT, -1);
    LowerContext context = {.arena = &c.arena};
    const Group *group = contraction_of(fuse(graph, &c.arena));
    const Kernel *kernel = lower_contraction(group, target_find("avx512"), &context);
    cr_expect(strncmp(kernel->schedule, "lanes ow 16x8", 13) == 0, "%s", kernel->schedule);
    graph_free(graph);
    arena_free(&c.arena);
}

static void check_conv(Op op) {
    for (size_t i = 0; i < sizeof conv_cases / sizeof conv_cases[0]; i++) {
        Case c = case_begin();
        Graph *graph = case_graph(&c);
        graph_output(graph, "y", conv_node(&c, &conv_cases[i], op), OUT_RESULT, -1);
        check(&c, 25);
    }
}

Test(contract, conv) {
    check_conv(OP_conv);
}

Test(contract, conv_dx) {
    check_conv(OP_conv_dx);
}

Test(contract, conv_dw) {
    check_conv(OP_conv_dw);
}

static bool stores_far_apart(const KBlock *block) {
    for (const KStmt *s = block->first; s; s = s->next) {
        if (s->kind == KSTMT_STORE && s->stride != 1) return true;
        if (s->body && stores_far_apart(s->body)) return true;
    }
    return false;
}

/* Sums of chunks have output channels in lanes, which are far apart in the result. */
Test(contract, gradients_of_weights_are_stored_along_rows) {
    static const ConvCase v = {2, 8, 64, 64, 1, {14, 14}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    graph_output(graph, "y", conv_node(&c, &v, OP_conv_dw), OUT_RESULT, -1);
    const Group *group = contraction_of(fuse(graph, &c.arena));
    LowerContext context = {.arena = &c.arena};
    const Kernel *kernel = lower_contraction(group, target_find("avx512"), &context);
    cr_expect(strstr(kernel->schedule, "lanes oc") && strstr(kernel->schedule, "chunk"), "%s",
              kernel->schedule);
    cr_expect_not(stores_far_apart(kernel->body));
    graph_free(graph);
    arena_free(&c.arena);
}

/* Bias, relu and pooling after a convolution; results of all stages are stored when `all`. */
static void check_pooled(int64_t in, int64_t size, int64_t out, int64_t window, Op pool_op,
                         bool all) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    ConvCase v = {.spatial = 2, .n = 2, .in = in, .out = out, .groups = 1};
    for (int i = 0; i < 2; i++) {
        v.size[i] = size;
        v.window[i] = 3;
        v.stride[i] = v.dilation[i] = 1;
    }
    Node *conv = conv_node(&c, &v, OP_conv);
    Node *bias = input(&c, "bias", DT_F32, 1, DIMS(out));
    bias = build_reshape(graph, bias, 4, DIMS(1, out, 1, 1));
    bias = build_broadcast(graph, bias, 4, conv->type.dim);
    Node *relu = build_unary(graph, OP_relu, build_binary(graph, OP_add, conv, bias));
    Attr attrs[] = {attr_ints(ATTR_window, DIMS(window, window), 2),
                    attr_ints(ATTR_stride, DIMS(window, window), 2),
                    attr_ints(ATTR_dilation, DIMS(1, 1), 2), attr_ints(ATTR_lo, DIMS(0, 0), 2),
                    attr_ints(ATTR_hi, DIMS(0, 0), 2)};
    Node *pool = add_node(&c, pool_op, &relu, 1, attrs, 5);
    graph_output(graph, "pool", build_unary(graph, OP_neg, pool), OUT_RESULT, -1);
    if (all) {
        graph_output(graph, "relu", relu, OUT_RESULT, -1);
        if (pool_op == OP_max_pool)
            graph_output(graph, "index", add_node(&c, OP_max_pool_index, &relu, 1, attrs, 5),
                         OUT_RESULT, -1);
    }
    check(&c, 40);
}

/* The chosen schedule's kernel, and all of Winograd's. */
static void check_shared(Case *c) {
    const Target *target = target_find("avx512");
    const Group *group = contraction_of(fuse(c->graph, &c->arena));
    LowerContext context = {.arena = &c->arena, .threads = true};
    static Schedule schedules[20000];
    Kernel *kernel = lower_contraction(group, target, &context);
    cr_expect(kernel_splits(kernel), "%s", kernel->schedule);
    int count = contract_schedules(group, target, &context, schedules, 20000);
    for (int i = 0; i < count; i++) {
        if (!schedules[i].winograd) continue;
        kernel = contract_lower_with(group, target, &context, &schedules[i]);
        cr_expect(kernel_splits(kernel), "%s", kernel->schedule);
    }
    graph_free(c->graph);
    arena_free(&c->arena);
}

Test(contract, threads_share_them) {
    static const ConvCase pictures[] = {
        {2, 1, 32, 48, 1, {13, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {2, 9, 32, 48, 1, {13, 13}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
        {2, 8, 64, 64, 1, {56, 56}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    };
    for (size_t i = 0; i < 2 * sizeof pictures / sizeof *pictures; i++) {
        Case c = case_begin();
        Graph *graph = case_graph(&c);
        Node *conv = conv_node(&c, &pictures[i / 2], i % 2 ? OP_conv_dx : OP_conv);
        graph_output(graph, "y", build_unary(graph, OP_relu, conv), OUT_RESULT, -1);
        check_shared(&c);
    }
    Case c = case_begin();
    Graph *graph = case_graph(&c); /* in chunks, and the rows of the second in blocks */
    Node *a = input(&c, "a", DT_F32, 2, DIMS(64, 768)),
         *b = input(&c, "b", DT_F32, 2, DIMS(3072, 768));
    graph_output(graph, "y", dot(&c, a, b, NULL, 0, 1, 1), OUT_RESULT, -1);
    check_shared(&c);
}

Test(contract, pooled) {
    check_pooled(2, 14, 6, 2, OP_max_pool, false);
    check_pooled(2, 38, 5, 2, OP_max_pool, true);
    check_pooled(2, 13, 17, 2, OP_max_pool, true);
    check_pooled(2, 11, 16, 3, OP_max_pool, true);
    check_pooled(2, 14, 3, 2, OP_window_sum, true);
    check_pooled(2, 16, 4, 14, OP_window_sum, false);
    check_pooled(2, 16, 4, 14, OP_max_pool, true);
    check_pooled(16, 14, 16, 2, OP_max_pool, true);
    check_pooled(16, 18, 16, 2, OP_max_pool, true);
    check_pooled(16, 11, 16, 3, OP_window_sum, false);
}

/* Whether two kernels' results agree: the same infinities and NaNs, and the same numbers but for
 * rounding. */
static void same_results(const float *plain, const float *other, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        cr_assert_eq(isnan(plain[i]), isnan(other[i]), "element %lld: %g, %g", (long long)i,
                     plain[i], other[i]);
        if (isnan(plain[i])) continue;
        if (isinf(plain[i])) cr_assert_eq(plain[i], other[i]);
        if (isfinite(plain[i]) && fabsf(plain[i]) < 1e3f)
            cr_assert_float_eq(plain[i], other[i], 1e-4f);
    }
}

/* Winograd's transforms would spread them over whole tiles. */
Test(contract, winograd_leaves_infinities_where_they_are) {
    enum { IN = 16, OUT = 16, SIZE = 13 };
    static const ConvCase v = {2,      2,      IN,     OUT,    1,     {SIZE, SIZE},
                               {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    Node *conv = conv_node(&c, &v, OP_conv);
    graph_output(graph, "y", conv, OUT_RESULT, -1);
    const Group *group = contraction_of(fuse(graph, &c.arena));
    LowerContext context = {.arena = &c.arena};
    static Schedule schedules[20000];
    static float x[2 * IN * SIZE * SIZE], w[OUT * IN * 9], y[2][2 * OUT * SIZE * SIZE];
    for (int i = 0; i < 2 * IN * SIZE * SIZE; i++)
        x[i] = (float)draw(&c);
    for (int i = 0; i < OUT * IN * 9; i++)
        w[i] = (float)draw(&c);
    x[5 * SIZE + 7] = INFINITY;
    x[3 * SIZE * SIZE + 20] = NAN;
    x[(IN + 2) * SIZE * SIZE + 100] = 3e38f;
    const Target *target = target_native();
    int count = contract_schedules(group, target, &context, schedules, 20000), done = 0;
    for (int i = count - 1; i >= 0 && done < 6; i--) {
        if (done > 0 && !schedules[i].winograd) continue;
        if (done == 0) i = 0;
        const Kernel *kernel = contract_lower_with(group, target, &context, &schedules[i]);
        void *buffers[8];
        int used = 0;
        for (size_t k = 0; k < kernel->buffers.count; k++) {
            const KBuf *buf = kernel->buffers.items[k];
            if (buf->role == KBUF_LOCAL || buf->role == KBUF_TABLE) continue;
            void *bytes = aligned_buffer(&c, (size_t)buf->count * 4);
            if (buf->role == KBUF_IN && buf->node == graph->inputs.items[0].node)
                memcpy(bytes, x, sizeof x);
            if (buf->role == KBUF_IN && buf->node == graph->inputs.items[1].node)
                memcpy(bytes, w, sizeof w);
            buffers[used++] = bytes;
        }
        cr_assert(kernel_run_both(kernel, buffers, &c.arena));
        for (size_t k = 0, at = 0; k < kernel->buffers.count; k++) {
            const KBuf *buf = kernel->buffers.items[k];
            if (buf->role == KBUF_LOCAL || buf->role == KBUF_TABLE) continue;
            if (buf->role == KBUF_OUT) memcpy(y[done > 0], buffers[at], sizeof y[0]);
            at++;
        }
        if (done > 0) same_results(y[0], y[1], 2 * OUT * SIZE * SIZE);
        if (done++ == 0) i = count;
    }
    cr_assert_gt(done, 1);
    graph_free(graph);
    arena_free(&c.arena);
}

/* Compiled code gives the interpreting tier's bits, and both are right. */
Test(contract, compiled, .timeout = 300) {
    Case c = case_begin();
    Graph *graph = case_graph(&c);
    static const Op ops[] = {OP_conv, OP_conv_dx, OP_conv_dw};
    for (size_t i = 0; i < 9; i++)
        graph_output(graph, "conv", conv_node(&c, &conv_cases[i % 5], ops[i % 3]), OUT_RESULT, -1);
    for (size_t i = 1; i < 5; i++)
        graph_output(graph, "depthwise", conv_node(&c, &depthwise_cases[i], ops[i % 2]), OUT_RESULT,
                     -1);
    Node *a = input(&c, "a", DT_F32, 2, DIMS(33, 70));
    Node *b = input(&c, "b", DT_F32, 2, DIMS(65, 70));
    Node *column = input(&c, "column", DT_F32, 2, DIMS(1, 70));
    graph_output(graph, "linear", dot(&c, a, b, NULL, 0, 1, 1), OUT_RESULT, -1);
    graph_output(graph, "one", dot(&c, column, b, NULL, 0, 1, 1), OUT_RESULT, -1);
    graph_output(graph, "outer", dot(&c, a, a, NULL, 0, 0, 0), OUT_RESULT, -1);
    size_t in = graph->inputs.count, out = graph->outputs.count;
    Tensor64 *values = ARENA_ARRAY(&c.arena, Tensor64, in);
    Tensor64 *want = ARENA_ARRAY(&c.arena, Tensor64, out);
    void **inputs = ARENA_ARRAY(&c.arena, void *, in);
    void **interpreted = ARENA_ARRAY(&c.arena, void *, out);
    void **compiled = ARENA_ARRAY(&c.arena, void *, out);
    for (size_t i = 0; i < in; i++) {
        values[i] = random_tensor(&c, graph->inputs.items[i].node->type);
        inputs[i] = aligned_buffer(&c, type_bytes(&values[i].type));
        tensor64_to_bytes(&values[i], inputs[i]);
    }
    for (size_t i = 0; i < out; i++) {
        size_t bytes = type_bytes(&graph->outputs.items[i].value->type);
        interpreted[i] = aligned_buffer(&c, bytes);
        compiled[i] = aligned_buffer(&c, bytes);
    }
    Buf error = {0};
    cr_assert(interp_run(graph, values, want, ROUND_NONE, &c.arena, &error));
    Executable *executable = executable_new(graph, &(CodegenOptions){.level = 2}, &error);
    cr_assert_not_null(executable, "%s", buf_text(&error));
    const void *const *arguments = (const void *const *)inputs;
    cr_assert(executable_run(executable, arguments, interpreted, &error));
    cr_assert(executable_compile(&executable, 1, &(NativeReport){0}, &error), "%s",
              buf_text(&error));
    cr_assert(executable_run(executable, arguments, compiled, &error));
    for (size_t i = 0; i < out; i++) {
        compare(&want[i], compiled[i], &c.arena, graph->outputs.items[i].name);
        cr_assert_arr_eq(compiled[i], interpreted[i], type_bytes(&want[i].type));
    }
    executable_free(executable);
    graph_free(graph);
    arena_free(&c.arena);
}
