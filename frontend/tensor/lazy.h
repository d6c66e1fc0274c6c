/* Lazy nodes: the recorded, reference-counted DAG that tensor operations append to.
 *
 * A node is an IR op over other nodes, a leaf that holds a buffer, or one of a few links that only
 * carry autograd's bookkeeping and have their first input's value. Recording infers the type with
 * the IR's own rules. A node that has its value and is not needed for a gradient drops its inputs,
 * so what is alive is what the program can still reach. */
#ifndef NNC_FRONTEND_TENSOR_LAZY_H
#define NNC_FRONTEND_TENSOR_LAZY_H

#include "frontend/vm.h"
#include "ir/op.h"
#include "ir/type.h"

typedef struct LazyNode LazyNode;
typedef struct TensorState TensorState;
struct Var;

/* Elements of a value, row-major. The id is never reused. */
typedef struct Buffer {
    uint32_t refs;
    uint64_t id;
    size_t size;
    unsigned char *bytes;
} Buffer;

/* Counts in-place writes to a storage; outlives it where a gradient has noted it. */
typedef struct Version {
    uint32_t refs, count;
    const char *fn_name; /* of the tensor's grad_fn now, or NULL */
} Version;

/* An operand that the gradient formula of a node will read, as it was when recorded. */
typedef struct SavedOperand {
    Version *version;
    uint32_t count;
    const char *fn_name; /* of a result: as it was then; NULL: the version's */
    Type type;
} SavedOperand;
enum { MAX_SAVED = 4 };

typedef enum LazyKind {
    LAZY_OP,
    LAZY_LEAF,        /* holds a buffer */
    LAZY_PLACEHOLDER, /* compile: an input of the network; `index` says which */
    LAZY_BARRIER,     /* inputs[0], no gradient */
    LAZY_PARAM,       /* inputs[0] as a leaf of autograd: the gradient belongs to `var` */
    LAZY_GRAFT,       /* inputs[0]'s value, inputs[1]'s gradient */
    LAZY_FUNCTION,    /* a call of an autograd.Function: `payload` is its ctx; has no value */
    LAZY_FUNCTION_OUT /* inputs[0]'s value; result `index` of the function inputs[1] */
} LazyKind;

struct LazyNode {
    uint32_t refs;
    uint32_t storage_refs; /* how many storages have it as their value */
    uint8_t kind;
    bool requires_grad;
    bool freed;      /* a backward without retain_graph went through it */
    bool keeps_data; /* scratch of an evaluation */
    bool is_part;    /* compile: a constant of the network, not data that it is given */
    Op op;
    int index;
    uint64_t serial; /* order of recording */
    Type type;
    const Type *more_types;
    const Attr *attrs;
    int attr_count, input_count;
    LazyNode **inputs; /* NULL when dropped */
    Buffer *value;
    SavedOperand *saved;
    int saved_count;
    struct Var *var;    /* LAZY_PARAM: owned */
    struct Var *retain; /* whose .grad wants this node's gradient; not owned */
    Value payload;
    Span span;
    const char *name;
    const char *fn_name;   /* of the grad_fn that it is the result of, or NULL */
    uint64_t replaces;     /* id of the buffer that the storage held before this value */
    LazyNode *prev, *next; /* in the list of values that storages wait for */
    uint32_t mark, slot;   /* scratch of walks: valid when mark equals the walk's */
};

/* Where a graph's walk keeps its own marks. */
uint32_t lazy_new_mark(TensorState *ts);

static inline LazyNode *lazy_ref(LazyNode *node) {
    node->refs++;
    return node;
}
void lazy_unref(TensorState *ts, LazyNode *node);
/* The node that holds or computes the value: links are passed through. */
LazyNode *lazy_data(LazyNode *node);
/* Whether it is a number under shape changes: rules and rewrites look through them, so it stays one
 * when values are kept. */
bool lazy_is_number(const LazyNode *node);
/* Lets go of the inputs; nothing that follows may need them. */
void lazy_drop_inputs(TensorState *ts, LazyNode *node);

/* Records an op (a new reference). Attributes may come in any order. NULL: a RuntimeError with the
 * type rule's message was raised. */
LazyNode *lazy_op(TensorState *ts, Op op, LazyNode *const *inputs, int input_count,
                  const Attr *attrs, int attr_count);
/* A node of another kind over `inputs` (references are taken). */
LazyNode *lazy_link(TensorState *ts, LazyKind kind, Type type, LazyNode *const *inputs,
                    int input_count);
/* A leaf over the buffer, whose reference it takes. */
LazyNode *lazy_leaf(TensorState *ts, Type type, Buffer *buffer);

/* Shorthands over lazy_op: they consume the references of their LazyNode arguments, pass NULL
 * through (an error under way), and return the argument itself where there is nothing to do. */
LazyNode *lazy_unary(TensorState *ts, Op op, LazyNode *x);
LazyNode *lazy_binary(TensorState *ts, Op op, LazyNode *a, LazyNode *b);
LazyNode *lazy_where(TensorState *ts, LazyNode *c, LazyNode *a, LazyNode *b);
LazyNode *lazy_cast(TensorState *ts, LazyNode *x, DType dtype);
LazyNode *lazy_reshape(TensorState *ts, LazyNode *x, int rank, const int64_t *dims);
LazyNode *lazy_permute(TensorState *ts, LazyNode *x, const int64_t *perm);
LazyNode *lazy_expand(TensorState *ts, LazyNode *x, int rank, const int64_t *dims);
LazyNode *lazy_broadcast(TensorState *ts, LazyNode *x, int rank, const int64_t *dims);
LazyNode *lazy_reduce(TensorState *ts, Op op, LazyNode *x, const int64_t *axes, int count);
/* As lazy_reduce, the axes kept with size 1. */
LazyNode *lazy_reduce_keep(TensorState *ts, Op op, LazyNode *x, const int64_t *axes, int count);
LazyNode *lazy_axis(TensorState *ts, Op op, LazyNode *x, int axis);
LazyNode *lazy_indexed(TensorState *ts, Op op, LazyNode *x, LazyNode *index, LazyNode *u, int axis);
LazyNode *lazy_flip(TensorState *ts, LazyNode *x, int axis);
LazyNode *lazy_result(TensorState *ts, LazyNode *x, int index);
LazyNode *lazy_iota(TensorState *ts, Type type, int axis);
/* The box from `start`, `step` apart. */
LazyNode *lazy_slice(TensorState *ts, LazyNode *x, const int64_t *start, const int64_t *size,
                     const int64_t *step);
LazyNode *lazy_concat(TensorState *ts, LazyNode *const *parts, int count, int axis); /* borrows */

/* Numbers of the program: 0, 1, -1 and 2 are constants that rewrites may see; others are operands,
 * so that changing them does not change the graph. When compiling all are constants. */
LazyNode *lazy_number(TensorState *ts, DType dtype, Value number);
LazyNode *lazy_double(TensorState *ts, DType dtype, double value);
LazyNode *lazy_int(TensorState *ts, DType dtype, int64_t value);
/* A constant for certain, whatever the value. */
LazyNode *lazy_const(TensorState *ts, DType dtype, double value);
LazyNode *lazy_full(TensorState *ts, Type type, Value number);
LazyNode *lazy_zeros(TensorState *ts, Type type);
/* An operand i64[count] that is read when the graph runs. */
LazyNode *lazy_indices(TensorState *ts, const int64_t *items, int count);

/* One number as the bytes of an element, and back. */
void element_store(DType dtype, void *bytes, double f, int64_t i);
double element_double(DType dtype, const void *bytes);
int64_t element_int(DType dtype, const void *bytes);

/* Zeroed only when asked for. */
Buffer *buffer_new(TensorState *ts, size_t size);
static inline Buffer *buffer_ref(Buffer *buffer) {
    buffer->refs++;
    return buffer;
}
void buffer_unref(TensorState *ts, Buffer *buffer);
/* Frees the buffers kept for reuse. */
void buffer_pool_free(TensorState *ts);

#endif
