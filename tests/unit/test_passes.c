/* Passes keep what a graph computes: over random graphs, the interpreter's results before and after
 * agree bit for bit (but where a pass says that rounding changes). Golden files in tests/passes pin
 * what each pass does. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "codegen/plan.h"
#include "ir/text.h"
#include "ir/verify.h"
#include "passes/fuse.h"
#include "passes/pass.h"
#include "support/file.h"
#include "tests/support/random_graph.h"

static Tensor64 *run(const Graph *graph, const Tensor64 *inputs, Arena *arena) {
    Buf error = {0};
    Tensor64 *outputs = ARENA_ARRAY(arena, Tensor64, graph->outputs.count);
    cr_assert(interp_run(graph, inputs, outputs, ROUND_TO_TYPE, arena, &error), "%s",
              buf_text(&error));
    return outputs;
}

/* Equal as ==, and NaN where NaN; `tolerance` is relative to the larger of 1 and the value. */
static bool same_values(const Tensor64 *a, const Tensor64 *b, double tolerance) {
    if (!type_equal(&a->type, &b->type)) return false;
    for (int64_t k = 0; k < type_numel(&a->type); k++) {
        if (a->i != NULL && a->i[k] != b->i[k]) return false;
        if (a->i != NULL || a->f[k] == b->f[k] || (isnan(a->f[k]) && isnan(b->f[k]))) continue;
        if (!(fabs(a->f[k] - b->f[k]) <= tolerance * fmax(1, fabs(a->f[k])))) return false;
    }
    return true;
}

static void check_same(const Graph *before, const Graph *after, const Tensor64 *inputs,
                       double tolerance, const char *what, uint64_t seed) {
    Arena arena = {0};
    Tensor64 *expected = run(before, inputs, &arena), *got = run(after, inputs, &arena);
    cr_assert_eq(before->outputs.count, after->outputs.count);
    for (size_t i = 0; i < before->outputs.count; i++) {
        if (same_values(&expected[i], &got[i], tolerance)) continue;
        Buf text = {0};
        graph_print(&text, before, NULL);
        buf_puts(&text, "---\n");
        graph_print(&text, after, NULL);
        cr_assert(false, "%s, seed %llu: output %zu differs\n%s", what, (unsigned long long)seed, i,
                  buf_text(&text));
    }
    arena_free(&arena);
}

static void check_fusion(const Graph *graph, bool alone, uint64_t seed) {
    Arena arena = {0};
    Buf error = {0};
    Fusion *fusion = alone ? fuse_nothing(graph, &arena) : fuse(graph, &arena);
    if (!fusion_verify(fusion, &error)) {
        Buf text = {0};
        graph_print(&text, graph, NULL);
        fusion_print(&text, fusion);
        cr_assert(false, "seed %llu: %s\n%s", (unsigned long long)seed, buf_text(&error),
                  buf_text(&text));
    }
    arena_free(&arena);
}

static void check_passes(uint64_t seed, int steps) {
    Arena arena = {0};
    RandomGraph random;
    random_graph_start(&random, &arena, seed, seed % 2 ? DT_F32 : DT_F64);
    random_graph_fill(&random, steps, NULL);
    Tensor64 *inputs = random_graph_values(&random, &arena);
    PassContext context = {.arena = &arena, .verify = true};
    check_fusion(random.graph, false, seed);
    check_fusion(random.graph, true, seed);
    for (const PassInfo *pass = pass_table(); pass->name != NULL; pass++) {
        if (pass->run == NULL) continue;
        Graph *after = passes_run(random.graph, 0, pass->name, &context);
        check_same(random.graph, after, inputs, 0, pass->name, seed);
        graph_free(after);
    }
    Graph *all = passes_run(random.graph, 3, NULL, &context);
    check_same(random.graph, all, inputs, 0, "the pipeline", seed);
    check_fusion(all, false, seed);
    graph_free(all);
    random_graph_free(&random);
    arena_free(&arena);
}

/* NNC_SEEDS asks for a longer search. */
static uint64_t last_seed(void) {
    const char *more = getenv("NNC_SEEDS");
    return more != NULL ? strtoull(more, NULL, 10) : 300;
}

Test(passes, random_graphs_keep_their_values, .timeout = 300) {
    uint64_t last = last_seed();
    for (uint64_t seed = 1; seed <= last; seed++)
        check_passes(seed, 3 + (int)(seed % 40));
}

/* A loss over the graph's float outputs, differentiated by its float inputs. */
static void add_gradients(Graph *graph, Arena *arena) {
    VEC(Node *) outputs = {0};
    VEC(Node *) seeds = {0};
    VEC(Node *) inputs = {0};
    for (size_t i = 0; i < graph->outputs.count; i++) {
        Node *value = graph->outputs.items[i].value;
        if (!dtype_is_float(value->type.dtype)) continue;
        VEC_PUSH(outputs, value);
        VEC_PUSH(seeds, build_full(graph, value->type, 0.5 + (double)i));
    }
    for (size_t i = 0; i < graph->inputs.count; i++)
        if (dtype_is_float(graph->inputs.items[i].node->type.dtype))
            VEC_PUSH(inputs, graph->inputs.items[i].node);
    Node **gradients = ARENA_ARRAY(arena, Node *, inputs.count);
    Buf error = {0};
    cr_assert(autodiff(graph, outputs.items, seeds.items, (int)outputs.count, inputs.items,
                       (int)inputs.count, NULL, gradients, &error),
              "%s", buf_text(&error));
    for (size_t i = 0; i < inputs.count; i++)
        if (gradients[i] != NULL) graph_output(graph, "gradient", gradients[i], OUT_RESULT, -1);
    VEC_FREE(outputs);
    VEC_FREE(seeds);
    VEC_FREE(inputs);
}

static void check_gradients(uint64_t seed, int steps) {
    Arena arena = {0};
    RandomGraph random;
    random_graph_start(&random, &arena, seed, DT_F32);
    random_graph_fill(&random, steps, NULL);
    add_gradients(random.graph, &arena);
    Tensor64 *inputs = random_graph_values(&random, &arena);
    PassContext context = {.arena = &arena, .verify = true};
    Graph *after = passes_run(random.graph, 3, NULL, &context);
    check_same(random.graph, after, inputs, 0, "gradients", seed);
    check_fusion(after, false, seed);
    graph_free(after);
    random_graph_free(&random);
    arena_free(&arena);
}

Test(passes, gradients_of_random_graphs_keep_their_values, .timeout = 300) {
    uint64_t last = last_seed();
    for (uint64_t seed = 1; seed <= last; seed++)
        check_gradients(seed, 3 + (int)(seed % 30));
}

/* A product with params, behind it scales and shifts of its channels in random order. */
static Graph *random_affine(Random *random, Arena *arena, bool convolution) {
    Graph *graph = graph_new(arena, "affine");
    int64_t channels = 1 + random_below(random, 5), in = 1 + random_below(random, 4);
    Type x_type = type_make(DT_F64, convolution ? 4 : 2, (const int64_t[]){2, in, 5, 4});
    Type w_type = type_make(DT_F64, convolution ? 4 : 2, (const int64_t[]){channels, in, 3, 2});
    Node *operands[] = {graph_input(graph, "x", x_type, ROLE_DATA, 0),
                        graph_input(graph, "w", w_type, ROLE_PARAM, 0)};
    static const int64_t ZERO[] = {0, 0}, ONE[] = {1, 1};
    Attr conv[] = {attr_ints(ATTR_stride, ONE, 2), attr_ints(ATTR_lo, ONE, 2),
                   attr_ints(ATTR_hi, ZERO, 2), attr_ints(ATTR_dilation, ONE, 2),
                   attr_int(ATTR_groups, 1)};
    Attr dot[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                  attr_ints(ATTR_contract_a, ONE, 1), attr_ints(ATTR_contract_b, ONE, 1)};
    Node *y = convolution ? build_op(graph, OP_conv, operands, 2, conv, 5)
                          : build_op(graph, OP_dot, operands, 2, dot, 4);
    static const Op OPS[] = {OP_add, OP_mul, OP_sub, OP_div};
    int64_t ones[] = {channels, 1, 1};
    for (int i = 1 + random_below(random, 6); i > 0; i--) {
        Op op = OPS[random_below(random, 4)];
        Node *v = graph_input(graph, "v", type_make(DT_F64, 1, &channels), ROLE_PARAM, i);
        v = build_reshape(graph, v, convolution ? 3 : 1, ones);
        v = build_broadcast(graph, v, y->type.rank, y->type.dim);
        bool swap = (op == OP_add || op == OP_mul) && random_below(random, 2);
        y = build_binary(graph, op, swap ? v : y, swap ? y : v);
        if (random_below(random, 8) == 0) graph_output(graph, "tap", y, OUT_RESULT, -1);
    }
    graph_output(graph, "y", y, OUT_RESULT, -1);
    return graph;
}

static Tensor64 *random_inputs(const Graph *graph, Random *random, Arena *arena) {
    Tensor64 *inputs = ARENA_ARRAY(arena, Tensor64, graph->inputs.count);
    for (size_t i = 0; i < graph->inputs.count; i++) {
        inputs[i].type = graph->inputs.items[i].node->type;
        int64_t count = type_numel(&inputs[i].type);
        inputs[i].f = ARENA_ARRAY(arena, double, (size_t)count);
        for (int64_t k = 0; k < count; k++)
            inputs[i].f[k] = 0.5 + random_unit(random);
    }
    return inputs;
}

Test(passes, folded_scales_agree_within_rounding) {
    int folded = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        Arena arena = {0};
        Random random = {seed};
        Graph *graph = random_affine(&random, &arena, seed % 2);
        Tensor64 *inputs = random_inputs(graph, &random, &arena);
        PassContext context = {.arena = &arena, .verify = true, .inference = true};
        Graph *after = passes_run(graph, 3, NULL, &context);
        check_same(graph, after, inputs, 1e-12, "fold_scale", seed);
        check_fusion(after, false, seed);
        for (size_t id = 0; id < after->nodes.count; id++) {
            const Node *node = after->nodes.items[id];
            bool product = node->op == OP_conv || node->op == OP_dot;
            folded += product && node->inputs[1]->op != OP_input;
        }
        graph_free(after);
        graph_free(graph);
        arena_free(&arena);
    }
    cr_assert_geq(folded, 100);
}

/* Gradients of weights that random numbers of steps share, in random order. */
static Graph *random_shares(Random *random, Arena *arena) {
    Graph *graph = graph_new(arena, "shares");
    int steps = 1 + random_below(random, 9);
    int64_t rows = 1 + random_below(random, 3), m = 2 + random_below(random, 12), n = 9;
    Node *a[9], *b[9], *sum = NULL, *bias = NULL;
    int first = random_below(random, steps);
    for (int i = 0; i < steps; i++) {
        Type left = type_make(DT_F64, 2, (const int64_t[]){rows, m});
        Type right = type_make(DT_F64, 2, (const int64_t[]){rows, n});
        a[i] = graph_input(graph, "a", left, ROLE_DATA, 2 * i);
        b[i] = graph_input(graph, "b", right, ROLE_DATA, 2 * i + 1);
    }
    Attr axis = attr_int(ATTR_axis, 0);
    if (steps > 1 && random_below(random, 2))
        graph_output(graph, "joined", build_op(graph, OP_concat, b, steps, &axis, 1), OUT_RESULT,
                     -1);
    for (int i = 0; i < steps; i++) {
        int at = (first + i) % steps;
        static const int64_t ZERO[] = {0};
        Attr dot[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                      attr_ints(ATTR_contract_a, ZERO, 1), attr_ints(ATTR_contract_b, ZERO, 1)};
        Node *share = build_op(graph, OP_dot, (Node *[]){a[at], b[at]}, 2, dot, 4);
        sum = sum ? build_binary(graph, OP_add, sum, share) : share;
        bias = bias ? build_binary(graph, OP_add, bias, b[at]) : b[at];
        if (random_below(random, 16) == 0) graph_output(graph, "tap", sum, OUT_RESULT, -1);
    }
    graph_output(graph, "sum", sum, OUT_RESULT, -1);
    bias = build_reduce(graph, OP_reduce_sum, bias, (const int[]){0}, 1);
    graph_output(graph, "bias", bias, OUT_RESULT, -1);
    return graph;
}

Test(passes, joined_sums_agree_within_rounding) {
    int joined = 0;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        Arena arena = {0};
        Random random = {seed};
        Graph *graph = random_shares(&random, &arena);
        Tensor64 *inputs = random_inputs(graph, &random, &arena);
        PassContext context = {.arena = &arena, .verify = true};
        Graph *after = passes_run(graph, 3, NULL, &context);
        check_same(graph, after, inputs, 1e-12, "join_sums", seed);
        check_fusion(after, false, seed);
        int dots = 0;
        for (size_t id = 0; id < after->nodes.count; id++)
            dots += after->nodes.items[id]->op == OP_dot;
        joined += dots == 1 && graph->inputs.count > 2;
        graph_free(after);
        graph_free(graph);
        arena_free(&arena);
    }
    cr_assert_geq(joined, 20);
}

/* softmax(q kT / 2 + mask) v and, at option, how large the rows' sums are, or the weights. */
typedef struct Attention {
    int rank;
    int64_t batch, rows, columns;
    bool diagonal, mask, gradients, sums, weights, gpu, cut;
} Attention;

static Node *dot(Graph *graph, Node *a, Node *b, int batch, int contract_a, int contract_b) {
    static const int64_t AXES[] = {0, 1, 2, 3};
    Attr attrs[] = {attr_ints(ATTR_batch_a, AXES, batch), attr_ints(ATTR_batch_b, AXES, batch),
                    attr_ints(ATTR_contract_a, &AXES[contract_a], 1),
                    attr_ints(ATTR_contract_b, &AXES[contract_b], 1)};
    return build_op(graph, OP_dot, (Node *[]){a, b}, 2, attrs, 4);
}

static Node *positions(Graph *graph, const Type *shape, int from_last) {
    Attr attrs[] = {attr_int(ATTR_axis, 2 - from_last),
                    attr_ints(ATTR_shape, &shape->dim[shape->rank - 2], 2), attr_dtype(DT_I64)};
    return build_op(graph, OP_iota, NULL, 0, attrs, 3);
}

static Graph *build_attention(const Attention *a, Arena *arena) {
    Graph *graph = graph_new(arena, "attention");
    int rank = a->rank, batch = rank - 2, row = rank - 2, column = rank - 1;
    int64_t q_dims[4] = {0}, k_dims[4], v_dims[4], dims[4];
    q_dims[0] = a->batch;
    q_dims[batch - (batch > 0)] = a->batch;
    if (batch > 1) q_dims[0] = 2;
    memcpy(k_dims, q_dims, sizeof q_dims);
    memcpy(v_dims, q_dims, sizeof q_dims);
    memcpy(dims, q_dims, sizeof q_dims);
    q_dims[row] = dims[row] = a->rows;
    k_dims[column] = v_dims[row] = dims[column] = a->columns;
    q_dims[column] = k_dims[row] = v_dims[column] = 2;
    Node *q = graph_input(graph, "q", type_make(DT_F64, rank, q_dims), ROLE_DATA, 0);
    Node *k = graph_input(graph, "k", type_make(DT_F64, rank, k_dims), ROLE_DATA, 1);
    Node *v = graph_input(graph, "v", type_make(DT_F64, rank, v_dims), ROLE_DATA, 2);
    Node *x = dot(graph, q, k, batch, column, row);
    x = build_binary(graph, OP_mul, x, build_full(graph, x->type, 0.5));
    if (a->mask) {
        Type type = type_make(DT_F64, 2, &dims[row]);
        Node *mask = graph_input(graph, "mask", type, ROLE_DATA, 3);
        x = build_binary(graph, OP_add, x, build_broadcast(graph, mask, rank, dims));
    }
    if (a->diagonal) {
        Node *before = build_binary(graph, OP_le, positions(graph, &x->type, 1),
                                    positions(graph, &x->type, 2));
        Node *low = build_full(graph, x->type, -INFINITY);
        x = build_where(graph, build_broadcast(graph, before, rank, dims), x, low);
    }
    int64_t wide[4];
    memcpy(wide, dims, sizeof dims);
    wide[column] = 1;
    Node *max = build_reduce(graph, OP_reduce_max, x, &column, 1);
    max = build_broadcast(graph, build_reshape(graph, max, rank, wide), rank, dims);
    Node *e = build_unary(graph, OP_exp, build_binary(graph, OP_sub, x, max));
    Node *sum = build_reduce(graph, OP_reduce_sum, e, &column, 1);
    Node *sums = build_broadcast(graph, build_reshape(graph, sum, rank, wide), rank, dims);
    Node *weights = build_binary(graph, OP_div, e, sums);
    graph_output(graph, "y", dot(graph, weights, v, batch, column, row), OUT_RESULT, -1);
    if (a->sums) graph_output(graph, "sums", build_unary(graph, OP_log, sum), OUT_RESULT, -1);
    if (a->weights) graph_output(graph, "weights", weights, OUT_RESULT, -1);
    if (a->gradients) add_gradients(graph, arena);
    return graph;
}

/* Elements of the largest value that is computed. */
static int64_t largest_value(const Graph *graph, Arena *arena) {
    Fusion *fusion = fuse(graph, arena);
    int64_t largest = 0;
    for (int g = 0; g < fusion->group_count; g++)
        for (int i = 0; i < fusion->groups[g]->output_count; i++) {
            int64_t count = type_numel(&fusion->groups[g]->outputs[i]->type);
            if (count > largest) largest = count;
        }
    return largest;
}

static void check_attention(const Attention *a, uint64_t number) {
    Arena arena = {0};
    Random random = {number};
    Graph *graph = build_attention(a, &arena);
    Tensor64 *inputs = random_inputs(graph, &random, &arena);
    PassContext context = {.arena = &arena, .verify = true, .gpu = a->gpu};
    Graph *after = passes_run(graph, 3, NULL, &context);
    check_same(graph, after, inputs, 1e-9, "cut_rows", number);
    check_fusion(after, false, number);
    int64_t square = 2 * a->batch * a->rows * a->columns / (a->rank == 4 ? 1 : 2);
    cr_expect_eq(largest_value(after, &arena) * 4 < square, a->cut, "attention %d", (int)number);
    graph_free(after);
    graph_free(graph);
    arena_free(&arena);
}

Test(passes, attention_by_rows, .timeout = 120) {
    static const Attention cases[] = {
        {4, 2, 520, 530, .diagonal = true, .gradients = true, .cut = true},
        {3, 5, 450, 470, .sums = true, .gradients = true, .cut = true},
        {3, 1, 1000, 1050, .mask = true, .diagonal = true, .sums = true, .cut = true},
        {2, 1, 1100, 1000, .diagonal = true, .cut = true},
        {2, 1, 64, 16400, .cut = false}, /* one block, as large as what is cut */
        {2, 1, 1030, 1030, .weights = true, .cut = false},
        {2, 1, 1030, 1030, .gpu = true, .cut = false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_attention(&cases[i], i + 1);
}

/* A chain that would overflow the stack of anything recursive. */
Test(passes, long_chains, .timeout = 120) {
    Arena arena = {0};
    Graph *graph = graph_new(&arena, "chain");
    Type type = type_make(DT_F32, 1, (const int64_t[]){4});
    Node *x = graph_input(graph, "x", type, ROLE_DATA, 0);
    Node *at = x;
    for (int i = 0; i < 100000; i++)
        at = i % 3 == 0   ? build_unary(graph, OP_sin, at)
             : i % 3 == 1 ? build_binary(graph, OP_mul, at, x)
                          : build_binary(graph, OP_add, at, at);
    graph_output(graph, "y", at, OUT_RESULT, -1);
    Node *seed = build_full(graph, type, 1), *gradient;
    Buf error = {0};
    cr_assert(autodiff(graph, &at, &seed, 1, &x, 1, NULL, &gradient, &error));
    graph_output(graph, "dx", gradient, OUT_RESULT, -1);
    PassContext context = {.arena = &arena, .verify = true};
    Graph *after = passes_run(graph, 3, NULL, &context);
    check_fusion(after, false, 0);
    graph_free(after);
    graph_free(graph);
    arena_free(&arena);
}

Test(passes, unknown_names_are_refused) {
    Buf error = {0};
    cr_assert(passes_check_list("simplify,dce", &error));
    cr_assert_not(passes_check_list("simplify,nonsense", &error));
    cr_assert_not_null(strstr(buf_text(&error), "nonsense"));
    buf_free(&error);
}

Test(passes, dumps_name_the_pass) {
    Arena arena = {0};
    Buf dump = {0};
    Graph *graph = graph_new(&arena, "g");
    Node *x = graph_input(graph, "x", type_scalar(DT_F32), ROLE_DATA, 0);
    graph_output(graph, "y", build_unary(graph, OP_exp, x), OUT_RESULT, -1);
    PassContext context = {.arena = &arena, .dump = "after:dce", .dump_out = &dump};
    graph_free(passes_run(graph, 3, NULL, &context));
    cr_assert_not_null(strstr(buf_text(&dump), "after dce"));
    cr_assert_null(strstr(buf_text(&dump), "after simplify"));
    buf_free(&dump);
    graph_free(graph);
    arena_free(&arena);
}

static bool lists(const char *list, const char *name) {
    return passes_include(0, list, name);
}

/* Which rows of the table the golden files name. */
static void note_passes(const char *list, bool *named) {
    for (int i = 0; pass_table()[i].name != NULL; i++)
        named[i] = named[i] || lists(list, pass_table()[i].name);
}

static void print_groups(Buf *out, const Graph *graph, Arena *arena) {
    buf_puts(out, "// groups\n");
    fusion_print(out, fuse(graph, arena));
}

/* Where the values live when nothing is known of the machine: offsets depend on the graph only. */
static void print_places(Buf *out, const Graph *graph, Arena *arena) {
    buf_puts(out, "// plan\n");
    plan_print(out,
               plan_graph(fuse(graph, arena), target_find("none"), (PlanOptions){0}, NULL, arena));
}

/* Bytes of its arena there. */
static size_t measure(const void *unused, const Graph *graph) {
    (void)unused;
    Arena arena = {0};
    const Plan *plan =
        plan_graph(fuse(graph, &arena), target_find("none"), (PlanOptions){0}, NULL, &arena);
    size_t bytes = plan->run.arena_bytes;
    arena_free(&arena);
    return bytes;
}

/* A golden file: `// passes: LIST` (and `, inference`, or `, goal BYTES` of memory), a graph, `//
 * ---`, the graph expected, its groups when the list has `fuse`, and the places of its values when
 * it has `memplan`. */
static void check_golden(const char *path, bool *named) {
    Arena arena = {0};
    Buf text = {0}, error = {0}, printed = {0};
    cr_assert(file_read(path, &text, &error), "%s", buf_text(&error));
    char *source = arena_strdup(&arena, buf_text(&text));
    char *middle = strstr(source, "// ---\n");
    cr_assert(strncmp(source, "// passes: ", 11) == 0 && middle != NULL, "%s: no header", path);
    char *list = arena_strndup(&arena, source + 11, strcspn(source + 11, "\n"));
    PassContext context = {.arena = &arena, .verify = true, .measure = measure};
    char *comma = strstr(list, ", ");
    if (comma != NULL) {
        context.inference = strcmp(comma, ", inference") == 0;
        if (strncmp(comma, ", goal ", 7) == 0)
            context.recompute = (Recompute){RECOMPUTE_FIT, strtoul(comma + 7, NULL, 10)};
        *comma = '\0';
    }
    Sources sources;
    sources_init(&sources);
    sources.out = stderr;
    char *begin = strchr(source, '\n') + 1;
    uint16_t file = sources_add(&sources, path, begin, (size_t)(middle - begin));
    Graph *graph = graph_parse(&arena, &sources, file);
    cr_assert_not_null(graph, "%s does not parse", path);
    Graph *after = passes_run(graph, 0, list, &context);
    graph_print(&printed, after, NULL);
    note_passes(list, named);
    if (lists(list, "fuse")) print_groups(&printed, after, &arena);
    if (lists(list, "memplan")) print_places(&printed, after, &arena);
    if (getenv("NNC_BLESS") != NULL) {
        Buf blessed = {0};
        buf_add(&blessed, source, (size_t)(middle - source) + 7);
        buf_puts(&blessed, buf_text(&printed));
        cr_assert(file_write(path, blessed.data, blessed.size, &error));
        buf_free(&blessed);
    } else {
        cr_assert_str_eq(buf_text(&printed), middle + 7, "%s gives\n%s", path, buf_text(&printed));
    }
    buf_free(&text);
    buf_free(&printed);
    sources_free(&sources);
    graph_free(graph);
    graph_free(after);
    arena_free(&arena);
}

Test(passes, golden_files) {
    static const char FOLDER[] = NNC_SOURCE_DIR "/tests/passes";
    DIR *folder = opendir(FOLDER);
    cr_assert_not_null(folder);
    bool named[64] = {false};
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".ir") == NULL) continue;
        char path[512];
        snprintf(path, sizeof path, "%s/%s", FOLDER, entry->d_name);
        check_golden(path, named);
    }
    closedir(folder);
    for (int i = 0; pass_table()[i].name != NULL; i++)
        cr_expect(named[i], "no file in tests/passes runs %s", pass_table()[i].name);
}
