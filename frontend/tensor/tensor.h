/* The tensor model: storages, variables and handles; what the tensor library's files share.
 *
 * Storage: the current value (a lazy node with the base's shape) and a version counter.
 * Var:     a differentiable variable: a storage seen through a root view, with autograd's state.
 *          detach() and .data make another Var over the same storage.
 * Tensor:  the program's handle: a Var seen through further view steps.
 *
 * Reading a tensor applies its steps to the storage's value as it is now; writing makes a new value
 * for the storage by the inverse steps, which every view then sees. */
#ifndef NNC_FRONTEND_TENSOR_TENSOR_H
#define NNC_FRONTEND_TENSOR_TENSOR_H

#include "frontend/tensor/lazy.h"
#include "ir/program.h"

typedef struct Storage {
    uint32_t refs;
    Type type;
    LazyNode *value;
    Version *version; /* what autograd checks */
    int64_t *order; /* the dims as they lie in PyTorch's memory, the farthest apart first; NULL: in
                       order. The value's own bytes are row-major in any case. */
    uint32_t changes; /* of the value, the unseen ones through .data included */
} Storage;

typedef enum StepKind {
    STEP_RESHAPE,
    STEP_PERMUTE,
    STEP_EXPAND,
    STEP_SLICE,
    STEP_STRIDED /* any strides: a diagonal, sliding windows */
} StepKind;

/* One step of a view; `parent` NULL: applied to the base. */
typedef struct ViewStep {
    uint32_t refs;
    StepKind kind;
    struct ViewStep *parent;
    Type from, type;                         /* before and after */
    int64_t perm[MAX_RANK];                  /* STEP_PERMUTE */
    int64_t start[MAX_RANK], step[MAX_RANK]; /* STEP_SLICE; STEP_STRIDED: start[0] and the strides
                                                among the source's elements in row-major order */
    int64_t strides[MAX_RANK], offset;       /* of the result, in elements of the storage */
} ViewStep;

typedef struct Var {
    uint32_t refs;
    Storage *storage;
    ViewStep *root;
    bool requires_grad; /* a leaf that asks for gradients */
    bool retains_grad;
    bool hidden;          /* .data: writes don't count as versions */
    bool inference;       /* made in inference mode */
    Value grad;           /* a Tensor or None */
    Value hooks;          /* of a leaf: a dict of functions of its gradient, or None... */
    Value after_hooks;    /* ...and of itself once .grad is complete */
    struct Tensor *owner; /* of a leaf: the handle that made it one, while it lives; not owned */
    LazyNode *node;       /* the value with its history, when it has one... */
    uint32_t node_count;  /* ...as of this change of the storage */
    const char *fn_name;
    LazyNode *cache; /* what reading gave at change cache_count */
    uint32_t cache_count;
    LazyNode *param; /* the LAZY_PARAM node of change param_count; not owned */
    uint32_t param_count;
} Var;

typedef struct Tensor {
    GcObj gc;
    Dict *dict;
    Var *var;
    ViewStep *view; /* relative to the var's root */
    bool reshaped;  /* that view was made in place: in PyTorch's eyes there is none */
    Type type;
    const char *fn_name; /* of a view; else the var's counts */
    LazyNode *cache;     /* views: what reading gave at change cache_count */
    uint32_t cache_count;
    const Var *cache_var;
    bool cache_written; /* it is what was written, not read through the view */
    Var *keeper;        /* of a view that retains its gradient: holds that */
} Tensor;

/* What happens when a value is needed: the one difference between running and compiling. */
typedef struct Policy {
    bool compiling;
    /* Gives the node (a data node) its buffer. False: raised. `what` names the need. */
    bool (*need_value)(TensorState *ts, LazyNode *node, const char *what);
    Span called; /* compiling: where the program first called the module */
} Policy;

/* PyTorch's CPU generator: where draws are taken from. */
typedef struct Generator Generator;
typedef struct Script Script; /* script.c: graph cache and counters */
typedef struct Trace Trace;   /* trace.c: what compiling has seen */

/* Results that come in pairs print as torch.return_types. */
typedef enum PairKind {
    PAIR_MAX,
    PAIR_MIN,
    PAIR_SORT,
    PAIR_TOPK,
    PAIR_MEDIAN,
    PAIR_NANMEDIAN,
    PAIR_KTHVALUE,
    PAIR_MODE,
    PAIR_CUMMAX,
    PAIR_CUMMIN,
    PAIR_AMINMAX,
    PAIR_COUNT
} PairKind;

/* Where tensors would lie; index -1: none was given. */
typedef struct Device {
    GcObj gc;
    const char *type;
    int64_t index;
} Device;

struct TensorState {
    Vm *vm;
    Policy policy;
    Script *script;
    Trace *trace;
    Generator *generator;
    bool grad_enabled, inference;
    Precision precision; /* as the program sets it */
    bool script_started; /* a module was called */
    DType default_dtype;
    DType autocast; /* DT_COUNT: off */
    Class *tensor_class, *parameter_class, *size_class, *dtype_class, *device_class;
    Class *grad_fn_class, *function_class, *ctx_class, *opaque_class, *generator_class;
    Class *pairs[PAIR_COUNT];
    Value dtypes[DT_COUNT];
    Value cpu;
    uint64_t next_serial, next_buffer;
    uint64_t evaluated_serial; /* next_serial at the last evaluation */
    uint64_t next_cut;         /* from here on a loop's back edge is asked whether to evaluate */
    uint32_t next_mark;
    uint32_t grad_reads[OP_COUNT]; /* which operands (bit 31: the result) gradients read */
    signed char attr_order[OP_COUNT][MAX_OP_ATTRS + 1]; /* the rows' attributes; -1 ends a list */
    LazyNode *waiting;     /* first of the values that storages wait for */
    VEC(Class *) grad_fns; /* one a name that a grad_fn was asked for */
    VEC(LazyNode *) freed; /* history to drop after the next evaluation; owned */
    VEC(LazyNode *) dead;  /* worklist of lazy_unref */
    bool freeing;
    VEC(Buffer *) pool;
    size_t pool_bytes;
    size_t live_nodes, live_bytes; /* for tests: nodes and bytes of buffers in use */
    struct PrintSettings {
        int precision, line_width, sci_mode;
        int64_t threshold, edge_items;
    } print;
};

static inline TensorState *tensor_state(Vm *vm) {
    return vm->tensor_state;
}
static inline bool is_tensor(TensorState *ts, Value v) {
    return v.tag == TAG_OBJ &&
           (v.o->cls == ts->tensor_class || class_is_subclass(v.o->cls, ts->tensor_class));
}
static inline Tensor *as_tensor(Value v) {
    return (Tensor *)(void *)v.o;
}

/* ---- handles (tensor.c) ---- */
/* A new tensor with a storage of its own; consumes the node (NULL passes through as NULL_VALUE).
 * `fn_name` names its grad_fn if the node requires a gradient. */
Value tensor_wrap(TensorState *ts, LazyNode *node, const char *fn_name);
Value tensor_from_buffer(TensorState *ts, Type type, Buffer *buffer);
/* The dims of elements that are computed one by one from operands (NULL: a number), in the order in
 * which PyTorch lays them out: as the operands lie. False: row-major. */
bool memory_order(const Type *type, Tensor *const *operands, int count, int64_t order[MAX_RANK]);
/* As tensor_wrap, for such a result. */
Value tensor_wrap_like(TensorState *ts, LazyNode *node, const char *fn_name,
                       Tensor *const *operands, int count);
/* Says of a new tensor, which is no view, in which order its dims lie. */
void tensor_set_order(Tensor *made, const int64_t order[MAX_RANK]);

/* ---- layout.c ---- */

typedef enum MemoryFormat { FORMAT_KEPT, FORMAT_ROWS, FORMAT_CHANNELS_LAST } MemoryFormat;

/* A format for x; *out stays when there is none. */
bool arg_memory_format(TensorState *ts, Value v, const Tensor *x, MemoryFormat *out);
bool tensor_has_format(const Tensor *x, MemoryFormat format);
Value tensor_copy_format(TensorState *ts, Tensor *x, MemoryFormat format, const char *fn_name);
/* A new tensor of images or volumes gets the channels last if one of the operands (or all) has. */
void tensor_lay_like(Value made, const Value *operands, size_t count, bool all);

/* The storage's value with its dims as PyTorch lays them out (a new reference): what strides and
 * offsets count in. */
LazyNode *storage_in_memory(TensorState *ts, const Storage *storage);
/* The current value, a new reference; NULL: raised. */
LazyNode *tensor_read(TensorState *ts, Tensor *tensor);
/* Another handle on the same variable through one more step (consumed); NULL: an alias. */
Value tensor_view_of(TensorState *ts, Tensor *tensor, ViewStep *step, const char *fn_name);
/* Makes x the handle that `view` is: squeeze_(), transpose_(). */
void tensor_become(TensorState *ts, Tensor *x, const Tensor *view);
/* A handle on the same storage that has no history: detach(), .data. */
Value tensor_detach(TensorState *ts, Tensor *tensor);
/* Gives a view that is no part of a graph a storage of its own, with the value it shows; others
 * are left as they are. False: raised. */
bool tensor_own_storage(TensorState *ts, Tensor *tensor);
/* A handle on the variable: its owner where that lives. */
Value tensor_of_var(TensorState *ts, Var *var);
bool tensor_requires_grad(const Tensor *tensor);
bool tensor_is_leaf(const Tensor *tensor);
const char *tensor_fn_name(const Tensor *tensor);
bool tensor_set_requires_grad(TensorState *ts, Tensor *tensor, bool on);
/* What a function that creates tensors returns: `made`, with the caller's requires_grad= (may be
 * null). Takes `made` over, which is null after an error. */
Value tensor_created(TensorState *ts, Value made, Value requires_grad);
/* Raises PyTorch's errors for in-place writes that autograd can't follow. */
bool tensor_check_inplace(TensorState *ts, Tensor *tensor);
/* Of these only the ones that hold for any write, a fill with one number included. */
bool tensor_check_leaf(TensorState *ts, const Tensor *tensor);
/* Raises PyTorch's error when what is read overlaps what is written but isn't the same. */
bool tensor_check_overlap(TensorState *ts, const Tensor *to, const Tensor *from);
/* Replaces the tensor's elements by `node` (consumed; same shape and type), in place. */
bool tensor_write(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name);
/* As tensor_write, for the result of an operation in place on the tensor (its first operand), cast
 * to the tensor's type. */
bool tensor_write_result(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name);
/* Makes `node` (consumed) the history of a variable's present value. */
void tensor_set_history(TensorState *ts, Tensor *tensor, LazyNode *node, const char *fn_name);
/* Evaluates what a leaf's storage holds where that has a history: it may be the leaf's own, and
 * keep it alive for ever. False: raised. */
bool tensor_settle(TensorState *ts, const Tensor *tensor);
/* Replaces the storage's value without touching history or versions: placeholders of a trace. */
void storage_set(TensorState *ts, Storage *storage, LazyNode *node);
/* The node (consumed) as a value without history. */
LazyNode *without_grad(TensorState *ts, LazyNode *node);
/* Which operands (bit 31: the result) its gradients will read. */
uint32_t node_reads(const TensorState *ts, const LazyNode *node);
/* Notes the operands that the gradient of `node` will read. */
void tensor_save(TensorState *ts, LazyNode *node, Tensor *const *operands, int count);
/* The elements, contiguous, after evaluating what is needed (a new reference). NULL: raised.
 * `what` names the need in the errors of compiling. */
Buffer *tensor_buffer(TensorState *ts, Tensor *tensor, const char *what);
/* After a node got its buffer: it stops waiting and drops what only computing needed. */
void node_evaluated(TensorState *ts, LazyNode *node);
void tensor_dealloc(Obj *self);
void var_unref(TensorState *ts, Var *var);
/* A variable without a storage, for the gradient of a node that is no variable's. */
Var *var_keeper(LazyNode *node);
void storage_unref(TensorState *ts, Storage *storage);
/* The name of grad_fn, kept forever. */
const char *fn_name_intern(TensorState *ts, const char *name);

/* ---- views (view.c) ---- */
void view_unref(ViewStep *step);
void tensor_strides(const Tensor *tensor, int64_t strides[MAX_RANK], int64_t *offset);
bool tensor_is_contiguous(const Tensor *tensor);
/* Applies all steps of `view` to the node (consumed). */
LazyNode *view_apply(TensorState *ts, const ViewStep *view, LazyNode *node);
/* The new base value when the view's elements become `node`; both consumed. */
LazyNode *view_write(TensorState *ts, const ViewStep *view, LazyNode *base, LazyNode *node);
ViewStep *view_reshape(const Tensor *x, int rank,
                       const int64_t *dims); /* NULL: strides don't allow it */
ViewStep *view_permute(const Tensor *x, const int64_t *perm);
ViewStep *view_expand(const Tensor *x, int rank, const int64_t *dims);
ViewStep *view_slice(const Tensor *x, const int64_t *start, const int64_t *size,
                     const int64_t *step);
/* An axis of a strided view: its size, and how far each of x's dims moves with its index. */
typedef struct ViewAxis {
    int64_t size, along[MAX_RANK];
} ViewAxis;
ViewStep *view_strided(const Tensor *x, int rank, const ViewAxis *axes, const int64_t *start);
Value tensor_select(TensorState *ts, Tensor *x, int axis, int64_t index);
Value tensor_narrow(TensorState *ts, Tensor *x, int axis, int64_t start, int64_t size, int64_t step,
                    const char *fn_name);
Value tensor_reshape(TensorState *ts, Tensor *x, int rank, const int64_t *dims,
                     const char *fn_name); /* a view where possible */
/* Whether expand() may give the sizes (-1: kept); false: raised PyTorch's error. */
bool expand_fits(TensorState *ts, const Type *type, int rank, const int64_t *sizes);
Value tensor_transpose(TensorState *ts, Tensor *x, int a, int b, const char *fn_name);

/* ---- arguments (promote.c) ---- */
/* PyTorch's promotion over tensors (with and without dims) and Python numbers. */
typedef struct Promotion {
    int dim, zero, number; /* the dtype seen in each category, -1: none */
} Promotion;
void promote_init(Promotion *p);
bool promote_add(TensorState *ts, Promotion *p, Value v);
DType promote_result(const TensorState *ts, const Promotion *p);
DType promote_types(DType a, DType b);
bool is_number(TensorState *ts, Value v);
/* The shape that operands broadcast to; false: raised PyTorch's error. */
bool broadcast_shapes(TensorState *ts, const Type *a, const Type *b, Type *out);
/* The operand as a node of that type: read (or made from a number), cast, broadcast. */
LazyNode *operand_node(TensorState *ts, Value v, Type type);
/* As operand_node, for a number that fills: one beyond the dtype is an error. */
LazyNode *filler_node(TensorState *ts, Value v, Type type);
/* Whether PyTorch converts the number to the dtype; every integer type's negatives count as wrapped
 * ones. */
bool number_fits(DType dtype, Value v);
/* The operand as a 0-d or its own shape's node of that dtype. */
LazyNode *operand_cast(TensorState *ts, Value v, DType dtype);
Type operand_type(TensorState *ts, Value v, DType dtype);
/* Argument conversions; false: raised. Positions count from 1; of a method's call the errors leave
 * self out, which is the first. */
bool arg_tensor_at(TensorState *ts, Value v, const char *function, const char *argument,
                   int position, Tensor **out);
bool arg_tensor(TensorState *ts, Value v, const char *function, Tensor **out);
bool arg_dtype(TensorState *ts, Value v, DType *out); /* NULL_VALUE and None leave it as it is */
bool arg_device(TensorState *ts, Value v);
/* Whether PyTorch has a device of that type; what using one that isn't here raises. */
bool device_known(const char *text, size_t length);
void raise_device(TensorState *ts, const char *text);
bool arg_bool(TensorState *ts, Value v, bool otherwise, bool *out);
bool arg_int(TensorState *ts, Value v, int64_t otherwise, int64_t *out);
/* A dimension, negative ones counted from the end. */
bool arg_dim(TensorState *ts, Value v, int rank, int *out);
/* An int or a sequence of ints; one int stands for itself. */
bool arg_ints(TensorState *ts, Value v, const char *what, int64_t *out, int max, int *count);
/* Sizes given as `f(2, 3)` or `f((2, 3))`: from args[0..nargs). */
bool arg_sizes(TensorState *ts, const Value *args, int nargs, const char *function,
               int64_t out[MAX_RANK], int *rank);
/* dim arguments of reductions: None is all. Ascending. */
bool arg_dims(TensorState *ts, Value v, int rank, int64_t out[MAX_RANK], int *count);
Value shape_value(TensorState *ts, const Type *type); /* a torch.Size */
Value dtype_value(TensorState *ts, DType dtype);
Class *dtype_class_new(TensorState *ts);
bool dtype_module_init(TensorState *ts, ModuleObj *module); /* torch.float32 and so on */
void shape_text(Buf *out, const int64_t *dims, int rank);   /* "[2, 3]" */

/* ---- operations ---- */
Value tensor_binary(TensorState *ts, Op op, Value a, Value b, const char *fn_name);
/* The tensor `self` (a new reference) with the result of an operation, whose shape and kind of
 * number must fit, in place. Consumes the node. */
Value tensor_inplace_result(TensorState *ts, Value self, LazyNode *node, const char *fn_name);
/* Puts a computed tensor (consumed) into self in place. */
Value tensor_assign(TensorState *ts, Value self, Value result);
/* b times a factor that may be missing; a new reference. */
Value tensor_scaled(TensorState *ts, Value b, Value alpha);
/* What an operation called with `out` returns: the result (consumed) where out is missing, or out,
 * written (and resized where its shape differs). */
Value tensor_out(TensorState *ts, const char *name, Value out, Value result);
/* Makes the call where it has an out= of a function of the library; false: it doesn't. */
bool out_call(Vm *vm, Value callee, const Value *args, int nargs, const Tuple *kwnames,
              Value *result);
/* Whether it is a function of the module, not only a method. */
bool tensor_is_function(NativeFn function);
void arith_slots(Slots *slots);
void tensor_object_slots(Slots *slots);
void pair_classes(TensorState *ts);
/* Consumes both; NULL_VALUE when either is. */
Value pair_new(TensorState *ts, PairKind kind, Value values, Value indices);
Class *parameter_class_new(TensorState *ts);
Value tensor_unary(TensorState *ts, Op op, Tensor *x, const char *fn_name);
Value tensor_matmul(TensorState *ts, Value a, Value b);
Value tensor_cast(TensorState *ts, Tensor *x, DType dtype);
Value tensor_getitem(Vm *vm, Value self, Value key);
bool tensor_setitem(Vm *vm, Value self, Value key, Value value);
/* An index as non-negative i64; checked where its values are known. Consumes the node. */
LazyNode *index_wrap(TensorState *ts, LazyNode *node, int dim, int64_t size);
/* Where elements aren't zero: one row each, or as a tuple of columns. */
Value tensor_nonzero(TensorState *ts, Tensor *x, bool as_tuple);
bool nonzero_nodes(TensorState *ts, Tensor *x, LazyNode **out, int64_t *found);
Value tensor_contiguous(TensorState *ts, Tensor *x);
Value tensor_where(TensorState *ts, Value c, Value a, Value b);
/* What a whole tensor with a history is overwritten with: as in PyTorch that history gets zeros for
 * its gradient, not nothing. Consumes the node. */
LazyNode *tensor_overwriting(TensorState *ts, Tensor *to, LazyNode *node);
/* The node (consumed) with the tensor's history: what an operation in place that autograd doesn't
 * know writes. */
LazyNode *tensor_unnoticed(TensorState *ts, Tensor *tensor, LazyNode *node);
bool tensor_copy(TensorState *ts, Tensor *to, Value from, const char *fn_name);
Value tensor_item(TensorState *ts, Tensor *x);
/* The tensor behind one of numpy's arrays or numbers (a new reference); NULL_VALUE: it's another
 * object. */
Value tensor_behind(TensorState *ts, Value v);
Value tensor_from_data(TensorState *ts, Value data, bool has_dtype, DType dtype);
/* Whether tensors are made from its elements: lists, ranges, what has both length and items. */
bool is_sequence(TensorState *ts, Value v);
/* torch.cat or (fresh) torch.stack, along dim 0, of tensors of one dtype whose values are there and
 * want no gradients; null without an error where they aren't. */
Value join_ready(TensorState *ts, const Value *items, size_t count, bool fresh);
Value tensor_like_list(TensorState *ts, const Type *type, const unsigned char *bytes);

/* f(*sizes, dtype=, device=, requires_grad=, generator=) or f(size, fill_value, ...): out gets
 * requires_grad, generator and fill_value. `type` holds the dtype when none is named. */
bool creation_args(TensorState *ts, const char *name, bool has_value, const Value *args, int nargs,
                   const Tuple *kwnames, Type *type, Value out[3]);

/* ---- halves and autocast (half.c) ---- */
/* The type of the first half among the arguments; DT_COUNT: there is none. */
DType first_half(TensorState *ts, const Value *args, int count);
/* The call of a product; of halves, or of float32 under autocast, it is computed in float32 and
 * rounded once. */
Value half_product(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames);
/* The call of what PyTorch computes in one kernel: of halves likewise. */
Value half_kernel(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames);

/* The call of what autocast has in float32. */
Value half_lifted(Vm *vm, NativeFn function, const Value *args, int nargs, const Tuple *kwnames);

/* ---- modes, random, text, autograd ---- */
bool need_value(TensorState *ts, LazyNode *node, const char *what);
/* Where an operation's indexes or divisors are checked as it is recorded: the data behind the node
 * if its value is known. In a try statement it is computed for that: a fault when the graph runs
 * would come where the program doesn't expect it. False: raised. */
bool value_to_check(TensorState *ts, LazyNode *node, const LazyNode **known);
void generator_init(TensorState *ts);
void generator_free(TensorState *ts);
Value tensor_repr(Vm *vm, Value self);
Value tensor_format(Vm *vm, Value self, Str *spec);

/* Gradients of `outputs` with seeds (consumed by neither side) with respect to vars' leaves, or to
 * the nodes in `wrt`. */
typedef struct BackwardCall {
    LazyNode *const *outputs;
    LazyNode *const *seeds;
    int output_count;
    LazyNode *const *wrt; /* NULL: accumulate into every leaf reached */
    int wrt_count;
    LazyNode **results; /* one a wrt: new references or NULL; without, accumulate into these */
    bool retain, create;
} BackwardCall;
bool autograd_run(TensorState *ts, const BackwardCall *call);
/* Calls the ctx's backward with one gradient an output; fills one node (or NULL) an input.
 * `outputs` are those known, with their history. */
bool function_backward(TensorState *ts, LazyNode *function, LazyNode **outputs,
                       LazyNode *const *grads, int grad_count, LazyNode **results);
Class *grad_fn_class_new(TensorState *ts);
Value grad_fn_new(TensorState *ts, const char *name, LazyNode *node);
void function_classes(TensorState *ts);
void trace_classes(TensorState *ts);
Value function_apply(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);

/* Compiling: an opaque number in place of a value that is known only when the network runs;
 * NULL_VALUE without an error: the value can be had. */
Value trace_opaque(TensorState *ts, Tensor *x);
/* Compiling: what all elements of a data node of bools are if the numbers that the network computes
 * are finite: 1, 0, or -1 for more than that. */
int trace_if_finite(TensorState *ts, LazyNode *node);
/* Compiling: the operand that stands for the generator's seed (a new reference). */
LazyNode *trace_seed(TensorState *ts);
/* Compiling: what becomes of a number of unknown value in a tensor outside of forward. Programs
 * keep such numbers (losses[i] = loss.item()); a function that hangs on one can't be made. Inside
 * of forward, which always would, NULL: raised. */
LazyNode *unknown_node(TensorState *ts, Type type);
#define UNKNOWN_NUMBER                                                                             \
    "this number depends on a tensor's value, which is known only when the compiled network "      \
    "runs; "                                                                                       \
    "keep it a tensor (without .item())"
/* Compiling: notes what backward() is called on. */
void trace_backward(TensorState *ts, LazyNode *loss);

/* ---- tables each file adds to the module and to the Tensor class (module.c) ---- */
enum { FN_FUNCTION = 1, FN_METHOD = 2, FN_PROPERTY = 4, FN_BOTH = 3 };
typedef struct TensorFunction {
    const char *name;
    NativeFn function;
    unsigned where;
} TensorFunction;
extern const TensorFunction ARITH_FUNCTIONS[], UNARY_FUNCTIONS[], REDUCE_FUNCTIONS[],
    VIEW_FUNCTIONS[], INDEX_FUNCTIONS[], GATHER_FUNCTIONS[], CREATE_FUNCTIONS[], RANDOM_FUNCTIONS[],
    SAMPLING_FUNCTIONS[], GENERATOR_FUNCTIONS[], BATCH_FUNCTIONS[], FILE_FUNCTIONS[],
    MATMUL_FUNCTIONS[], REPR_FUNCTIONS[], AUTOGRAD_FUNCTIONS[], OBJECT_FUNCTIONS[],
    TRACE_FUNCTIONS[], JOIN_FUNCTIONS[], STRIDED_FUNCTIONS[], LAYOUT_FUNCTIONS[],
    MODULE_FUNCTIONS[], HALF_FUNCTIONS[], FUSED_FUNCTIONS[];
extern const Slots TENSOR_SLOTS;

/* Registers `_nnc`, makes the state and hangs it on the Vm. */
TensorState *tensor_state_new(Vm *vm);
/* Before the Vm is freed: what the state itself holds of it. */
void tensor_state_release(TensorState *ts);
/* After it: tensors were freed with it. */
void tensor_state_free(TensorState *ts);

#endif
