/* Recording: making, freeing and evaluating the types of lazy nodes, and the buffers that leaves
 * hold. A node, its input list and its attributes are one allocation. Freeing goes through a
 * worklist, so that dropping a chain of any length needs no stack. */
#include "frontend/tensor/lazy.h"

#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/infer.h"

enum { POOL_MIN = 1 << 12, POOL_MAX_ITEMS = 64 };
static const size_t POOL_MAX_BYTES = (size_t)256 << 20;

/* ---- buffers ---- */

Buffer *buffer_new(TensorState *ts, size_t size) {
    Buffer *buffer = NULL;
    for (size_t i = ts->pool.count; i-- > 0 && size >= POOL_MIN;) {
        if (ts->pool.items[i]->size != size) continue;
        buffer = ts->pool.items[i];
        ts->pool.items[i] = ts->pool.items[--ts->pool.count];
        ts->pool_bytes -= size;
        break;
    }
    if (!buffer) {
        buffer = xmalloc(sizeof *buffer);
        buffer->size = size;
        /* Whole vectors, so that code may load a full one at the end. */
        size_t rounded = (size + 63) & ~(size_t)63;
        buffer->bytes = aligned_alloc(64, rounded ? rounded : 64);
        if (!buffer->bytes) fatal_memory();
    }
    ts->live_bytes += size;
    buffer->refs = 1;
    buffer->id = ++ts->next_buffer;
    return buffer;
}

void buffer_unref(TensorState *ts, Buffer *buffer) {
    if (--buffer->refs) return;
    ts->live_bytes -= buffer->size;
    if (buffer->size >= POOL_MIN && ts->pool.count < POOL_MAX_ITEMS &&
        ts->pool_bytes + buffer->size <= POOL_MAX_BYTES) {
        ts->pool_bytes += buffer->size;
        VEC_PUSH(ts->pool, buffer);
        return;
    }
    free(buffer->bytes);
    free(buffer);
}

void buffer_pool_free(TensorState *ts) {
    for (size_t i = 0; i < ts->pool.count; i++) {
        free(ts->pool.items[i]->bytes);
        free(ts->pool.items[i]);
    }
    VEC_FREE(ts->pool);
}

/* ---- elements ---- */

void element_store(DType dtype, void *bytes, double f, int64_t i) {
    switch (dtype) {
    case DT_BOOL:
        *(uint8_t *)bytes = i != 0;
        break;
    case DT_U8:
        *(uint8_t *)bytes = (uint8_t)i;
        break;
    case DT_I32:
        *(int32_t *)bytes = (int32_t)i;
        break;
    case DT_I64:
        *(int64_t *)bytes = i;
        break;
    case DT_F16:
    case DT_BF16:
    case DT_F32:
    case DT_F64:
        dtype_store_float(dtype, bytes, f);
        break;
    case DT_COUNT:
        break;
    }
}

double element_double(DType dtype, const void *bytes) {
    if (dtype_is_float(dtype)) return dtype_load_float(dtype, bytes);
    return (double)element_int(dtype, bytes);
}

int64_t element_int(DType dtype, const void *bytes) {
    switch (dtype) {
    case DT_BOOL:
    case DT_U8:
        return *(const uint8_t *)bytes;
    case DT_I32:
        return *(const int32_t *)bytes;
    case DT_I64:
        return *(const int64_t *)bytes;
    default:
        return (int64_t)element_double(dtype, bytes);
    }
}

/* ---- nodes ---- */

uint32_t lazy_new_mark(TensorState *ts) {
    return ++ts->next_mark;
}

LazyNode *lazy_data(LazyNode *node) {
    while (node->kind >= LAZY_BARRIER && node->kind != LAZY_FUNCTION)
        node = node->inputs[0];
    return node;
}

bool lazy_is_number(const LazyNode *node) {
    while (node->kind == LAZY_OP && node->inputs &&
           (node->op == OP_expand || node->op == OP_reshape))
        node = node->inputs[0];
    return node->kind == LAZY_OP && node->op == OP_const && node->type.rank == 0;
}

static void lazy_free(TensorState *ts, LazyNode *node) {
    ts->live_nodes--;
    if (node->inputs)
        for (int i = 0; i < node->input_count; i++)
            lazy_unref(ts, node->inputs[i]);
    if (node->value) buffer_unref(ts, node->value);
    for (int i = 0; i < node->saved_count; i++)
        if (--node->saved[i].version->refs == 0) free(node->saved[i].version);
    free(node->saved);
    if (node->var) {
        if (node->var->param == node) node->var->param = NULL;
        var_unref(ts, node->var);
    }
    decref(node->payload);
    free(node);
}

void lazy_unref(TensorState *ts, LazyNode *node) {
    if (--node->refs) return;
    VEC_PUSH(ts->dead, node);
    if (ts->freeing) return;
    ts->freeing = true;
    while (ts->dead.count)
        lazy_free(ts, ts->dead.items[--ts->dead.count]);
    ts->freeing = false;
}

void lazy_drop_inputs(TensorState *ts, LazyNode *node) {
    LazyNode **inputs = node->inputs;
    if (!inputs) return;
    node->inputs = NULL;
    for (int i = 0; i < node->input_count; i++)
        lazy_unref(ts, inputs[i]);
}

static size_t attrs_size(const Attr *attrs, int count) {
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        AttrKind kind = attr_kind(attrs[i].name);
        if (kind == ATTR_KIND_INTS) size += (size_t)attrs[i].ints.count * sizeof(int64_t);
        if (kind == ATTR_KIND_DATA) size += (attrs[i].data.size + 7) & ~(size_t)7;
    }
    return size;
}

/* Copies lists and data behind the attributes themselves. Texts are literals or interned. */
static void attrs_copy(Attr *to, const Attr *from, int count) {
    char *at = (char *)(to + count);
    for (int i = 0; i < count; i++) {
        to[i] = from[i];
        AttrKind kind = attr_kind(from[i].name);
        if (kind == ATTR_KIND_INTS) {
            size_t size = (size_t)from[i].ints.count * sizeof(int64_t);
            if (size) memcpy(at, from[i].ints.items, size);
            to[i].ints.items = (const int64_t *)(void *)at;
            at += size;
        } else if (kind == ATTR_KIND_DATA) {
            if (from[i].data.size) memcpy(at, from[i].data.bytes, from[i].data.size);
            to[i].data.bytes = at;
            at += (from[i].data.size + 7) & ~(size_t)7;
        }
    }
}

static LazyNode *node_new(TensorState *ts, LazyKind kind, Type type, LazyNode *const *inputs,
                          int input_count, const Attr *attrs, int attr_count, int more_types) {
    size_t inputs_size = (size_t)input_count * sizeof *inputs;
    size_t types_size = (size_t)more_types * sizeof(Type);
    size_t attr_size = (size_t)attr_count * sizeof *attrs + attrs_size(attrs, attr_count);
    char *memory = xmalloc(sizeof(LazyNode) + inputs_size + types_size + attr_size);
    LazyNode *node = (LazyNode *)(void *)memory;
    ts->live_nodes++;
    memset(node, 0, sizeof *node);
    node->refs = 1;
    node->kind = (uint8_t)kind;
    node->type = type;
    node->serial = ++ts->next_serial;
    node->input_count = input_count;
    node->attr_count = attr_count;
    memory += sizeof *node;
    node->inputs = (LazyNode **)(void *)memory;
    for (int i = 0; i < input_count; i++)
        node->inputs[i] = lazy_ref(inputs[i]);
    memory += inputs_size;
    node->more_types = more_types ? (const Type *)(void *)memory : NULL;
    memory += types_size;
    attrs_copy((Attr *)(void *)memory, attrs, attr_count);
    node->attrs = (const Attr *)(void *)memory;
    return node;
}

static bool any_requires_grad(LazyNode *const *inputs, int count) {
    for (int i = 0; i < count; i++)
        if (inputs[i]->requires_grad) return true;
    return false;
}

/* The attributes in the order of the op's row. */
static int attrs_in_order(TensorState *ts, Op op, const Attr *attrs, int count, Attr *out) {
    const signed char *order = ts->attr_order[op];
    int n = 0;
    for (; order[n] >= 0; n++) {
        int found = 0;
        while (found < count && (int)attrs[found].name != order[n])
            found++;
        if (found == count) return -1;
        out[n] = attrs[found];
    }
    return n == count ? n : -1;
}

static bool infer_node(TensorState *ts, InferContext *context, LazyNode *const *inputs) {
    if (context->op == OP_result) { /* the IR's rule reads Nodes */
        int64_t index = context->attrs[0].i;
        const LazyNode *of = inputs[0];
        context->results[0] = index == 0 ? of->type : of->more_types[index - 1];
        return true;
    }
    Buf error = {0};
    context->error = &error;
    bool ok = infer(context);
    if (!ok) vm_raise(ts->vm, EXC_RuntimeError, "%s", buf_text(&error));
    buf_free(&error);
    return ok;
}

/* Where the program is. Functions are made when it is over: then, where the operands are, or where
 * it called the module when that is one of the library's. */
static Span place_of(TensorState *ts, LazyNode *const *inputs, int input_count) {
    Span span = vm_current_span(ts->vm);
    for (int i = 0; !span.file && i < input_count; i++)
        span = inputs[i]->span;
    if (!ts->policy.compiling) return span;
    const Source *source = sources_get(ts->vm->sources, span.file);
    return source && !source->builtin ? span : ts->policy.called;
}

LazyNode *lazy_op(TensorState *ts, Op op, LazyNode *const *inputs, int input_count,
                  const Attr *attrs, int attr_count) {
    Attr ordered[MAX_OP_ATTRS];
    int n = attrs_in_order(ts, op, attrs, attr_count, ordered);
    if (n < 0) {
        vm_raise(ts->vm, EXC_TypeError, "%s takes the attributes: %s", op_info(op)->name,
                 op_info(op)->attrs);
        return NULL;
    }
    const Type *few[8];
    const Type **types = input_count > 8 ? xcalloc((size_t)input_count, sizeof *types) : few;
    for (int i = 0; i < input_count; i++)
        types[i] = &inputs[i]->type;
    InferContext context = {
        .op = op, .inputs = types, .input_count = input_count, .attrs = ordered, .attr_count = n};
    bool ok = infer_node(ts, &context, inputs);
    if (types != few) free(types);
    if (!ok) return NULL;
    int more = op_info(op)->results - 1;
    LazyNode *node =
        node_new(ts, LAZY_OP, context.results[0], inputs, input_count, ordered, n, more);
    for (int i = 0; i < more; i++)
        ((Type *)node->more_types)[i] = context.results[i + 1];
    node->op = op;
    node->requires_grad = ts->grad_enabled && dtype_is_float(node->type.dtype) && op != OP_detach &&
                          any_requires_grad(inputs, input_count);
    node->span = place_of(ts, inputs, input_count);
    if (ts->policy.compiling) node->name = vm_callee_name(ts->vm);
    return node;
}

LazyNode *lazy_link(TensorState *ts, LazyKind kind, Type type, LazyNode *const *inputs,
                    int input_count) {
    LazyNode *node = node_new(ts, kind, type, inputs, input_count, NULL, 0, 0);
    node->span = place_of(ts, inputs, input_count);
    return node;
}

LazyNode *lazy_leaf(TensorState *ts, Type type, Buffer *buffer) {
    LazyNode *node = node_new(ts, LAZY_LEAF, type, NULL, 0, NULL, 0, 0);
    node->value = buffer;
    if (ts->policy.compiling) node->span = place_of(ts, NULL, 0);
    return node;
}
