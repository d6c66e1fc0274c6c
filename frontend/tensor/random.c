/* Random tensors in PyTorch's CPU streams, drawn in program order when recorded.
 *
 * Running draws at once. Compiling records random_mt nodes over the seed instead, so that the
 * network's initial weights become a function of the seed, and moves the generator past them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/generator.h"
#include "ir/graph.h"

/* ---- drawing ---- */

typedef enum Dist { DIST_UNIFORM, DIST_NORMAL, DIST_BERNOULLI } Dist;

/* Normal numbers one after the other, however many: how PyTorch fills what isn't contiguous. */
static void draw_normals(Generator *g, const Type *type, char *out, double mean, double std) {
    enum { FEW = 8 };
    int64_t count = type_numel(type);
    for (int64_t i = 0; i < count; i += FEW) {
        int64_t some = count - i < FEW ? count - i : FEW;
        g->draws += mt_normal_draws(type->dtype, some, g->mt.has_normal);
        mt_normal(&g->mt, type->dtype, out, some, mean, std);
        out += (size_t)some * dtype_size(type->dtype);
    }
}

static void draw(Generator *g, Dist dist, const Type *type, void *out, double low, double high) {
    int64_t count = type_numel(type);
    if (dist == DIST_UNIFORM) {
        g->draws += mt_uniform_draws(type->dtype, count);
        mt_uniform(&g->mt, type->dtype, out, count, low, high);
    } else if (dist == DIST_NORMAL) {
        g->draws += mt_normal_draws(type->dtype, count, g->mt.has_normal);
        mt_normal(&g->mt, type->dtype, out, count, low, high);
        if (g->mt.has_normal && count > 0 && count < 16) g->pair = g->draws - 4;
    } else {
        g->draws += 2 * (uint64_t)count;
        bool *bits = xmalloc((size_t)count + 1);
        mt_bernoulli(&g->mt, bits, count, low);
        size_t size = dtype_size(type->dtype);
        for (int64_t i = 0; i < count; i++)
            element_store(type->dtype, (char *)out + (size_t)i * size, bits[i], bits[i]);
        free(bits);
    }
}

static LazyNode *random_node(TensorState *ts, const char *dist, Type type, double low, double high,
                             uint64_t skip) {
    LazyNode *seed = trace_seed(ts);
    Attr attrs[] = {attr_text(ATTR_dist, dist),
                    attr_float(ATTR_low, low),
                    attr_float(ATTR_high, high),
                    attr_int(ATTR_skip, (int64_t)skip),
                    attr_ints(ATTR_shape, type.dim, type.rank),
                    attr_dtype(type.dtype)};
    LazyNode *node = lazy_op(ts, OP_random_mt, &seed, 1, attrs, 6);
    lazy_unref(ts, seed);
    return node;
}

/* A short fill of normal numbers whose first one an earlier fill left behind. */
static LazyNode *draw_after_pair(TensorState *ts, const Generator *g, Type type, double mean,
                                 double std) {
    int64_t one[1] = {1}, rest[1] = {type_numel(&type) - 1};
    LazyNode *parts[2] = {
        random_node(ts, "normal_second", type_make(type.dtype, 1, one), mean, std, g->pair),
        random_node(ts, "normal", type_make(type.dtype, 1, rest), mean, std, g->draws)};
    LazyNode *joined = lazy_concat(ts, parts, 2, 0);
    for (int i = 0; i < 2; i++)
        lazy_unref(ts, parts[i]);
    return joined ? lazy_reshape(ts, joined, type.rank, type.dim) : NULL;
}

static LazyNode *recorded_draw(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                               double high) {
    static const char *const names[] = {"uniform", "normal", "bernoulli"};
    if (type.dtype < DT_F32) type.dtype = DT_F32;
    int64_t count = type_numel(&type);
    if (dist == DIST_NORMAL && g->mt.has_normal && count > 0 && count < 16)
        return draw_after_pair(ts, g, type, low, high);
    return random_node(ts, names[dist], type, low, high, g->draws);
}

static LazyNode *draw_node(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                           double high);

/* Halves are floats, rounded; but of many normal numbers that don't fill up sixteens PyTorch draws
 * the rest anew, not all and then the rest. */
static LazyNode *draw_halves(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                             double high) {
    int64_t count = type_numel(&type), rest = count % 16, start = 0, one = 1;
    DType half = type.dtype;
    type.dtype = DT_F32;
    if (dist != DIST_NORMAL || count < 16 || rest == 0)
        return lazy_cast(ts, draw_node(ts, g, dist, type, low, high), half);
    int64_t whole = count - rest, kept = count - 16, block = 16;
    LazyNode *parts[2];
    parts[0] = draw_node(ts, g, dist, type_make(DT_F32, 1, &whole), low, high);
    parts[0] = lazy_slice(ts, parts[0], &start, &kept, &one);
    parts[1] = draw_node(ts, g, dist, type_make(DT_F32, 1, &block), low, high);
    LazyNode *joined = parts[0] && parts[1] ? lazy_concat(ts, parts, 2, 0) : NULL;
    for (int i = 0; i < 2; i++)
        if (parts[i]) lazy_unref(ts, parts[i]);
    return joined ? lazy_cast(ts, lazy_reshape(ts, joined, type.rank, type.dim), half) : NULL;
}

/* A tensor's worth of numbers as a node. */
static LazyNode *draw_node(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                           double high) {
    LazyNode *recorded = NULL;
    if (dtype_is_half(type.dtype)) return draw_halves(ts, g, dist, type, low, high);
    if (ts->policy.compiling && g == ts->generator && !g->entered) {
        recorded = recorded_draw(ts, g, dist, type, low, high);
        recorded = lazy_cast(ts, recorded, type.dtype);
        if (!recorded) return NULL;
    }
    bool pairs = dist == DIST_NORMAL && type_numel(&type) < 16; /* these leave a number behind */
    if (recorded && dist != DIST_BERNOULLI && !pairs) {
        uint64_t count = dist == DIST_UNIFORM
                             ? mt_uniform_draws(type.dtype, type_numel(&type))
                             : mt_normal_draws(type.dtype, type_numel(&type), g->mt.has_normal);
        mt_skip(&g->mt, count);
        g->draws += count;
        return recorded;
    }
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    draw(g, dist, &type, buffer->bytes, low, high);
    if (!recorded) return lazy_leaf(ts, type, buffer);
    buffer_unref(ts, buffer);
    return recorded;
}

/* ---- in the order of memory ---- */

/* The type of x with its dims as they lie in memory, in which it is filled; `back` brings them to
 * x's order. */
static Type filled_type(const Tensor *x, int64_t back[MAX_RANK]) {
    Tensor operand = *x, *operands = &operand;
    int64_t order[MAX_RANK];
    bool moved = memory_order(&x->type, &operands, 1, order);
    Type type = x->type;
    for (int i = 0; i < type.rank; i++) {
        int64_t from = moved ? order[i] : i;
        type.dim[i] = x->type.dim[from];
        back[from] = i;
    }
    return type;
}

/* What x is filled with. */
static LazyNode *fill_node(TensorState *ts, Generator *g, Dist dist, const Tensor *x, double low,
                           double high) {
    int64_t back[MAX_RANK];
    Type type = filled_type(x, back);
    LazyNode *node;
    if (dist == DIST_NORMAL && !tensor_is_contiguous(x)) {
        type.dtype = dtype_computed(type.dtype);
        Buffer *buffer = buffer_new(ts, type_bytes(&type));
        draw_normals(g, &type, (char *)buffer->bytes, low, high);
        node = lazy_cast(ts, lazy_leaf(ts, type, buffer), x->type.dtype);
    } else {
        node = draw_node(ts, g, dist, type, low, high);
    }
    return lazy_permute(ts, node, back);
}

/* Fills x with a buffer of elements (consumed) in the order of memory. */
static bool fill_with(TensorState *ts, Tensor *x, Buffer *buffer) {
    int64_t back[MAX_RANK];
    Type type = filled_type(x, back);
    return tensor_write(ts, x, lazy_permute(ts, lazy_leaf(ts, type, buffer), back), NULL);
}

static bool float_type(TensorState *ts, const char *name, const Type *type) {
    if (dtype_is_float(type->dtype)) return true;
    vm_raise(ts->vm, EXC_NotImplementedError, "\"%s\" not implemented for '%s'", name,
             dtype_long_name(type->dtype));
    return false;
}

/* A new tensor that lies in memory as `like` (NULL: in order) does. */
static Value finish_like(TensorState *ts, LazyNode *node, Value requires_grad, Tensor *like) {
    return tensor_created(ts, tensor_wrap_like(ts, node, NULL, &like, 1), requires_grad);
}

static Value finish(TensorState *ts, LazyNode *node, Value requires_grad) {
    return finish_like(ts, node, requires_grad, NULL);
}

static Value sized(Vm *vm, const char *name, Dist dist, const Value *args, int nargs,
                   const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Type type = {.dtype = ts->default_dtype};
    Value v[3];
    if (!creation_args(ts, name, false, args, nargs, kwnames, &type, v) ||
        !float_type(ts, name, &type))
        return NULL_VALUE;
    Generator *g = generator_of(ts, v[1]);
    return g ? finish(ts, draw_node(ts, g, dist, type, 0, 1), v[0]) : NULL_VALUE;
}
static Value rand_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sized(vm, "rand", DIST_UNIFORM, args, nargs, kwnames);
}
static Value randn_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return sized(vm, "randn", DIST_NORMAL, args, nargs, kwnames);
}

static Value like(Vm *vm, const char *name, Dist dist, const Value *args, int nargs,
                  const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[6];
    Tensor *x;
    if (!vm_args(vm, name, "input * dtype? device? requires_grad? generator? memory_format?", args,
                 nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], name, &x))
        return NULL_VALUE;
    Type type = x->type;
    Generator *g = generator_of(ts, v[4]);
    if (!g || !arg_dtype(ts, v[1], &type.dtype) || !float_type(ts, name, &type)) return NULL_VALUE;
    Tensor shown = *x; /* of the dtype asked for */
    shown.type = type;
    return finish_like(ts, fill_node(ts, g, dist, &shown, 0, 1), v[3], x);
}
static Value rand_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "rand_like", DIST_UNIFORM, args, nargs, kwnames);
}
static Value randn_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "randn_like", DIST_NORMAL, args, nargs, kwnames);
}

/* ---- integers ---- */

/* Whole numbers in low <= n < high as a node; NULL: raised. */
static LazyNode *integers(TensorState *ts, Generator *g, Type type, int64_t low, int64_t high) {
    if (low >= high) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "random_ expects 'from' to be less than 'to', but got from=%lld >= to=%lld",
                 (long long)low, (long long)high);
        return NULL;
    }
    int64_t count = type_numel(&type);
    int64_t *drawn = xcalloc((size_t)count + 1, sizeof *drawn);
    g->draws += mt_randint_draws(count, low, high);
    mt_randint(&g->mt, drawn, count, low, high);
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    size_t size = dtype_size(type.dtype);
    for (int64_t i = 0; i < count; i++)
        element_store(type.dtype, buffer->bytes + (size_t)i * size, (double)drawn[i], drawn[i]);
    free(drawn);
    return lazy_leaf(ts, type, buffer);
}

/* randint([low,] high, size) */
static Value randint_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[8];
    int64_t low = 0, high;
    Type type = {.dtype = DT_I64};
    bool has_low = nargs >= 3 || (nargs == 2 && is_int(args[1]));
    const char *spec = has_low ? "low high size * dtype? device? requires_grad? generator?"
                               : "high size low? * dtype? device? requires_grad? generator?";
    if (!vm_args(vm, "randint", spec, args, nargs, kwnames, v)) return NULL_VALUE;
    Value size = has_low ? v[2] : v[1];
    Generator *g = generator_of(ts, v[6]);
    if (!g || !arg_int(ts, has_low ? v[0] : v[2], 0, &low) ||
        !arg_int(ts, has_low ? v[1] : v[0], 0, &high) ||
        !arg_ints(ts, size, "randint", type.dim, MAX_RANK, &type.rank) ||
        !arg_dtype(ts, v[3], &type.dtype))
        return NULL_VALUE;
    if (!type_valid(&type)) return vm_raise(vm, EXC_RuntimeError, "randint: invalid size");
    return finish(ts, integers(ts, g, type, low, high), v[5]);
}

static Value randint_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Tensor *x;
    int64_t low, high;
    if (!vm_args(vm, "randint_like", "input low high? * dtype? generator?", args, nargs, kwnames,
                 v) ||
        !arg_tensor(ts, v[0], "randint_like", &x) || !arg_int(ts, v[1], 0, &low))
        return NULL_VALUE;
    if (is_null(v[2])) {
        high = low;
        low = 0;
    } else if (!arg_int(ts, v[2], 0, &high)) {
        return NULL_VALUE;
    }
    Type type = x->type;
    Generator *g = generator_of(ts, v[4]);
    if (!g || !arg_dtype(ts, v[3], &type.dtype)) return NULL_VALUE;
    return finish(ts, integers(ts, g, type, low, high), NULL_VALUE);
}

static Value randperm_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[5];
    Type type = {.dtype = DT_I64, .rank = 1};
    if (!vm_args(vm, "randperm", "n * dtype? device? generator? requires_grad?", args, nargs,
                 kwnames, v) ||
        !arg_int(ts, v[0], 0, &type.dim[0]))
        return NULL_VALUE;
    Generator *g = generator_of(ts, v[3]);
    if (!g) return NULL_VALUE;
    if (!type_valid(&type))
        return vm_raise(vm, EXC_RuntimeError,
                        "Trying to create tensor with negative dimension %lld: [%lld]",
                        (long long)type.dim[0], (long long)type.dim[0]);
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    mt_randperm(&g->mt, (int64_t *)(void *)buffer->bytes, type.dim[0]);
    g->draws += type.dim[0] > 1 ? (uint64_t)type.dim[0] - 1 : 0;
    Value made = tensor_from_buffer(ts, type, buffer);
    DType dtype = DT_I64;
    if (!arg_dtype(ts, v[1], &dtype) || dtype == DT_I64) return made;
    Value cast = tensor_cast(ts, as_tensor(made), dtype);
    decref(made);
    return cast;
}

/* ---- ranges of parameters ---- */

/* Whether what computes it holds every element (but NaN) in [low, high], which spares evaluating
 * it. */
static bool surely_within(LazyNode *node, double low, double high) {
    node = lazy_data(node);
    while (!node->value && node->kind == LAZY_OP && node->inputs &&
           (op_info(node->op)->traits & TRAIT_MOVEMENT))
        node = lazy_data(node->inputs[0]);
    if (node->value || node->kind != LAZY_OP) return false;
    if (node->op == OP_sigmoid || node->op == OP_softmax) return low <= 0 && high >= 1;
    return node->op == OP_exp && low <= 0 && isinf(high);
}

/* Under `nnc run`, whether x's elements are in [low, high]; false: raised. */
static bool check_range(TensorState *ts, Tensor *x, double low, double high, const char *message) {
    if (ts->policy.compiling) return true;
    LazyNode *node = tensor_read(ts, x);
    if (!node) return false;
    bool within = surely_within(node, low, high);
    lazy_unref(ts, node);
    if (within) return true;
    Buffer *buffer = tensor_buffer(ts, x, "the check of a range");
    if (!buffer) return false;
    int64_t count = type_numel(&x->type);
    size_t size = dtype_size(x->type.dtype);
    within = true;
    for (int64_t i = 0; i < count && within; i++) {
        double element = element_double(x->type.dtype, buffer->bytes + (size_t)i * size);
        within = element >= low && element <= high;
    }
    buffer_unref(ts, buffer);
    if (!within) vm_raise(ts->vm, EXC_RuntimeError, "%s", message);
    return within;
}

/* check_range(t, low, high, message): a RuntimeError under `nnc run` when an element isn't inside.
 */
static Value check_range_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    Tensor *x;
    double low, high;
    if (!vm_args(vm, "check_range", "t low high message", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "check_range", &x) || !vm_to_double(vm, v[1], &low) ||
        !vm_to_double(vm, v[2], &high))
        return NULL_VALUE;
    const char *message = vm_to_text(vm, v[3], "message");
    return message && check_range(ts, x, low, high, message) ? NONE : NULL_VALUE;
}

static bool check_std(Vm *vm, double std) {
    if (std >= 0) return true;
    vm_raise(vm, EXC_RuntimeError, "normal expects std >= 0.0, but found std %g", std);
    return false;
}

static bool check_probability(Vm *vm, double p) {
    if (p >= 0 && p <= 1) return true;
    vm_raise(vm, EXC_RuntimeError, "bernoulli_ expects p to be in [0, 1], but got p=%g", p);
    return false;
}

/* ---- normal and bernoulli over tensors ---- */

/* normal(mean, std, size=): tensors shift and scale standard numbers, as PyTorch does. */
static Value normal_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[7];
    if (!vm_args(vm, "normal", "mean? std? size? * generator? dtype? device? requires_grad?", args,
                 nargs, kwnames, v))
        return NULL_VALUE;
    Generator *g = generator_of(ts, v[3]);
    Type type = {.dtype = ts->default_dtype};
    if (!g || !arg_dtype(ts, v[4], &type.dtype)) return NULL_VALUE;
    bool mean_tensor = is_tensor(ts, v[0]), std_tensor = is_tensor(ts, v[1]);
    double mean = 0, std = 1;
    if (!mean_tensor && !is_null(v[0]) && !vm_to_double(vm, v[0], &mean)) return NULL_VALUE;
    if (!std_tensor && !is_null(v[1]) && !vm_to_double(vm, v[1], &std)) return NULL_VALUE;
    if (std_tensor ? !check_range(ts, as_tensor(v[1]), 0, INFINITY,
                                  "normal expects all elements of std >= 0.0")
                   : !check_std(vm, std))
        return NULL_VALUE;
    if (!mean_tensor && !std_tensor) {
        if (is_null(v[2]) || !arg_ints(ts, v[2], "normal", type.dim, MAX_RANK, &type.rank))
            return vm_failed(vm) ? NULL_VALUE
                                 : vm_raise(vm, EXC_TypeError, "normal() needs a size");
        if (!type_valid(&type)) return vm_raise(vm, EXC_RuntimeError, "normal: invalid size");
        return finish(ts, draw_node(ts, g, DIST_NORMAL, type, mean, std), v[6]);
    }
    type.dtype = as_tensor(mean_tensor ? v[0] : v[1])->type.dtype;
    Type a = operand_type(ts, mean_tensor ? v[0] : NONE, type.dtype);
    Type b = operand_type(ts, std_tensor ? v[1] : NONE, type.dtype);
    if (!broadcast_shapes(ts, &a, &b, &type)) return NULL_VALUE;
    LazyNode *node = draw_node(ts, g, DIST_NORMAL, type, 0, 1);
    LazyNode *scale = operand_node(ts, std_tensor ? v[1] : from_float(std), type);
    LazyNode *shift = operand_node(ts, mean_tensor ? v[0] : from_float(mean), type);
    node = lazy_binary(ts, OP_add, lazy_binary(ts, OP_mul, node, scale), shift);
    return finish(ts, node, v[6]);
}

/* bernoulli(p): one draw an element of the tensor of probabilities; or bernoulli(x, p). */
static Value bernoulli_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    Tensor *x;
    double p;
    if (!vm_args(vm, "bernoulli", "input p? * generator?", args, nargs, kwnames, v) ||
        !arg_tensor(ts, v[0], "bernoulli", &x))
        return NULL_VALUE;
    Generator *g = generator_of(ts, v[2]);
    if (!g) return NULL_VALUE;
    if (!is_null(v[1])) {
        if (!vm_to_double(vm, v[1], &p) || !check_probability(vm, p)) return NULL_VALUE;
        return finish(ts, draw_node(ts, g, DIST_BERNOULLI, x->type, p, 0), NULL_VALUE);
    }
    if (!check_range(
            ts, x, 0, 1,
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error "
            "message be improved?  If so, please report an enhancement request to "
            "PyTorch.)"))
        return NULL_VALUE;
    Buffer *from = tensor_buffer(ts, x, "bernoulli()");
    if (!from) return NULL_VALUE;
    Buffer *to = buffer_new(ts, from->size);
    size_t size = dtype_size(x->type.dtype);
    for (int64_t i = 0; i < type_numel(&x->type); i++) {
        p = element_double(x->type.dtype, from->bytes + (size_t)i * size);
        bool bit = mt_bernoulli_one(&g->mt, x->type.dtype, p);
        element_store(x->type.dtype, to->bytes + (size_t)i * size, bit, bit);
    }
    g->draws += (uint64_t)type_numel(&x->type) * (x->type.dtype == DT_F64 ? 2 : 1);
    buffer_unref(ts, from);
    return tensor_from_buffer(ts, x->type, to);
}

/* ---- in place ---- */

static Value fill_random(Vm *vm, const char *name, Dist dist, const char *spec, double first,
                         double second, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    if (!vm_args(vm, name, spec, args, nargs, kwnames, v)) return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    bool two = dist != DIST_BERNOULLI;
    Generator *g = generator_of(ts, v[two ? 3 : 2]);
    if (!g || !tensor_check_inplace(ts, x) || (!is_null(v[1]) && !vm_to_double(vm, v[1], &first)) ||
        (two && !is_null(v[2]) && !vm_to_double(vm, v[2], &second)))
        return NULL_VALUE;
    if (two && !float_type(ts, name, &x->type)) return NULL_VALUE;
    if (dist == DIST_UNIFORM && first > second)
        return vm_raise(vm, EXC_RuntimeError,
                        "uniform_ expects to return a [from, to) range, but found from=%g > to=%g",
                        first, second);
    if (dist == DIST_NORMAL && !check_std(vm, second)) return NULL_VALUE;
    if (dist == DIST_BERNOULLI && !check_probability(vm, first)) return NULL_VALUE;
    LazyNode *node = fill_node(ts, g, dist, x, first, second);
    return tensor_write(ts, x, node, NULL) ? incref(v[0]) : NULL_VALUE;
}
static Value normal_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return fill_random(vm, "normal_", DIST_NORMAL, "self mean? std? * generator?", 0, 1, args,
                       nargs, kwnames);
}
static Value uniform_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return fill_random(vm, "uniform_", DIST_UNIFORM, "self from? to? * generator?", 0, 1, args,
                       nargs, kwnames);
}
static Value bernoulli_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return fill_random(vm, "bernoulli_", DIST_BERNOULLI, "self p? * generator?", 0.5, 0, args,
                       nargs, kwnames);
}

/* One element of random_() without a range: every value of the type, of a float every integer that
 * it counts exactly. */
static int64_t random_whole(Generator *g, DType dtype) {
    bool wide = dtype == DT_I64 || dtype == DT_F64;
    g->draws += wide ? 2 : 1;
    switch (dtype) {
    case DT_BOOL:
        return (int64_t)(mt_next32(&g->mt) & 1);
    case DT_U8:
        return (int64_t)(mt_next32(&g->mt) & 0xFF);
    case DT_I32:
        return (int64_t)(mt_next32(&g->mt) & INT32_MAX);
    case DT_F16:
        return (int64_t)(mt_next32(&g->mt) % ((UINT32_C(1) << 11) + 1));
    case DT_BF16:
        return (int64_t)(mt_next32(&g->mt) % ((UINT32_C(1) << 8) + 1));
    case DT_F32:
        return (int64_t)(mt_next32(&g->mt) % ((UINT64_C(1) << 24) + 1));
    case DT_F64:
        return (int64_t)(mt_next64(&g->mt) % ((UINT64_C(1) << 53) + 1));
    default:
        return mt_random_int64(&g->mt);
    }
}

/* random_(), random_(to), random_(from, to) */
static Value random_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    int64_t low = 0, high = 0;
    if (!vm_args(vm, "random_", "self from? to? * generator?", args, nargs, kwnames, v))
        return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    Generator *g = generator_of(ts, v[3]);
    if (!g || !tensor_check_inplace(ts, x) || !arg_int(ts, v[1], 0, &low) ||
        !arg_int(ts, v[2], 0, &high))
        return NULL_VALUE;
    if (is_null(v[1]) && is_null(v[2])) {
        Buffer *buffer = buffer_new(ts, type_bytes(&x->type));
        size_t size = dtype_size(x->type.dtype);
        for (int64_t i = 0; i < type_numel(&x->type); i++) {
            int64_t drawn = random_whole(g, x->type.dtype);
            element_store(x->type.dtype, buffer->bytes + (size_t)i * size, (double)drawn, drawn);
        }
        return fill_with(ts, x, buffer) ? incref(v[0]) : NULL_VALUE;
    }
    if (is_null(v[2])) {
        high = low;
        low = 0;
    }
    int64_t back[MAX_RANK];
    Type type = filled_type(x, back);
    LazyNode *node = lazy_permute(ts, integers(ts, g, type, low, high), back);
    return node && tensor_write(ts, x, node, NULL) ? incref(v[0]) : NULL_VALUE;
}

/* ---- exponential and multinomial ---- */

double generator_unit(Generator *g) {
    double unit;
    mt_uniform(&g->mt, DT_F64, &unit, 1, 0, 1);
    g->draws += 2;
    return unit;
}

double generator_normal(Generator *g) {
    double normal;
    g->draws += mt_normal_draws(DT_F64, 1, g->mt.has_normal);
    mt_normal(&g->mt, DT_F64, &normal, 1, 0, 1);
    return normal;
}

double generator_exponential(Generator *g, double rate) {
    return -1 / rate * log1p(-generator_unit(g));
}

static Value exponential_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[3];
    double rate = 1;
    if (!vm_args(vm, "exponential_", "self lambd? * generator?", args, nargs, kwnames, v))
        return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    Generator *g = generator_of(ts, v[2]);
    if (!g || !tensor_check_inplace(ts, x) || (!is_null(v[1]) && !vm_to_double(vm, v[1], &rate)))
        return NULL_VALUE;
    if (!dtype_is_float(x->type.dtype))
        return vm_raise(vm, EXC_RuntimeError,
                        "Exponential distribution is a continuous probability distribution. dtype "
                        "must be a floating point but you specified %s",
                        dtype_long_name(x->type.dtype));
    if (!(rate > 0))
        return vm_raise(vm, EXC_RuntimeError,
                        "exponential_ expects lambda > 0.0, but found lambda=%g", rate);
    Buffer *buffer = buffer_new(ts, type_bytes(&x->type));
    size_t size = dtype_size(x->type.dtype);
    for (int64_t i = 0; i < type_numel(&x->type); i++)
        element_store(x->type.dtype, buffer->bytes + (size_t)i * size,
                      generator_exponential(g, rate), 0);
    return fill_with(ts, x, buffer) ? incref(v[0]) : NULL_VALUE;
}

/* ---- other distributions in place, a number of double precision after the other ---- */

static double draw_cauchy(Generator *g, double median, double sigma) {
    return median + sigma * tan(M_PI * (generator_unit(g) - 0.5));
}

static double draw_log_normal(Generator *g, double mean, double std) {
    return exp(generator_normal(g) * std + mean);
}

static double draw_geometric(Generator *g, double p, double unused) {
    (void)unused;
    return ceil(log(generator_unit(g)) / log1p(-p));
}

typedef struct Filler {
    const char *name, *spec, *title; /* "Cauchy": of its error for integers */
    bool two;                        /* parameters, and the elements are floats */
    double first, second;
    double (*draw)(Generator *g, double first, double second);
    const char *problem; /* what is wrong with `second`, not above 0; of geometric_ with its p */
} Filler;

static Value fill_drawn(Vm *vm, const Filler *how, const Value *args, int nargs,
                        const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    Value v[4];
    if (!vm_args(vm, how->name, how->spec, args, nargs, kwnames, v)) return NULL_VALUE;
    Tensor *x = as_tensor(v[0]);
    bool two = how->two;
    double first = how->first, second = how->second;
    Generator *g = generator_of(ts, v[two ? 3 : 2]);
    if (!g || !tensor_check_inplace(ts, x) || (!is_null(v[1]) && !vm_to_double(vm, v[1], &first)) ||
        (two && !is_null(v[2]) && !vm_to_double(vm, v[2], &second)))
        return NULL_VALUE;
    DType dtype = x->type.dtype;
    if (how->title && !dtype_is_float(dtype))
        return vm_raise(vm, EXC_RuntimeError,
                        "%s distribution is a continuous probability distribution. dtype must be a "
                        "floating point but you specified %s",
                        how->title, dtype_c_name(dtype));
    if (two && !float_type(ts, "log_normal_cpu", &x->type)) return NULL_VALUE;
    if (two ? !(second > 0) : !(first > 0 && first < 1))
        return vm_raise(vm, EXC_RuntimeError, how->problem, two ? second : first);
    Buffer *buffer = buffer_new(ts, type_bytes(&x->type));
    size_t size = dtype_size(dtype);
    for (int64_t i = 0; i < type_numel(&x->type); i++) {
        double drawn = how->draw(g, first, second);
        element_store(dtype, buffer->bytes + (size_t)i * size, drawn, (int64_t)drawn);
    }
    return fill_with(ts, x, buffer) ? incref(v[0]) : NULL_VALUE;
}

static Value cauchy_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    static const Filler how = {"cauchy_",   "self median? sigma? * generator?",
                               "Cauchy",    true,
                               0,           1,
                               draw_cauchy, "cauchy_ expects sigma > 0.0, but found sigma=%g"};
    return fill_drawn(vm, &how, args, nargs, kwnames);
}
static Value log_normal_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    static const Filler how = {"log_normal_",
                               "self mean? std? * generator?",
                               NULL,
                               true,
                               1,
                               2,
                               draw_log_normal,
                               "log_normal_ expects std > 0.0, but found std=%g"};
    return fill_drawn(vm, &how, args, nargs, kwnames);
}
static Value geometric_fill(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    static const Filler how = {"geometric_",
                               "self p * generator?",
                               NULL,
                               false,
                               0,
                               0,
                               draw_geometric,
                               "geometric_ expects p to be in (0, 1), but got p=%g"};
    return fill_drawn(vm, &how, args, nargs, kwnames);
}

const TensorFunction RANDOM_FUNCTIONS[] = {
    {"cauchy_", cauchy_fill, FN_METHOD},
    {"log_normal_", log_normal_fill, FN_METHOD},
    {"geometric_", geometric_fill, FN_METHOD},
    {"check_range", check_range_call, FN_FUNCTION},
    {"rand", rand_call, FN_FUNCTION},
    {"randn", randn_call, FN_FUNCTION},
    {"rand_like", rand_like_call, FN_FUNCTION},
    {"randn_like", randn_like_call, FN_FUNCTION},
    {"randint", randint_call, FN_FUNCTION},
    {"randint_like", randint_like_call, FN_FUNCTION},
    {"randperm", randperm_call, FN_FUNCTION},
    {"normal", normal_call, FN_FUNCTION},
    {"bernoulli", bernoulli_call, FN_BOTH},
    {"normal_", normal_fill, FN_METHOD},
    {"uniform_", uniform_fill, FN_METHOD},
    {"bernoulli_", bernoulli_fill, FN_METHOD},
    {"random_", random_fill, FN_METHOD},
    {"exponential_", exponential_fill, FN_METHOD},
    {NULL, NULL, 0},
};
