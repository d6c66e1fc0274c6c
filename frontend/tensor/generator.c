/* Generators as objects of the program: seeds, and states as PyTorch's byte tensors. */
#include "frontend/tensor/generator.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

static const uint64_t DEFAULT_SEED = 67280421310721u;

void generator_seed(Generator *g, uint64_t seed) {
    mt_seed(&g->mt, seed);
    g->seed = seed;
    g->draws = 0;
    g->entered = false;
}

Generator *generator_of(TensorState *ts, Value v) {
    if (is_null(v) || is_none(v)) return ts->generator;
    if (v.tag == TAG_OBJ && v.o->cls == ts->generator_class) return (Generator *)(void *)v.o;
    vm_raise(ts->vm, EXC_TypeError, "generator must be a torch.Generator, not %s",
             vm_class_name(ts->vm, v));
    return NULL;
}

/* ---- states ---- */

/* The layout of PyTorch's CPU state: the engine, then what normal numbers are kept back. `left`
 * counts the words up to the next twist, that one included. */
typedef struct SavedState {
    uint64_t seed;
    int32_t left, seeded;
    uint64_t next;
    uint64_t words[624];
    double normal_x, normal, normal_rho;
    int32_t has_normal, padding;
    float single;
    uint8_t has_single, end[3];
} SavedState;
_Static_assert(sizeof(SavedState) == 5056, "PyTorch's size");

enum { WORDS = 624 };

static Value state_of(TensorState *ts, const Generator *g) {
    bool fresh = g->mt.next == WORDS && g->draws == 0 && !g->entered;
    SavedState saved = {.seed = g->seed,
                        .left = WORDS - g->mt.next + 1,
                        .seeded = 1,
                        .next = fresh ? 0 : (uint64_t)g->mt.next,
                        .normal = g->mt.has_normal ? g->mt.normal : 0,
                        .has_normal = g->mt.has_normal};
    for (int i = 0; i < WORDS; i++)
        saved.words[i] = g->mt.state[i];
    Type type = {.dtype = DT_U8, .rank = 1, .dim = {sizeof saved}};
    Buffer *buffer = buffer_new(ts, sizeof saved);
    memcpy(buffer->bytes, &saved, sizeof saved);
    return tensor_from_buffer(ts, type, buffer);
}

static bool set_state(TensorState *ts, Generator *g, Value v) {
    Tensor *x;
    SavedState saved;
    if (!arg_tensor(ts, v, "set_state", &x)) return false;
    if (x->type.dtype != DT_U8) {
        vm_raise(ts->vm, EXC_TypeError, "RNG state must be a torch.ByteTensor");
        return false;
    }
    if (type_numel(&x->type) != sizeof saved) {
        vm_raise(ts->vm, EXC_RuntimeError,
                 "Expected a CPUGeneratorImplState of size %zu but found the input RNG state size "
                 "to be %lld",
                 sizeof saved, (long long)type_numel(&x->type));
        return false;
    }
    Buffer *buffer = tensor_buffer(ts, x, "set_rng_state()");
    if (!buffer) return false;
    memcpy(&saved, buffer->bytes, sizeof saved);
    buffer_unref(ts, buffer);
    if (saved.left < 1 || saved.left > WORDS) {
        vm_raise(ts->vm, EXC_RuntimeError, "Invalid mt19937 state");
        return false;
    }
    g->seed = saved.seed;
    g->mt.next = WORDS - saved.left + 1;
    g->mt.normal = saved.normal;
    g->mt.has_normal = saved.has_normal != 0;
    for (int i = 0; i < WORDS; i++)
        g->mt.state[i] = (uint32_t)saved.words[i];
    g->draws = 0;
    g->entered = saved.next != 0;
    return true;
}

/* ---- functions and methods: of the default generator, and of args[0] ---- */

#define CALL(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

static Generator *self_of(const Value *args) {
    return (Generator *)(void *)args[0].o;
}

static bool seed_from(Vm *vm, Generator *g, const Value *args, int nargs, const Tuple *kwnames) {
    Value v[1];
    int64_t seed;
    if (!vm_args(vm, "manual_seed", "seed", args, nargs, kwnames, v) ||
        !vm_to_index(vm, v[0], &seed))
        return false;
    generator_seed(g, (uint64_t)seed);
    return true;
}

CALL(manual_seed_call) {
    Generator *g = tensor_state(vm)->generator;
    return seed_from(vm, g, args, nargs, kwnames) ? NEW_REF(g) : NULL_VALUE;
}
CALL(generator_manual_seed) {
    if (!seed_from(vm, self_of(args), args + 1, nargs - 1, kwnames)) return NULL_VALUE;
    return incref(args[0]);
}

/* A seed that differs from run to run. */
static Value seed_by_time(Generator *g) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t mixed =
        (uint64_t)now.tv_sec * 1000000007u ^ (uint64_t)now.tv_nsec << 20 ^ (uint64_t)getpid() << 40;
    generator_seed(g, mixed & ((UINT64_C(1) << 53) - 1));
    return from_int((int64_t)g->seed);
}
CALL(seed_call) {
    if (!vm_args_simple(vm, "seed", nargs, kwnames, 0, 0)) return NULL_VALUE;
    (void)args;
    return seed_by_time(tensor_state(vm)->generator);
}
CALL(generator_seed_call) {
    if (!vm_args_simple(vm, "seed", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return seed_by_time(self_of(args));
}

CALL(initial_seed_call) {
    (void)args;
    if (!vm_args_simple(vm, "initial_seed", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return from_int((int64_t)tensor_state(vm)->generator->seed);
}
CALL(generator_initial_seed) {
    if (!vm_args_simple(vm, "initial_seed", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return from_int((int64_t)self_of(args)->seed);
}

CALL(get_rng_state_call) {
    (void)args;
    if (!vm_args_simple(vm, "get_rng_state", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return state_of(tensor_state(vm), tensor_state(vm)->generator);
}
CALL(generator_get_state) {
    if (!vm_args_simple(vm, "get_state", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return state_of(tensor_state(vm), self_of(args));
}

CALL(set_rng_state_call) {
    TensorState *ts = tensor_state(vm);
    Value v[1];
    if (!vm_args(vm, "set_rng_state", "new_state", args, nargs, kwnames, v)) return NULL_VALUE;
    return set_state(ts, ts->generator, v[0]) ? NONE : NULL_VALUE;
}
CALL(generator_set_state) {
    Value v[2];
    if (!vm_args(vm, "set_state", "self new_state", args, nargs, kwnames, v)) return NULL_VALUE;
    return set_state(tensor_state(vm), self_of(args), v[1]) ? incref(args[0]) : NULL_VALUE;
}

CALL(default_generator_call) {
    (void)args;
    if (!vm_args_simple(vm, "_default_generator", nargs, kwnames, 0, 0)) return NULL_VALUE;
    return NEW_REF(tensor_state(vm)->generator);
}

CALL(generator_device) {
    (void)args, (void)nargs, (void)kwnames;
    return incref(tensor_state(vm)->cpu);
}

static Value generator_create(Vm *vm, Class *cls, const Value *args, int nargs,
                              const Tuple *kwnames) {
    Value v[1];
    if (!vm_args(vm, "Generator", "device?", args, nargs, kwnames, v) ||
        !arg_device(tensor_state(vm), v[0]))
        return NULL_VALUE;
    Generator *g = (Generator *)(void *)vm_alloc(vm, cls);
    generator_seed(g, DEFAULT_SEED);
    return FROM_OBJ(g);
}

static const Method GENERATOR_METHODS[] = {
    {"manual_seed", generator_manual_seed, 0},
    {"seed", generator_seed_call, 0},
    {"initial_seed", generator_initial_seed, 0},
    {"get_state", generator_get_state, 0},
    {"set_state", generator_set_state, 0},
    {"device", generator_device, METHOD_PROPERTY},
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
    generator_seed(ts->generator, DEFAULT_SEED);
}

void generator_free(TensorState *ts) {
    DROP(ts->generator);
}

const TensorFunction GENERATOR_FUNCTIONS[] = {
    {"manual_seed", manual_seed_call, FN_FUNCTION},
    {"seed", seed_call, FN_FUNCTION},
    {"initial_seed", initial_seed_call, FN_FUNCTION},
    {"get_rng_state", get_rng_state_call, FN_FUNCTION},
    {"set_rng_state", set_rng_state_call, FN_FUNCTION},
    {"_default_generator", default_generator_call, FN_FUNCTION},
    {NULL, NULL, 0},
};
