/* Sums of float32 follow the order that codegen/lower_reduce.c documents, bit for bit: results may
 * depend on the target's lanes, never on the tier or on what else was fused. */
#include <criterion/criterion.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/target.h"
#include "ir/build.h"

enum { MOST = 70000 };

/* Element i goes to lane i mod L of chain (i / L) mod C, where long chains are added up in pieces;
 * then chains in pairs, then lanes by halves. */
static float documented_sum(const float *x, int n, int lanes) {
    float sum[4][64] = {{0}}, part[4][64] = {{0}};
    int chains = 1, piece = 32;
    if (n == 1) lanes = 1;
    while (chains < 4 && n >= 4 * lanes * chains)
        chains *= 2;
    int block = lanes * chains, blocks = n / block;
    while (piece * piece < blocks)
        piece *= 2;
    if (blocks <= 256) piece = 0; /* no chain is cut */
    for (int i = 0; i < n; i++) {
        bool cut = piece > 0 && i < blocks * block;
        (cut ? part : sum)[i / lanes % chains][i % lanes] += x[i];
        bool ends = cut && ((i + 1) % (piece * block) == 0 || i + 1 == blocks * block);
        for (int c = 0; ends && c < chains; c++)
            for (int l = 0; l < lanes; l++) {
                sum[c][l] += part[c][l];
                part[c][l] = 0;
            }
    }
    for (; chains > 1; chains /= 2)
        for (int c = 0; c < chains / 2; c++)
            for (int l = 0; l < lanes; l++)
                sum[c][l] = sum[2 * c][l] + sum[2 * c + 1][l];
    for (; lanes > 1; lanes /= 2)
        for (int l = 0; l < lanes / 2; l++)
            sum[0][l] += sum[0][l + lanes / 2];
    return sum[0][0];
}

static float computed_sum(const float *x, int n, const char *target) {
    Arena arena = {0};
    Buf error = {0};
    Graph *graph = graph_new(&arena, "sum");
    Type type = type_make(DT_F32, 1, (const int64_t[]){n});
    Node *input = graph_input(graph, "x", type, ROLE_DATA, 0);
    Attr axes = attr_ints(ATTR_axes, (const int64_t[]){0}, 1);
    graph_output(graph, "y", build_op(graph, OP_reduce_sum, &input, 1, &axes, 1), OUT_RESULT, -1);
    CodegenOptions options = {.vector = target};
    Executable *executable = executable_new(graph, &options, &error);
    cr_assert_not_null(executable, "%s", buf_text(&error));
    float y = 0;
    void *outputs[] = {&y};
    cr_assert(executable_run(executable, (const void *const[]){x}, outputs, &error));
    executable_free(executable);
    graph_free(graph);
    arena_free(&arena);
    return y;
}

Test(sum_order, is_the_documented_one) {
    static const int sizes[] = {1,   2,   7,   8,   9,    31,    32,    33,    63,  64,
                                100, 129, 255, 777, 1000, 16384, 16511, 40000, MOST};
    static float x[MOST];
    for (int i = 0; i < MOST; i++) /* of very different sizes, so that each order has its own sum */
        x[i] = (float)(i * 7919 % 1009 - 500) * (i % 3 == 0 ? 1e4f : i % 3 == 1 ? 1.0f : 1e-3f);
    for (const Target *const *target = target_all(); *target; target++) {
        int lanes = target_lanes(*target, DT_F32);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            float want = documented_sum(x, sizes[s], lanes);
            float got = computed_sum(x, sizes[s], (*target)->name);
            cr_expect_eq(memcmp(&want, &got, sizeof want), 0, "%s, %d elements: %.9g, got %.9g",
                         (*target)->name, sizes[s], (double)want, (double)got);
        }
    }
}

/* Along columns: one chain an element, in row-major order, however many run side by side; and what
 * is computed from a column's own sum stays in its column. */
static void check_columns(int rows, int columns, const char *target) {
    static float x[16 * 400], y[16 * 400];
    Arena arena = {0};
    Buf error = {0};
    uint32_t state = 1;
    for (int i = 0; i < rows * columns; i++) {
        state = state * 1664525 + 1013904223;
        x[i] = (float)(state >> 8) / 65536 - 100;
    }
    Graph *graph = graph_new(&arena, "columns");
    Type type = type_make(DT_F32, 2, (const int64_t[]){rows, columns});
    Node *input = graph_input(graph, "x", type, ROLE_DATA, 0);
    Node *sum = build_reduce(graph, OP_reduce_sum, input, (const int[]){0}, 1);
    Node *wide = build_broadcast(graph, sum, 2, type.dim);
    graph_output(graph, "y", build_binary(graph, OP_sub, input, wide), OUT_RESULT, -1);
    CodegenOptions options = {.vector = target};
    Executable *executable = executable_new(graph, &options, &error);
    cr_assert_not_null(executable, "%s", buf_text(&error));
    void *outputs[] = {y};
    cr_assert(executable_run(executable, (const void *const[]){x}, outputs, &error));
    for (int c = 0; c < columns; c++) {
        float expected = 0;
        for (int r = 0; r < rows; r++)
            expected += x[r * columns + c];
        for (int r = 0; r < rows; r++)
            cr_assert_eq(y[r * columns + c], x[r * columns + c] - expected, "%s: column %d of %d",
                         target, c, columns);
    }
    executable_free(executable);
    graph_free(graph);
    arena_free(&arena);
}

Test(sum_order, columns_are_apart) {
    for (int t = 0; target_all()[t]; t++)
        for (int columns = 1; columns <= 400; columns += columns < 140 ? 1 : 37)
            check_columns(1 + columns % 9, columns, target_all()[t]->name);
}
