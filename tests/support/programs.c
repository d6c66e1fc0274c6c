/* Programs for tests. */
#include "tests/support/programs.h"

#include "ir/build.h"
#include "passes/pass.h"
#include "support/checked.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

/* One function's graph while it is built; params are its inputs, added where they are used. */
typedef struct Net {
    Program *program;
    Graph *graph;
    Node *params[16];
    int param_count;
} Net;

typedef Node *NetBody(Net *net, Node *x);

/* Adds the entry to the program when it is the first function that uses it. */
static Node *param(Net *net, const char *layer, const char *kind, int rank, const int64_t *dims) {
    Program *program = net->program;
    const char *key = arena_printf(program->arena, "%s.%s", layer, kind);
    Type type = type_make(DT_F32, rank, dims);
    int slot = net->param_count;
    if (slot == (int)program->params.count) {
        VEC_PUSH(program->params, (ProgramEntry){.key = key, .type = type, .tied_to = -1});
    }
    Node *node = graph_input(net->graph, key, type, ROLE_PARAM, slot);
    net->params[net->param_count++] = node;
    return node;
}

static Node *add_bias(Net *net, Node *y, Node *bias, bool channels) {
    int64_t size = bias->type.dim[0];
    if (channels) bias = build_reshape(net->graph, bias, 3, DIMS(size, 1, 1));
    bias = build_broadcast(net->graph, bias, y->type.rank, y->type.dim);
    return build_binary(net->graph, OP_add, y, bias);
}

static Node *conv_block(Net *net, Node *x, const char *layer, int64_t in, int64_t out) {
    static const int64_t zero[] = {0, 0}, one[] = {1, 1}, two[] = {2, 2};
    Attr conv[] = {attr_ints(ATTR_stride, one, 2), attr_ints(ATTR_lo, zero, 2),
                   attr_ints(ATTR_hi, zero, 2), attr_ints(ATTR_dilation, one, 2),
                   attr_int(ATTR_groups, 1)};
    Attr pool[] = {attr_ints(ATTR_window, two, 2), attr_ints(ATTR_stride, two, 2),
                   attr_ints(ATTR_lo, zero, 2), attr_ints(ATTR_hi, zero, 2),
                   attr_ints(ATTR_dilation, one, 2)};
    Node *w = param(net, layer, "weight", 4, DIMS(out, in, 5, 5));
    Node *b = param(net, layer, "bias", 1, &out);
    Node *y = build_op(net->graph, OP_conv, (Node *[]){x, w}, 2, conv, 5);
    y = build_unary(net->graph, OP_relu, add_bias(net, y, b, true));
    return build_op(net->graph, OP_max_pool, &y, 1, pool, 5);
}

static Node *linear(Net *net, Node *x, const char *layer, int64_t in, int64_t out, bool relu) {
    static const int64_t last = 1;
    Attr attrs[] = {attr_ints(ATTR_batch_a, NULL, 0), attr_ints(ATTR_batch_b, NULL, 0),
                    attr_ints(ATTR_contract_a, &last, 1), attr_ints(ATTR_contract_b, &last, 1)};
    Node *w = param(net, layer, "weight", 2, DIMS(out, in));
    Node *b = param(net, layer, "bias", 1, &out);
    Node *y = build_op(net->graph, OP_dot, (Node *[]){x, w}, 2, attrs, 4);
    y = add_bias(net, y, b, false);
    return relu ? build_unary(net->graph, OP_relu, y) : y;
}

static Node *body_mlp(Net *net, Node *x) {
    return linear(net, linear(net, x, "fc1", 6, 5, true), "fc2", 5, 3, false);
}

static Node *body_lenet(Net *net, Node *x) {
    x = conv_block(net, x, "conv1", 1, 6);
    x = conv_block(net, x, "conv2", 6, 16);
    x = build_reshape(net->graph, x, 2, DIMS(x->type.dim[0], 400));
    x = linear(net, x, "fc1", 400, 120, true);
    x = linear(net, x, "fc2", 120, 84, true);
    return linear(net, x, "fc3", 84, 10, false);
}

static Node *cross_entropy(Graph *graph, Node *logits, Node *target) {
    int64_t n = logits->type.dim[0];
    Attr axis = attr_int(ATTR_axis, 1);
    Node *logp = build_op(graph, OP_log_softmax, &logits, 1, &axis, 1);
    Node *index = build_reshape(graph, target, 2, DIMS(n, 1));
    Node *picked = build_op(graph, OP_gather, (Node *[]){logp, index}, 2, &axis, 1);
    Node *sum = build_reduce(graph, OP_reduce_sum, build_reshape(graph, picked, 1, &n),
                             (const int[]){0}, 1);
    return build_binary(graph, OP_mul, build_unary(graph, OP_neg, sum),
                        build_scalar(graph, DT_F32, 1.0 / (double)n));
}

static Net begin(Program *program, FunctionKind kind, const char *name) {
    Net net = {.program = program, .graph = graph_new(program->arena, name)};
    VEC_PUSH(program->functions, (ProgramFunction){kind, net.graph, 0});
    return net;
}

static Node *data(Net *net, const char *name, Type type, int64_t batch, int slot) {
    type.dim[0] = batch;
    return graph_input(net->graph, name, type, ROLE_DATA, slot);
}

static void gradients(Net *net, Node *output, Node *seed, Node **result) {
    Buf error = {0};
    bool good = autodiff(net->graph, &output, &seed, 1, net->params, net->param_count, NULL, result,
                         &error);
    NNC_CHECK(good, "%s", buf_text(&error));
}

static void add_forward(Program *program, NetBody *body, Type in) {
    Net net = begin(program, FUNCTION_FORWARD, "forward");
    Node *y = body(&net, data(&net, "x", in, in.dim[0], 0));
    graph_output(net.graph, "output", y, OUT_RESULT, -1);
    VEC_PUSH(program->inputs, (ProgramField){"x", in});
    VEC_PUSH(program->outputs, (ProgramField){"output", y->type});
}

static void add_backward(Program *program, NetBody *body, Type in) {
    Net net = begin(program, FUNCTION_BACKWARD, "backward");
    Node *y = body(&net, data(&net, "x", in, in.dim[0], 0)), *grads[16];
    gradients(&net, y, data(&net, "output.grad", y->type, in.dim[0], 1), grads);
    for (int i = 0; i < net.param_count; i++) {
        const char *key = program->params.items[i].key;
        Node *old = graph_input(net.graph, key, net.params[i]->type, ROLE_GRAD, i);
        graph_output(net.graph, key, build_binary(net.graph, OP_add, old, grads[i]), OUT_UPDATE,
                     (int)node_int(old, ATTR_index));
    }
}

/* SGD with momentum 0.9. */
static void add_train_step(Program *program, NetBody *body, Type in, int64_t batch) {
    Net net = begin(program, FUNCTION_TRAIN_STEP, "train_step");
    Graph *graph = net.graph;
    Type target_type = type_make(DT_I64, 1, &batch);
    Node *logits = body(&net, data(&net, "x", in, batch, 0)), *grads[16];
    Node *target = data(&net, "target", target_type, batch, 1);
    Node *loss = cross_entropy(graph, logits, target);
    gradients(&net, loss, build_scalar(graph, DT_F32, 1), grads);
    Node *lr = graph_input(graph, "lr", type_scalar(DT_F32), ROLE_HYPER, 0);
    for (int i = 0; i < net.param_count; i++) {
        Type type = net.params[i]->type;
        const char *key = program->params.items[i].key;
        const char *name = arena_printf(program->arena, "momentum_buffer.%s", key);
        Node *state = graph_input(graph, name, type, ROLE_STATE, i);
        Node *decayed = build_binary(graph, OP_mul, state, build_full(graph, type, 0.9));
        Node *momentum = build_binary(graph, OP_add, decayed, grads[i]);
        Node *rate = build_broadcast(graph, lr, type.rank, type.dim);
        Node *step = build_binary(graph, OP_mul, rate, momentum);
        Node *updated = build_binary(graph, OP_sub, net.params[i], step);
        graph_output(graph, key, updated, OUT_UPDATE, (int)node_int(net.params[i], ATTR_index));
        graph_output(graph, name, momentum, OUT_UPDATE, (int)node_int(state, ATTR_index));
        VEC_PUSH(program->states, (ProgramEntry){.key = name, .type = type, .tied_to = -1});
    }
    graph_output(graph, "loss", loss, OUT_RESULT, -1);
    VEC_PUSH(program->targets, (ProgramField){"target", target_type});
    VEC_PUSH(program->hypers, (ProgramHyper){"lr", DT_F32, 0.1});
}

static void add_init(Program *program) {
    Net net = begin(program, FUNCTION_INIT, "init");
    Node *seed = graph_input(net.graph, "seed", type_scalar(DT_I64), ROLE_DATA, 0);
    int64_t skip = 0;
    for (size_t i = 0; i < program->params.count; i++) {
        const ProgramEntry *entry = &program->params.items[i];
        Attr attrs[] = {attr_text(ATTR_dist, "uniform"),
                        attr_float(ATTR_low, -0.25),
                        attr_float(ATTR_high, 0.25),
                        attr_int(ATTR_skip, skip),
                        attr_ints(ATTR_shape, entry->type.dim, entry->type.rank),
                        attr_dtype(DT_F32)};
        Node *value = build_op(net.graph, OP_random_mt, &seed, 1, attrs, 6);
        graph_output(net.graph, entry->key, value, OUT_RESULT, -1);
        skip += type_numel(&entry->type);
    }
}

static Program *make(Arena *arena, const char *name, NetBody *body, Type in, int64_t train_batch) {
    Program *program = ARENA_NEW(arena, Program);
    program->arena = arena;
    program->name = name;
    program->source_path = arena_printf(arena, "%s.nn", name);
    program->sources = ARENA_NEW(arena, Sources);
    sources_init(program->sources);
    add_forward(program, body, in);
    add_backward(program, body, in);
    add_train_step(program, body, in, train_batch);
    add_init(program);
    return program;
}

Program *program_mlp(Arena *arena, int64_t batch, int64_t train_batch) {
    return make(arena, "mlp", body_mlp, type_make(DT_F32, 2, DIMS(batch, 6)), train_batch);
}

Program *program_lenet(Arena *arena, int64_t batch, int64_t train_batch) {
    return make(arena, "lenet", body_lenet, type_make(DT_F32, 4, DIMS(batch, 1, 32, 32)),
                train_batch);
}

const void *const *program_weights(Program *program, Arena *arena) {
    const void **weights = ARENA_ARRAY(arena, const void *, program->params.count);
    uint32_t bits = 1;
    for (size_t i = 0; i < program->params.count; i++) {
        size_t count = (size_t)type_numel(&program->params.items[i].type);
        float *values = ARENA_ARRAY(arena, float, count);
        for (size_t j = 0; j < count; j++) {
            bits = bits * 1664525u + 1013904223u;
            values[j] = (float)(bits >> 8) / 16777216.0f * 0.5f - 0.25f;
        }
        weights[i] = values;
    }
    return weights;
}

void program_free(Program *program) {
    program_release(program);
    sources_free(program->sources);
}
