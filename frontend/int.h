/* What the numbers' files share: ints of both sizes as big integers, results, conversions.
 *
 * An int that fits 64 bits is held in the Value (or, for a class derived from int, in the IntObj);
 * a larger one is an IntObj whose `big` has digits. */
#ifndef NNC_FRONTEND_INT_H
#define NNC_FRONTEND_INT_H

#include "frontend/vm_internal.h"
#include "support/bigint.h"

/* Room for an int that isn't big, seen as a big one. */
typedef struct IntView {
    BigInt big;
    uint32_t digits[2];
} IntView;

/* Any int as digits; valid as long as both arguments. */
const BigInt *int_view(Value v, IntView *space);
/* An int in its proper form; takes `big`. */
Value int_from_bigint(Vm *vm, BigInt big);
/* The whole part of a double; raises for NaN and infinities. */
Value int_from_double(Vm *vm, double value);
/* The same int without its class. */
Value int_plain(Vm *vm, Value v);
/* Operations on any two ints, one of them big or the result too large for 64 bits. */
Value int_big_binary(Vm *vm, BinaryOp op, Value a, Value b);
Value int_big_round(Vm *vm, Value v, int64_t digits);
/* The digits of the magnitude; false: more decimal digits than the limit, an error is raised. */
bool int_put_digits(Vm *vm, Value v, unsigned base, Buf *out);

Value zero_division(Vm *vm, const char *what);
Value float_power(Vm *vm, double a, double b);
Value number_format(Vm *vm, Value v, Str *spec);
bool number_init(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames);

#define METHOD(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)
#define NO_ARGUMENTS(name)                                                                         \
    if (!vm_args_simple(vm, name, nargs, kwnames, 1, 1)) return NULL_VALUE;

#endif
