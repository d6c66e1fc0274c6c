/* What fusion makes of networks: LeNet's kernels for inference and for a training step, row-wise
 * chains, copies, order. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "ir/build.h"
#include "ir/text.h"
#include "passes/fuse.h"
#include "passes/pass.h"
#include "support/file.h"

typedef struct Net {
    Graph *graph;
    Graph *optimized;
    Node *params[16];
    int param_count;
} Net;

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static Node *param(Net *net, const char *name, int rank, const int64_t *dims) {
    Type type = type_make(DT_F32, rank, dims);
    Node *node = graph_input(net->graph, name, type, ROLE_PARAM, net->param_count);
    net->params[net->param_count++] = node;
    return node;
}

static Node *conv(Graph *graph, Node *x, Node *w) {
    static const int64_t ZERO[] = {0, 0}, ONE[] = {1, 1};
    Attr attrs[] = {attr_ints(ATTR_stride, ONE, 2), attr_ints(ATTR_lo, ZERO, 2),
                    attr_ints(ATTR_hi, ZERO, 2), attr_ints(ATTR_dilation, ONE, 2),
                    attr_int(ATTR_groups, 1)};
    return build_op(graph, OP_conv, (Node *[]){x, w}, 2, attrs, 5);
}

static Node *conv_block(Net *net, Node *x, const char *name, int64_t in, int64_t out) {
    char key[32];
    snprintf(key, sizeof key, "%s.weight", name);
    Node *w = param(net, key, 4, DIMS(out, in, 5, 5));
    snprintf(key, sizeof key, "%s.bias", name);
    Node *b = param(net, key, 1, DIMS(out));
    Node *y = conv(net->graph, x, w);
    y->name = name;
    b = build_reshape(net->graph, b, 3, DIMS(out, 1, 1));
    b = build_broadcast(net->graph, b, 4, y->type.dim);
    y = build_unary(net->graph, OP_relu, build_binary(net->graph, OP_add, y, b));
    static const int64_t ZERO[] = {0, 0}, ONE[] = {1, 1}, TWO[] = {2, 2};
    Attr attrs[] = {attr_ints(ATTR_window, TWO, 2), attr_ints(ATTR_stride, TWO, 2),
                    attr_ints(ATTR_lo, ZERO, 2), attr_ints(ATTR_hi, ZERO, 2),
                    attr_ints(ATTR_dilation, ONE, 2)};
    return build_op(net->graph, OP_max_pool, &y, 1, attrs, 5);
}

static Node *dot(Graph *graph, Node *a, Node *b, int64_t dim_a, int64_t dim_b) {
    Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                    attr_ints(ATTR_contract_a, &dim_a, 1), attr_ints(ATTR_contract_b, &dim_b, 1)};
    return build_op(graph, OP_dot, (Node *[]){a, b}, 2, attrs, 4);
}

static Node *linear(Net *net, Node *x, const char *name, int64_t in, int64_t out) {
    char key[32];
    snprintf(key, sizeof key, "%s.weight", name);
    Node *w = param(net, key, 2, DIMS(out, in));
    snprintf(key, sizeof key, "%s.bias", name);
    Node *b = param(net, key, 1, DIMS(out));
    Node *y = dot(net->graph, x, w, 1, 1);
    y->name = name;
    return build_binary(net->graph, OP_add, y, build_broadcast(net->graph, b, 2, y->type.dim));
}

static Node *lenet(Net *net, Node *x) {
    x = conv_block(net, x, "conv1", 1, 6);
    x = conv_block(net, x, "conv2", 6, 16);
    x = build_reshape(net->graph, x, 2, DIMS(x->type.dim[0], 400));
    x = build_unary(net->graph, OP_relu, linear(net, x, "fc1", 400, 120));
    x = build_unary(net->graph, OP_relu, linear(net, x, "fc2", 120, 84));
    return linear(net, x, "fc3", 84, 10);
}

static Node *cross_entropy(Graph *graph, Node *logits, Node *target) {
    int64_t n = logits->type.dim[0];
    Attr axis = attr_int(ATTR_axis, 1);
    Node *logp = build_op(graph, OP_log_softmax, &logits, 1, &axis, 1);
    Node *index = build_reshape(graph, target, 2, DIMS(n, 1));
    Node *picked = build_op(graph, OP_gather, (Node *[]){logp, index}, 2, &axis, 1);
    Node *sum = build_reduce(graph, OP_reduce_sum, build_reshape(graph, picked, 1, DIMS(n)),
                             (const int[]){0}, 1);
    return build_binary(graph, OP_mul, build_unary(graph, OP_neg, sum),
                        build_scalar(graph, DT_F32, 1.0 / (double)n));
}

/* The training step with SGD and momentum: every param and its buffer are updated. */
static void train(Net *net, Node *loss) {
    Graph *graph = net->graph;
    Node *one = build_scalar(graph, DT_F32, 1), *gradients[16];
    Buf error = {0};
    cr_assert(
        autodiff(graph, &loss, &one, 1, net->params, net->param_count, NULL, gradients, &error),
        "%s", buf_text(&error));
    Node *lr = graph_input(graph, "lr", type_scalar(DT_F32), ROLE_HYPER, 0);
    for (int i = 0; i < net->param_count; i++) {
        Type type = net->params[i]->type;
        char name[32];
        snprintf(name, sizeof name, "momentum.%d", i);
        Node *state = graph_input(graph, name, type, ROLE_STATE, i);
        int state_index = (int)graph->inputs.count - 1;
        Node *decayed = build_binary(graph, OP_mul, state, build_full(graph, type, 0.9));
        Node *momentum = build_binary(graph, OP_add, decayed, gradients[i]);
        Node *step =
            build_binary(graph, OP_mul, build_broadcast(graph, lr, type.rank, type.dim), momentum);
        Node *updated = build_binary(graph, OP_sub, net->params[i], step);
        int index = (int)node_int(net->params[i], ATTR_index);
        graph_output(graph, graph->inputs.items[index].name, updated, OUT_UPDATE, index);
        graph_output(graph, name, momentum, OUT_UPDATE, state_index);
    }
    graph_output(graph, "loss", loss, OUT_RESULT, -1);
}

/* Optimizes and fuses the graph; the names of the groups, one a line. */
static char *kernels(Net *net, bool inference, Arena *arena, Fusion **out) {
    PassContext context = {.arena = arena, .verify = true, .inference = inference};
    net->optimized = passes_run(net->graph, 3, NULL, &context);
    Fusion *fusion = fuse(net->optimized, arena);
    Buf error = {0}, names = {0};
    cr_assert(fusion_verify(fusion, &error), "%s", buf_text(&error));
    if (getenv("NNC_SHOW") != NULL) {
        Buf text = {0};
        graph_print(&text, net->optimized, NULL);
        fusion_print(&text, fusion);
        fputs(buf_text(&text), stderr);
        buf_free(&text);
    }
    for (int g = 0; g < fusion->group_count; g++)
        buf_printf(&names, "%s\n", fusion->groups[g]->name);
    *out = fusion;
    char *result = arena_strdup(arena, buf_text(&names));
    buf_free(&names);
    return result;
}

static void finish(Net *net, Arena *arena) {
    graph_free(net->optimized);
    graph_free(net->graph);
    arena_free(arena);
}

Test(fuse, lenet_inference_is_five_kernels) {
    Arena arena = {0};
    Net net = {.graph = graph_new(&arena, "forward")};
    Node *x = graph_input(net.graph, "x", type_make(DT_F32, 4, DIMS(1, 1, 32, 32)), ROLE_DATA, 0);
    graph_output(net.graph, "output", lenet(&net, x), OUT_RESULT, -1);
    Fusion *fusion;
    char *names = kernels(&net, true, &arena, &fusion);
    cr_assert_str_eq(names, "conv1_relu_pool\nconv2_relu_pool\nfc1_relu\nfc2_relu\nfc3\n");
    cr_assert_not_null(fusion->groups[0]->pool);
    cr_assert_eq(fusion->groups[0]->output_count, 1);
    finish(&net, &arena);
}

/* Either compares with the file or, when NNC_BLESS is set, writes it. */
static void check_list(const char *name, const char *text) {
    char path[512];
    Buf expected = {0}, error = {0};
    snprintf(path, sizeof path, "%s/tests/passes/%s", NNC_SOURCE_DIR, name);
    if (getenv("NNC_BLESS") != NULL) {
        cr_assert(file_write(path, text, strlen(text), &error), "%s", buf_text(&error));
        return;
    }
    cr_assert(file_read(path, &expected, &error), "%s", buf_text(&error));
    cr_assert_str_eq(text, buf_text(&expected), "got\n%s", text);
    buf_free(&expected);
}

static bool lists(Node *const *nodes, int count, const Node *node) {
    for (int i = 0; i < count; i++)
        if (nodes[i] == node) return true;
    return false;
}

/* Whoever reads a param runs before, or is, the group that stores its update. */
static void check_updates_come_last(const Fusion *fusion) {
    for (size_t i = 0; i < fusion->graph->outputs.count; i++) {
        const GraphOutput *output = &fusion->graph->outputs.items[i];
        if (output->role != OUT_UPDATE) continue;
        const Node *old = fusion->graph->inputs.items[output->updates].node;
        bool stored = false;
        for (int g = 0; g < fusion->group_count; g++) {
            const Group *group = fusion->groups[g];
            cr_assert(!stored || !lists(group->inputs, group->input_count, old),
                      "%s reads %s after its update", group->name, output->name);
            stored = stored || lists(group->outputs, group->output_count, output->value);
        }
        cr_assert(stored);
    }
}

Test(fuse, lenet_train_step) {
    Arena arena = {0};
    Net net = {.graph = graph_new(&arena, "train_step")};
    Node *x = graph_input(net.graph, "x", type_make(DT_F32, 4, DIMS(128, 1, 32, 32)), ROLE_DATA, 0);
    Node *target = graph_input(net.graph, "target", type_make(DT_I64, 1, DIMS(128)), ROLE_DATA, 1);
    train(&net, cross_entropy(net.graph, lenet(&net, x), target));
    Fusion *fusion;
    kernels(&net, false, &arena, &fusion);
    Buf text = {0};
    fusion_print(&text, fusion);
    check_list("lenet_train_step.groups", buf_text(&text));
    buf_free(&text);
    check_updates_come_last(fusion);
    finish(&net, &arena);
}

/* sum(x) over all axes but the channels, times 1/n, as [channels]. */
static Node *channel_mean(Graph *graph, Node *x) {
    int64_t channels = x->type.dim[1], count = type_numel(&x->type) / channels;
    Node *sum = build_reduce(graph, OP_reduce_sum, x, (const int[]){0, 2, 3}, 3);
    return build_binary(graph, OP_mul, sum, build_full(graph, sum->type, 1.0 / (double)count));
}

static Node *along_channels(Graph *graph, Node *v, const Type *type) {
    v = build_reshape(graph, v, 3, DIMS(type->dim[1], 1, 1));
    return build_broadcast(graph, v, 4, type->dim);
}

/* Statistics, normalization and what follows share one kernel: a row is a channel. */
Test(fuse, batch_norm_of_a_batch_is_one_reduction) {
    Arena arena = {0};
    Net net = {.graph = graph_new(&arena, "forward")};
    Graph *graph = net.graph;
    Node *x = graph_input(graph, "x", type_make(DT_F32, 4, DIMS(8, 16, 8, 8)), ROLE_DATA, 0);
    Node *away =
        build_binary(graph, OP_sub, x, along_channels(graph, channel_mean(graph, x), &x->type));
    Node *variance = channel_mean(graph, build_binary(graph, OP_mul, away, away));
    Node *scale = build_unary(graph, OP_rsqrt, variance);
    Node *y = build_binary(graph, OP_mul, away, along_channels(graph, scale, &x->type));
    graph_output(graph, "y", build_unary(graph, OP_relu, y), OUT_RESULT, -1);
    graph_output(graph, "variance", variance, OUT_RESULT, -1);
    Fusion *fusion;
    kernels(&net, false, &arena, &fusion);
    cr_assert_eq(fusion->group_count, 1);
    cr_assert_eq(fusion->groups[0]->kind, GROUP_REDUCTION);
    cr_assert_eq(fusion->groups[0]->output_count, 2);
    finish(&net, &arena);
}

/* A cheap value is recomputed by each reader, a dear one stored. */
Test(fuse, recomputes_what_is_cheap) {
    for (int dear = 0; dear < 2; dear++) {
        Arena arena = {0};
        Net net = {.graph = graph_new(&arena, "g")};
        Graph *graph = net.graph;
        Node *x = graph_input(graph, "x", type_make(DT_F32, 2, DIMS(6, 7)), ROLE_DATA, 0);
        Node *value = build_unary(graph, dear ? OP_exp : OP_neg, x);
        graph_output(graph, "rows", build_reduce(graph, OP_reduce_max, value, (const int[]){0}, 1),
                     OUT_RESULT, -1);
        graph_output(graph, "columns",
                     build_reduce(graph, OP_reduce_max, value, (const int[]){1}, 1), OUT_RESULT,
                     -1);
        Fusion *fusion;
        kernels(&net, false, &arena, &fusion);
        int stored = 0;
        for (int g = 0; g < fusion->group_count; g++)
            for (int i = 0; i < fusion->groups[g]->output_count; i++)
                stored += fusion->groups[g]->outputs[i]->type.rank == 2;
        cr_assert_eq(fusion->group_count, 2);
        cr_assert_eq(stored, dear);
        finish(&net, &arena);
    }
}

/* No strides read rows of a transposed matrix as one line: a copy is made, once. */
Test(fuse, copies_what_no_index_map_reads) {
    Arena arena = {0};
    Net net = {.graph = graph_new(&arena, "g")};
    Graph *graph = net.graph;
    Node *x = graph_input(graph, "x", type_make(DT_F32, 2, DIMS(6, 7)), ROLE_DATA, 0);
    Node *line = build_reshape(graph, build_permute(graph, x, (const int[]){1, 0}), 1, DIMS(42));
    graph_output(graph, "a", build_unary(graph, OP_exp, line), OUT_RESULT, -1);
    graph_output(graph, "b", build_reduce(graph, OP_reduce_sum, line, (const int[]){0}, 1),
                 OUT_RESULT, -1);
    Fusion *fusion;
    char *names = kernels(&net, false, &arena, &fusion);
    cr_assert_str_eq(names, "permute\nexp\nsum\n");
    finish(&net, &arena);
}

/* Values that depend on params only stay apart from those that depend on data. */
Test(fuse, keeps_the_prepare_step_apart) {
    Arena arena = {0};
    Net net = {.graph = graph_new(&arena, "forward")};
    Graph *graph = net.graph;
    Node *x = graph_input(graph, "x", type_make(DT_F32, 2, DIMS(6, 7)), ROLE_DATA, 0);
    Node *w = param(&net, "w", 2, DIMS(6, 7));
    Node *prepared = build_binary(graph, OP_mul, build_unary(graph, OP_exp, w), w);
    graph_output(graph, "y", build_binary(graph, OP_add, x, prepared), OUT_RESULT, -1);
    Fusion *fusion;
    char *names = kernels(&net, true, &arena, &fusion);
    cr_assert_str_eq(names, "exp\nadd\n");
    finish(&net, &arena);
}
