/* The reference interpreter's loop, its tensors, and the evaluation of leaves and composites.
 *
 * Nodes are evaluated in id order, those only that an output needs. Integers wrap to their type
 * always; floats are rounded to theirs when asked. */
#include "ir/interp.h"

#include <stdarg.h>
#include <string.h>

#include "ir/eval.h"
#include "ir/formula.h"
#include "support/checked.h"

Tensor64 tensor64_new(Arena *arena, Type type) {
    Tensor64 tensor = {.type = type};
    size_t count = (size_t)type_numel(&type);
    if (dtype_is_float(type.dtype))
        tensor.f = ARENA_ARRAY(arena, double, count);
    else
        tensor.i = ARENA_ARRAY(arena, int64_t, count);
    return tensor;
}

static void load_item(DType dtype, const void *bytes, size_t index, double *f, int64_t *i) {
    const unsigned char *at = (const unsigned char *)bytes + index * dtype_size(dtype);
    int32_t narrow;
    switch (dtype) {
    case DT_BOOL:
        *i = *at != 0;
        break;
    case DT_U8:
        *i = *at;
        break;
    case DT_I32:
        memcpy(&narrow, at, sizeof narrow), *i = narrow;
        break;
    case DT_I64:
        memcpy(i, at, sizeof *i);
        break;
    case DT_F16:
    case DT_BF16:
    case DT_F32:
    case DT_F64:
        *f = dtype_load_float(dtype, at);
        break;
    case DT_COUNT:
        NNC_BUG("dtype");
    }
}

Tensor64 tensor64_from_bytes(Arena *arena, Type type, const void *bytes) {
    Tensor64 tensor = tensor64_new(arena, type);
    size_t count = (size_t)type_numel(&type);
    for (size_t k = 0; k < count; k++)
        load_item(type.dtype, bytes, k, tensor.f + (tensor.f ? k : 0),
                  tensor.i + (tensor.i ? k : 0));
    return tensor;
}

Tensor64 tensor64_item(DType dtype, const void *bytes, double *f, int64_t *i) {
    load_item(dtype, bytes, 0, f, i);
    bool is_float = dtype_is_float(dtype);
    return (Tensor64){type_scalar(dtype), is_float ? f : NULL, is_float ? NULL : i};
}

void tensor64_to_bytes(const Tensor64 *tensor, void *bytes) {
    int64_t count = type_numel(&tensor->type);
    unsigned char *at = bytes;
    for (int64_t k = 0; k < count; k++, at += dtype_size(tensor->type.dtype)) {
        int32_t narrow;
        switch (tensor->type.dtype) {
        case DT_BOOL:
        case DT_U8:
            *at = (unsigned char)tensor->i[k];
            break;
        case DT_I32:
            narrow = (int32_t)tensor->i[k], memcpy(at, &narrow, sizeof narrow);
            break;
        case DT_I64:
            memcpy(at, &tensor->i[k], sizeof(int64_t));
            break;
        case DT_F16:
        case DT_BF16:
        case DT_F32:
        case DT_F64:
            dtype_store_float(tensor->type.dtype, at, tensor->f[k]);
            break;
        case DT_COUNT:
            NNC_BUG("dtype");
        }
    }
}

void tensor64_copy_item(Tensor64 *to, int64_t to_index, const Tensor64 *from, int64_t from_index) {
    if (to->f)
        to->f[to_index] = from->f[from_index];
    else
        to->i[to_index] = from->i[from_index];
}

Walk walk_start(const Type *type) {
    Walk walk = {.rank = type->rank, .done = type_numel(type) == 0};
    for (int i = 0; i < type->rank; i++)
        walk.dim[i] = type->dim[i];
    return walk;
}

void walk_next(Walk *walk) {
    walk->flat++;
    for (int i = walk->rank - 1; i >= 0; i--) {
        if (++walk->index[i] < walk->dim[i]) return;
        walk->index[i] = 0;
    }
    walk->done = true;
}

int64_t walk_offset(const Walk *walk, const int64_t strides[MAX_RANK]) {
    int64_t offset = 0;
    for (int i = 0; i < walk->rank; i++)
        offset += walk->index[i] * strides[i];
    return offset;
}

void eval_fault(EvalContext *context, const char *format, ...) {
    if (context->failed) return;
    context->failed = true;
    buf_printf(context->error, "%s: ", op_info(context->node->op)->name);
    va_list args;
    va_start(args, format);
    buf_vprintf(context->error, format, args);
    va_end(args);
}

void eval_input(EvalContext *context) {
    const Tensor64 *input = &context->graph_inputs[node_int(context->node, ATTR_index)];
    Tensor64 *y = context->results;
    NNC_CHECK(type_equal(&input->type, &y->type), "an input's type is not the graph's");
    size_t size = (size_t)type_numel(&y->type) * sizeof(double);
    if (size) memcpy(y->f ? (void *)y->f : y->i, input->f ? (void *)input->f : input->i, size);
}

void eval_const(EvalContext *context) {
    *context->results = tensor64_from_bytes(context->arena, context->node->type,
                                            node_attr(context->node, ATTR_data)->data.bytes);
}

void eval_iota(EvalContext *context) {
    int axis = (int)node_int(context->node, ATTR_axis);
    Tensor64 *y = context->results;
    for (Walk walk = walk_start(&y->type); !walk.done; walk_next(&walk)) {
        if (y->f)
            y->f[walk.flat] = (double)walk.index[axis];
        else
            y->i[walk.flat] = walk.index[axis];
    }
}

/* detach and reshape: the same elements. */
void eval_copy(EvalContext *context) {
    Type type = context->results->type;
    *context->results = *context->inputs[0];
    context->results->type = type;
}

void eval_result(EvalContext *context) {
    *context->results = context->inputs[0][node_int(context->node, ATTR_index)];
}

/* A composite: its decomposition, as a graph of its own; of halves in f32. */
void eval_decomposed(EvalContext *context) {
    const Node *node = context->node;
    Graph *graph = graph_new(context->arena, "composite");
    Node **inputs = ARENA_ARRAY(context->arena, Node *, (size_t)node->input_count);
    Tensor64 *values = ARENA_ARRAY(context->arena, Tensor64, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++) {
        values[i] = *context->inputs[i];
        values[i].type.dtype = dtype_computed(values[i].type.dtype);
        inputs[i] = graph_input(graph, "x", values[i].type, ROLE_DATA, i);
    }
    graph_output(graph, "y", formula_decompose(graph, node, inputs), OUT_RESULT, -1);
    if (!interp_run(graph, values, context->results, context->rounding, context->arena,
                    context->error))
        context->failed = true;
    context->results->type = node->type;
    graph_free(graph);
}

static int64_t wrap(DType dtype, int64_t value) {
    switch (dtype) {
    case DT_BOOL:
        return value != 0;
    case DT_U8:
        return (uint8_t)value;
    case DT_I32:
        return (int32_t)(uint32_t)value;
    default:
        return value;
    }
}

static void round_to_type(Tensor64 *tensor, Rounding rounding) {
    int64_t count = type_numel(&tensor->type);
    DType dtype = tensor->type.dtype;
    if (tensor->i && dtype != DT_I64) {
        for (int64_t k = 0; k < count; k++)
            tensor->i[k] = wrap(dtype, tensor->i[k]);
    }
    if (tensor->f && dtype != DT_F64 && rounding == ROUND_TO_TYPE) {
        for (int64_t k = 0; k < count; k++)
            tensor->f[k] = dtype_round(dtype, tensor->f[k]);
    }
}

/* Movement and copies only pass values on that were rounded before; pad also has its filler. */
static bool computes(Op op) {
    bool moves = (op_info(op)->traits & TRAIT_MOVEMENT) && op != OP_pad;
    return !moves && op != OP_input && op != OP_detach;
}

static bool eval_node(const Node *node, Tensor64 **values, EvalContext *context) {
    const Tensor64 **operands =
        ARENA_ARRAY(context->arena, const Tensor64 *, (size_t)node->input_count);
    for (int i = 0; i < node->input_count; i++)
        operands[i] = values[node->inputs[i]->id];
    int results = op_info(node->op)->results;
    Tensor64 *out = ARENA_ARRAY(context->arena, Tensor64, (size_t)results);
    for (int i = 0; i < results; i++)
        out[i] = tensor64_new(context->arena, *node_type(node, i));
    context->node = node;
    context->inputs = operands;
    context->results = out;
    op_info(node->op)->eval(context);
    for (int i = 0; i < results && computes(node->op); i++)
        round_to_type(&out[i], context->rounding);
    values[node->id] = out;
    return !context->failed;
}

static bool *needed_nodes(const Graph *graph, Arena *arena) {
    bool *needed = ARENA_ARRAY(arena, bool, graph->nodes.count);
    for (size_t i = 0; i < graph->outputs.count; i++)
        needed[graph->outputs.items[i].value->id] = true;
    for (size_t id = graph->nodes.count; id-- > 0;) {
        const Node *node = graph->nodes.items[id];
        for (int k = 0; needed[id] && k < node->input_count; k++)
            needed[node->inputs[k]->id] = true;
    }
    return needed;
}

bool interp_run(const Graph *graph, const Tensor64 *inputs, Tensor64 *outputs, Rounding rounding,
                Arena *arena, Buf *error) {
    Arena scratch = {0};
    bool *needed = needed_nodes(graph, &scratch);
    Tensor64 **values = ARENA_ARRAY(&scratch, Tensor64 *, graph->nodes.count);
    EvalContext context = {
        .graph_inputs = inputs, .rounding = rounding, .arena = &scratch, .error = error};
    bool ok = true;
    for (size_t id = 0; ok && id < graph->nodes.count; id++) {
        if (needed[id]) ok = eval_node(graph->nodes.items[id], values, &context);
    }
    for (size_t i = 0; ok && i < graph->outputs.count; i++) {
        const Tensor64 *value = values[graph->outputs.items[i].value->id];
        size_t count = (size_t)type_numel(&value->type);
        outputs[i].type = value->type;
        outputs[i].f = value->f ? ARENA_ARRAY(arena, double, count) : NULL;
        outputs[i].i = value->i ? ARENA_ARRAY(arena, int64_t, count) : NULL;
        if (count && value->f) memcpy(outputs[i].f, value->f, count * sizeof(double));
        if (count && value->i) memcpy(outputs[i].i, value->i, count * sizeof(int64_t));
    }
    arena_free(&scratch);
    return ok;
}
