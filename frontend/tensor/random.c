/* Random tensors in PyTorch's CPU streams, drawn in program order when recorded.
 *
 * Running draws at once. Compiling records random_mt nodes over the seed instead, so that the
 * network's initial weights become a function of the seed, and moves the generator past them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/tensor/tensor.h"
#include "ir/graph.h"
#include "ir/random.h"

struct Generator {
    Obj base;
    Mt19937 mt;
    uint64_t seed;
    uint64_t draws; /* 32-bit numbers taken since the seed */
};

static void reseed(Generator *g, uint64_t seed) {
    mt_seed(&g->mt, seed);
    g->seed = seed;
    g->draws = 0;
}

static const uint64_t DEFAULT_SEED = 67280421310721u;

/* The one named by `generator=`, else the default one; NULL: raised. */
static Generator *generator_of(TensorState *ts, Value v) {
    if (is_null(v) || is_none(v)) return ts->generator;
    if (v.tag == TAG_OBJ && v.o->cls == ts->generator_class) return (Generator *)(void *)v.o;
    vm_raise(ts->vm, EXC_TypeError, "generator must be a torch.Generator, not %s",
             vm_class_name(ts->vm, v));
    return NULL;
}

/* ---- drawing ---- */

typedef enum Dist { DIST_UNIFORM, DIST_NORMAL, DIST_BERNOULLI } Dist;

static void draw(Generator *g, Dist dist, const Type *type, void *out, double low, double high) {
    int64_t count = type_numel(type);
    if (dist == DIST_UNIFORM) {
        g->draws += mt_uniform_draws(type->dtype, count);
        mt_uniform(&g->mt, type->dtype, out, count, low, high);
    } else if (dist == DIST_NORMAL) {
        g->draws += mt_normal_draws(type->dtype, count, g->mt.has_normal);
        mt_normal(&g->mt, type->dtype, out, count, low, high);
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

static LazyNode *recorded_draw(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                               double high) {
    static const char *const names[] = {"uniform", "normal", "bernoulli"};
    if (type.dtype < DT_F32) type.dtype = DT_F32;
    LazyNode *seed = trace_seed(ts);
    Attr attrs[] = {attr_text(ATTR_dist, names[dist]),
                    attr_float(ATTR_low, low),
                    attr_float(ATTR_high, high),
                    attr_int(ATTR_skip, (int64_t)g->draws),
                    attr_ints(ATTR_shape, type.dim, type.rank),
                    attr_dtype(type.dtype)};
    LazyNode *node = lazy_op(ts, OP_random_mt, &seed, 1, attrs, 6);
    lazy_unref(ts, seed);
    return node;
}

/* A tensor's worth of numbers as a node. */
static LazyNode *draw_node(TensorState *ts, Generator *g, Dist dist, Type type, double low,
                           double high) {
    LazyNode *recorded = NULL;
    if (ts->policy.compiling && g == ts->generator) {
        recorded = recorded_draw(ts, g, dist, type, low, high);
        recorded = lazy_cast(ts, recorded, type.dtype);
        if (!recorded) return NULL;
    }
    if (recorded && type_numel(&type) >= 1 << 16 && dist != DIST_BERNOULLI) {
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

static bool float_type(TensorState *ts, const char *name, const Type *type) {
    if (dtype_is_float(type->dtype)) return true;
    vm_raise(ts->vm, EXC_NotImplementedError, "\"%s\" not implemented for '%s'", name,
             dtype_long_name(type->dtype));
    return false;
}

static Value finish(TensorState *ts, LazyNode *node, Value requires_grad) {
    Value made = tensor_wrap(ts, node, NULL);
    bool on;
    if (is_null(made)) return made;
    bool ok = arg_bool(ts, requires_grad, false, &on);
    if (ok && on && !dtype_is_float(as_tensor(made)->type.dtype)) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Only Tensors of floating point and complex dtype can require gradients");
        ok = false;
    }
    if (ok && (!on || tensor_set_requires_grad(ts, as_tensor(made), true))) return made;
    decref(made);
    return NULL_VALUE;
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
    return finish(ts, draw_node(ts, g, dist, type, 0, 1), v[3]);
}
static Value rand_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "rand_like", DIST_UNIFORM, args, nargs, kwnames);
}
static Value randn_like_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    return like(vm, "randn_like", DIST_NORMAL, args, nargs, kwnames);
}

/* ---- integers ---- */

static Value integers(TensorState *ts, Generator *g, Type type, int64_t low, int64_t high,
                      Value requires_grad) {
    if (low >= high)
        return vm_raise(ts->vm, EXC_RuntimeError,
                        "random_ expects 'from' to be less than 'to', but got from=%lld >= to=%lld",
                        (long long)low, (long long)high);
    int64_t count = type_numel(&type);
    int64_t *drawn = xcalloc((size_t)count + 1, sizeof *drawn);
    g->draws += mt_randint_draws(count, low, high);
    mt_randint(&g->mt, drawn, count, low, high);
    Buffer *buffer = buffer_new(ts, type_bytes(&type));
    size_t size = dtype_size(type.dtype);
    for (int64_t i = 0; i < count; i++)
        element_store(type.dtype, buffer->bytes + (size_t)i * size, (double)drawn[i], drawn[i]);
    free(drawn);
    return finish(ts, lazy_leaf(ts, type, buffer), requires_grad);
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
    return integers(ts, g, type, low, high, v[5]);
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
    return integers(ts, g, type, low, high, NULL_VALUE);
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
    if (!type_valid(&type)) return vm_raise(vm, EXC_RuntimeError, "n must be non-negative");
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
    if (!mean_tensor && !std_tensor) {
        if (is_null(v[2]) || !arg_ints(ts, v[2], "normal", type.dim, MAX_RANK, &type.rank))
            return vm_failed(vm) ? NULL_VALUE
                                 : vm_raise(vm, EXC_TypeError, "normal() needs a size");
        if (!type_valid(&type)) return vm_raise(vm, EXC_RuntimeError, "normal: invalid size");
        return finish(ts, draw_node(ts, g, DIST_NORMAL, type, mean, std), v[6]);
    }
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
        if (!vm_to_double(vm, v[1], &p)) return NULL_VALUE;
        return finish(ts, draw_node(ts, g, DIST_BERNOULLI, x->type, p, 0), NULL_VALUE);
    }
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
    if (dist == DIST_NORMAL && second < 0)
        return vm_raise(vm, EXC_RuntimeError, "normal expects std >= 0.0, but found std %g",
                        second);
    LazyNode *node = draw_node(ts, g, dist, x->type, first, second);
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

/* ---- seeds ---- */

static Value manual_seed_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    TensorState *ts = tensor_state(vm);
    int64_t seed;
    if (!vm_args_simple(vm, "manual_seed", nargs, kwnames, 1, 1) ||
        !vm_to_index(vm, args[0], &seed))
        return NULL_VALUE;
    reseed(ts->generator, (uint64_t)seed);
    return NEW_REF(ts->generator);
}

static Value initial_seed_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return from_int((int64_t)tensor_state(vm)->generator->seed);
}

static Value generator_seed(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    int64_t seed;
    if (!vm_args_simple(vm, "manual_seed", nargs, kwnames, 2, 2) ||
        !vm_to_index(vm, args[1], &seed))
        return NULL_VALUE;
    reseed((Generator *)(void *)args[0].o, (uint64_t)seed);
    return incref(args[0]);
}

static Value generator_initial_seed(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return from_int((int64_t)((Generator *)(void *)args[0].o)->seed);
}

/* torch.empty((), dtype=int64).random_(): what samplers seed their generators with. */
static Value random_seed_call(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    Generator *g = tensor_state(vm)->generator;
    g->draws += 2;
    return from_int(mt_random_int64(&g->mt));
}

static Value generator_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    Value v[1];
    if (!vm_args(vm, "Generator", "device?", args, nargs, kwnames, v)) return NULL_VALUE;
    Generator *g = (Generator *)(void *)vm_alloc(vm, cls);
    reseed(g, DEFAULT_SEED);
    return FROM_OBJ(g);
}

static const Method GENERATOR_METHODS[] = {
    {"manual_seed", generator_seed, 0},
    {"initial_seed", generator_initial_seed, 0},
    {NULL, NULL, 0},
};

void generator_init(TensorState *ts) {
    NativeClass spec = {.name = "torch.Generator",
                        .size = sizeof(Generator),
                        .flags = CLASS_UNTRACKED,
                        .slots = {.create = generator_create},
                        .methods = GENERATOR_METHODS};
    ts->generator_class = vm_native_class(ts->vm, &spec);
    ts->generator = (Generator *)(void *)vm_alloc(ts->vm, ts->generator_class);
    reseed(ts->generator, DEFAULT_SEED);
}

void generator_free(TensorState *ts) {
    DROP(ts->generator);
}

const TensorFunction RANDOM_FUNCTIONS[] = {
    {"manual_seed", manual_seed_call, FN_FUNCTION},
    {"initial_seed", initial_seed_call, FN_FUNCTION},
    {"random_seed", random_seed_call, FN_FUNCTION},
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
    {NULL, NULL, 0},
};
