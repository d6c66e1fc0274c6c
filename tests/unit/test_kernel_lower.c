/* Kernels against the reference interpreter: every op by itself and random graphs, lowered for
 * every target and run in the interpreting tier; then printed, compiled and compared bit by bit. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "passes/pass.h"
#include "tests/support/coverage.h"
#include "tests/support/kernel_run.h"
#include "tests/support/random_graph.h"

/* Relative to the largest magnitude of the tensor: sums cancel. */
static bool close_enough(const Tensor64 *got, const Tensor64 *expected, double tolerance,
                         Buf *message) {
    int64_t count = type_numel(&expected->type);
    double scale = 1e-30;
    for (int64_t i = 0; expected->f && i < count; i++)
        if (isfinite(expected->f[i]) && fabs(expected->f[i]) > scale) scale = fabs(expected->f[i]);
    for (int64_t i = 0; i < count; i++) {
        if (expected->i) {
            if (got->i[i] == expected->i[i]) continue;
            buf_printf(message, "element %lld is %lld, not %lld", (long long)i,
                       (long long)got->i[i], (long long)expected->i[i]);
            return false;
        }
        double x = got->f[i], y = expected->f[i];
        if ((isnan(x) && isnan(y)) || x == y || fabs(x - y) <= tolerance * scale) continue;
        buf_printf(message, "element %lld is %.9g, not %.9g", (long long)i, x, y);
        return false;
    }
    return true;
}

/* True when all outputs agree for the target. */
static bool agrees(RandomGraph *random, const Fusion *fusion, const Target *target,
                   const Tensor64 *inputs, double tolerance, Arena *arena, KernelRuns *runs,
                   Buf *message) {
    Graph *graph = random->graph;
    size_t count = graph->outputs.count;
    Tensor64 *expected = ARENA_ARRAY(arena, Tensor64, count + 1);
    Tensor64 *got = ARENA_ARRAY(arena, Tensor64, count + 1);
    Buf error = {0};
    bool defined = interp_run(graph, inputs, expected, ROUND_TO_TYPE, arena, &error);
    bool ran = kernel_run_fusion(fusion, target, inputs, got, arena, runs);
    buf_free(&error);
    if (defined != ran) {
        buf_printf(message, "a fault in one of both only");
        return false;
    }
    for (size_t i = 0; ran && i < count; i++)
        if (!close_enough(&got[i], &expected[i], tolerance, message)) return false;
    return true;
}

static double tolerance_of(DType dtype) {
    return dtype == DT_BF16 ? 1e-2 : dtype == DT_F16 ? 1.2e-3 : dtype == DT_F32 ? 2e-5 : 1e-12;
}

/* Casts may bring float32 into a graph of doubles. */
static double tolerance_for(const Graph *graph, DType dtype) {
    for (size_t i = 0; i < graph->nodes.count; i++)
        if (graph->nodes.items[i]->type.dtype == DT_F32) return tolerance_of(DT_F32);
    return tolerance_of(dtype);
}

static bool runs_here(const Target *target) {
    const Target *native = target_native();
    return strcmp(target->name, "none") == 0 || target->vector_bytes <= native->vector_bytes;
}

/* The graph as fusion wants it: composites taken apart. */
static Graph *prepared(const Graph *graph, Arena *arena) {
    PassContext context = {.arena = arena};
    return passes_run(graph, 0, "decompose", &context);
}

/* Halves from here on. */
enum { HALF_SEED = 91 };

static DType dtype_of(uint64_t seed) {
    if (seed >= HALF_SEED) return seed % 2 ? DT_BF16 : DT_F16;
    return seed % 3 ? DT_F32 : DT_F64;
}

/* One op, with what leads to it; the kernels are kept for compiling in `runs` (or NULL). */
static void check_op(Op op, uint64_t seed, const Target *target, Arena *arena, KernelRuns *runs,
                     Coverage *coverage) {
    RandomGraph random;
    DType dtype = dtype_of(seed);
    random_graph_start(&random, arena, seed, dtype);
    Node *node = random_graph_op(&random, op);
    for (int i = 0; i < op_info(op)->results; i++) {
        Node *result = op_info(op)->results > 1 ? build_result(random.graph, node, i) : node;
        graph_output(random.graph, "y", result, OUT_RESULT, -1);
    }
    Tensor64 *inputs = random_graph_values(&random, arena);
    Buf message = {0};
    Graph *graph = prepared(random.graph, arena);
    bool ok = agrees(&random, fuse(graph, arena), target, inputs, tolerance_of(dtype), arena, runs,
                     &message);
    graph_free(graph);
    cr_expect(ok, "%s, seed %llu, %s, %s: %s", op_info(op)->name, (unsigned long long)seed,
              dtype_name(dtype), target->name, buf_text(&message));
    coverage_graph(coverage, random.graph);
    buf_free(&message);
    random_graph_free(&random);
}

static bool can_be_drawn(Op op) {
    return op != OP_result && op != OP_input;
}

Test(kernel_lower, every_op_agrees_with_the_reference) {
    Coverage coverage = {0};
    for (int t = 0; target_all()[t]; t++) {
        for (Op op = 0; op < OP_COUNT; op++) {
            for (uint64_t seed = 1; can_be_drawn(op) && seed <= 16; seed++) {
                Arena arena = {0};
                uint64_t drawn = seed <= 12 ? seed : HALF_SEED + seed;
                check_op(op, drawn, target_all()[t], &arena, NULL, &coverage);
                arena_free(&arena);
            }
        }
    }
    coverage_write(&coverage, "kernels");
}

/* Random graphs of several ops, fused, on one target; the kernels are kept for compiling. */
static void check_graphs(const Target *target, bool fused, uint64_t first, int count, Arena *arena,
                         KernelRuns *runs, Coverage *coverage) {
    for (uint64_t seed = first; seed < first + (uint64_t)count; seed++) {
        RandomGraph random;
        DType dtype = seed % 4 ? DT_F32 : DT_F64;
        random_graph_start(&random, arena, seed, dtype);
        random_graph_fill(&random, 12, NULL);
        Tensor64 *inputs = random_graph_values(&random, arena);
        Graph *graph = prepared(random.graph, arena);
        Fusion *fusion = fused ? fuse(graph, arena) : fuse_nothing(graph, arena);
        Buf message = {0};
        bool ok = agrees(&random, fusion, target, inputs, 50 * tolerance_for(graph, dtype), arena,
                         runs, &message);
        cr_expect(ok, "seed %llu, %s: %s", (unsigned long long)seed, target->name,
                  buf_text(&message));
        coverage_graph(coverage, random.graph);
        buf_free(&message);
        graph_free(graph);
        random_graph_free(&random);
    }
}

Test(kernel_lower, random_graphs_agree_with_the_reference) {
    Coverage coverage = {0};
    for (int t = 0; target_all()[t]; t++) {
        Arena arena = {0};
        check_graphs(target_all()[t], true, 100, 60, &arena, NULL, &coverage);
        check_graphs(target_all()[t], false, 300, 15, &arena, NULL, &coverage);
        arena_free(&arena);
    }
}

/* Whether check_op of that seed runs the op with a type that it has not been run with. */
static bool brings_type(Op op, uint64_t seed, const Coverage *coverage) {
    Arena arena = {0};
    Coverage drawn = {0};
    RandomGraph random;
    random_graph_start(&random, &arena, seed, dtype_of(seed));
    coverage_node(&drawn, random_graph_op(&random, op));
    random_graph_free(&random);
    arena_free(&arena);
    return (drawn.dtypes[op] & ~coverage->dtypes[op]) != 0;
}

static void check_types(Op op, const Target *target, Arena *arena, KernelRuns *runs,
                        Coverage *coverage) {
    for (uint64_t seed = 1; can_be_drawn(op) && seed <= 100; seed++)
        if (brings_type(op, seed, coverage)) check_op(op, seed, target, arena, runs, coverage);
}

/* Every op with each type, and random graphs on all targets that run here. */
static void check_compiled(const char *compiler, const char *record) {
    Arena arena = {0};
    KernelRuns runs = {0};
    Coverage coverage = {0};
    for (Op op = 0; op < OP_COUNT; op++)
        check_types(op, target_native(), &arena, &runs, &coverage);
    for (int t = 0; target_all()[t]; t++)
        if (runs_here(target_all()[t]))
            check_graphs(target_all()[t], true, 500, 25, &arena, &runs, &coverage);
    Buf message = {0};
    kernel_runs_compare(&runs, compiler, &arena, &message);
    cr_expect(message.size == 0, "%s", buf_text(&message));
    coverage_write(&coverage, record);
    buf_free(&message);
    VEC_FREE(runs);
    arena_free(&arena);
}

Test(kernel_lower, printed_c_gives_the_same_bits_under_gcc) {
    check_compiled("gcc -O2", "gcc");
}

Test(kernel_lower, printed_c_gives_the_same_bits_under_clang) {
    check_compiled("clang -O2", "clang");
}

Test(kernel_lower, printed_c_runs_clean_under_sanitizers) {
    check_compiled("gcc -O1 -fsanitize=undefined -fno-sanitize-recover=undefined "
                   "-static-libubsan",
                   "sanitizers");
}
