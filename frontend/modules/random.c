/* _random.Random: the Mersenne Twister MT19937 with Python's seeding, so that a seeded program
 * draws Python's numbers. The distributions are in the prelude's random module. */
#include <stdlib.h>
#include <time.h>

#include "frontend/int.h"
#include "frontend/modules/modules.h"

enum { STATE_WORDS = 624, MIDDLE = 397 };

typedef struct Twister {
    GcObj gc;
    uint32_t state[STATE_WORDS];
    int next;
} Twister;

static void seed_word(Twister *t, uint32_t seed) {
    t->state[0] = seed;
    for (uint32_t i = 1; i < STATE_WORDS; i++)
        t->state[i] = 1812433253u * (t->state[i - 1] ^ (t->state[i - 1] >> 30)) + i;
    t->next = STATE_WORDS;
}

static void seed_array(Twister *t, const uint32_t *key, uint32_t length) {
    seed_word(t, 19650218u);
    uint32_t *s = t->state, i = 1, j = 0;
    for (uint32_t k = length > STATE_WORDS ? length : STATE_WORDS; k > 0; k--) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1664525u)) + key[j] + j;
        if (++i >= STATE_WORDS) s[0] = s[STATE_WORDS - 1], i = 1;
        if (++j >= length) j = 0;
    }
    for (uint32_t k = STATE_WORDS - 1; k > 0; k--) {
        s[i] = (s[i] ^ ((s[i - 1] ^ (s[i - 1] >> 30)) * 1566083941u)) - i;
        if (++i >= STATE_WORDS) s[0] = s[STATE_WORDS - 1], i = 1;
    }
    s[0] = 0x80000000u;
}

static uint32_t draw(Twister *t) {
    if (t->next >= STATE_WORDS) {
        uint32_t *s = t->state;
        for (int i = 0; i < STATE_WORDS; i++) {
            uint32_t y = (s[i] & 0x80000000u) | (s[(i + 1) % STATE_WORDS] & 0x7fffffffu);
            s[i] = s[(i + MIDDLE) % STATE_WORDS] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
        }
        t->next = 0;
    }
    uint32_t y = t->state[t->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

static Twister *as_twister(Value v) {
    return (Twister *)(void *)v.o;
}

MODULE_FUNCTION(random_seed) {
    if (!vm_args_simple(vm, "seed", nargs, kwnames, 1, 2)) return NULL_VALUE;
    IntView space;
    const BigInt *key;
    if (nargs == 1 || is_none(args[1])) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t number = now.tv_nsec * 1000003 ^ now.tv_sec;
        key = int_view(from_int(number), &space);
    } else if (is_int(args[1])) {
        key = int_view(args[1], &space);
    } else {
        int64_t hash;
        if (!vm_hash(vm, args[1], &hash)) return NULL_VALUE;
        key = int_view(from_int(hash), &space);
    }
    static const uint32_t zero[] = {0};
    bool none = key->count == 0;
    seed_array(as_twister(args[0]), none ? zero : key->digits, none ? 1 : (uint32_t)key->count);
    return NONE;
}

MODULE_FUNCTION(random_random) {
    if (!vm_args_simple(vm, "random", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Twister *t = as_twister(args[0]);
    uint32_t a = draw(t) >> 5, b = draw(t) >> 6;
    return from_float((a * 67108864.0 + b) * (1.0 / 9007199254740992.0));
}

MODULE_FUNCTION(random_getrandbits) {
    int64_t bits;
    if (!vm_args_simple(vm, "getrandbits", nargs, kwnames, 2, 2) ||
        !vm_to_index(vm, args[1], &bits))
        return NULL_VALUE;
    if (bits < 0) return vm_raise(vm, EXC_ValueError, "number of bits must be non-negative");
    Twister *t = as_twister(args[0]);
    if (bits <= 32) return from_int(bits ? draw(t) >> (32 - bits) : 0);
    Buf bytes = {0};
    for (; bits > 0; bits -= 32) { /* the last draw gives the top bits */
        uint32_t word = bits < 32 ? draw(t) >> (32 - bits) : draw(t);
        for (int i = 0; i < 4; i++)
            buf_putc(&bytes, (char)(word >> 8 * i & 0xff));
    }
    BigInt number = bigint_from_bytes((const unsigned char *)buf_text(&bytes), bytes.size, false);
    buf_free(&bytes);
    return int_from_bigint(vm, number);
}

MODULE_FUNCTION(random_getstate) {
    if (!vm_args_simple(vm, "getstate", nargs, kwnames, 1, 1)) return NULL_VALUE;
    Twister *t = as_twister(args[0]);
    Value words = tuple_new(vm, STATE_WORDS + 1);
    for (int i = 0; i < STATE_WORDS; i++)
        as_tuple(words)->items[i] = from_int(t->state[i]);
    as_tuple(words)->items[STATE_WORDS] = from_int(t->next);
    return words;
}

MODULE_FUNCTION(random_setstate) {
    if (!vm_args_simple(vm, "setstate", nargs, kwnames, 2, 2)) return NULL_VALUE;
    if (!is_tuple(args[1]) || as_tuple(args[1])->count != STATE_WORDS + 1)
        return vm_raise(vm, EXC_ValueError, "state vector is the wrong size");
    Twister *t = as_twister(args[0]);
    const Value *words = as_tuple(args[1])->items;
    for (int i = 0; i < STATE_WORDS; i++)
        t->state[i] = (uint32_t)as_int(words[i]);
    int64_t next = as_int(words[STATE_WORDS]);
    t->next = next < 0 || next > STATE_WORDS ? STATE_WORDS : (int)next;
    return NONE;
}

MODULE_FUNCTION(random_sha512) {
    if (!vm_args_simple(vm, "sha512", nargs, kwnames, 1, 1)) return NULL_VALUE;
    if (!has_flag(args[0], CLASS_BYTES)) return vm_raise(vm, EXC_TypeError, "sha512() needs bytes");
    const Bytes *bytes = (const Bytes *)(const void *)args[0].o;
    unsigned char digest[64];
    sha512(bytes->data, bytes->size, digest);
    return bytes_new(vm, (const char *)digest, sizeof digest);
}

static bool random_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames) {
    Value given[2] = {self, nargs ? args[0] : NONE};
    return !is_null(random_seed(vm, given, 2, kwnames));
}

static Value random_create(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames) {
    (void)args, (void)nargs, (void)kwnames;
    return from_obj(vm_alloc(vm, cls));
}

bool module_random(Vm *vm, ModuleObj *module) {
    static const Method methods[] = {
        {"seed", random_seed, 0},
        {"random", random_random, 0},
        {"getrandbits", random_getrandbits, 0},
        {"getstate", random_getstate, 0},
        {"setstate", random_setstate, 0},
        {NULL, NULL, 0},
    };
    NativeClass spec = {.name = "_random.Random",
                        .size = sizeof(Twister),
                        .slots = {.init = random_init, .create = random_create},
                        .methods = methods};
    module_function(vm, module, "sha512", random_sha512);
    return module_set(vm, module, "Random", FROM_OBJ(vm_native_class(vm, &spec)));
}
