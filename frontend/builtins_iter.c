/* Builtin functions about iterables: iter, next, sum, min, max, any, all, sorted. */
#include <math.h>

#include "frontend/vm_internal.h"

#define BUILTIN(name) static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

BUILTIN(builtin_iter) {
    if (!vm_args_simple(vm, "iter", nargs, kwnames, 1, 2)) return NULL_VALUE;
    return nargs == 1 ? vm_iter(vm, args[0]) : callable_iterator(vm, args[0], args[1]);
}

BUILTIN(builtin_next) {
    if (!vm_args_simple(vm, "next", nargs, kwnames, 1, 2)) return NULL_VALUE;
    Class *cls = vm_class_of(vm, args[0]);
    /* A generator's and a program class's own StopIteration, with its value, is kept. */
    Value method = class_lookup(cls, vm->names.next_);
    if (nargs == 1 && method.tag == TAG_OBJ && method.o->cls == vm->cls[CLS_FUNCTION])
        return vm_call1(vm, method, args[0]);
    if (nargs == 1 && cls == vm->cls[CLS_GENERATOR]) {
        Value none = NONE;
        return vm_call_method(vm, args[0], "send", &none, 1);
    }
    Value item = vm_next(vm, args[0]);
    if (!is_null(item) || vm_failed(vm)) return item;
    return nargs == 2 ? incref(args[1]) : vm_raise(vm, EXC_StopIteration, "%s", "");
}

/* Adds up floats as CPython 3.11 does: plainly, in order. */
BUILTIN(builtin_sum) {
    Value out[2];
    if (!vm_args(vm, "sum", "iterable start?", args, nargs, kwnames, out)) return NULL_VALUE;
    Value total = is_null(out[1]) ? from_int(0) : incref(out[1]);
    if (is_str(total)) {
        decref(total);
        return vm_raise(vm, EXC_TypeError, "sum() can't sum strings [use ''.join(seq) instead]");
    }
    Value iterator = vm_iter(vm, out[0]);
    if (is_null(iterator)) {
        decref(total);
        return iterator;
    }
    for (;;) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        Value next = vm_binary(vm, BINARY_ADD, total, item);
        decref(total);
        decref(item);
        total = next;
        if (is_null(total)) break;
    }
    decref(iterator);
    if (!vm_failed(vm)) return total;
    decref(total);
    return NULL_VALUE;
}

/* Whether the item takes the place of the best so far; -1: raised. What an unknown number is
 * compared with gives an unknown number, but which item has an unknown key matters. */
static int is_better(Vm *vm, CompareOp op, bool keyed, Value key, Value best_key) {
    if (is_null(key)) return -1;
    if (is_null(best_key) || (!keyed && has_flag(key, CLASS_UNKNOWN))) return 1;
    if (!keyed && has_flag(best_key, CLASS_UNKNOWN)) return 0;
    return vm_compare_bool(vm, op, key, best_key);
}

static Value extreme(Vm *vm, const char *name, CompareOp op, const Value *args, int nargs,
                     const Tuple *kwnames) {
    Value out[2] = {NULL_VALUE, NULL_VALUE};
    if (kwnames && !vm_args(vm, name, "* key? default?", args + nargs, 0, kwnames, out))
        return NULL_VALUE;
    if (nargs == 0)
        return vm_raise(vm, EXC_TypeError, "%s expected at least 1 argument, got 0", name);
    if (nargs > 1 && !is_null(out[1]))
        return vm_raise(vm, EXC_TypeError,
                        "Cannot specify a default for %s() with multiple positional arguments",
                        name);
    Value pack = nargs > 1 ? tuple_from(vm, args, (size_t)nargs) : incref(args[0]);
    Value iterator = vm_iter(vm, pack), best = NULL_VALUE, best_key = NULL_VALUE;
    decref(pack);
    if (is_null(iterator)) return iterator;
    bool keyed = !is_null(out[0]) && !is_none(out[0]);
    for (;;) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        Value key = keyed ? vm_call1(vm, out[0], item) : incref(item);
        int better = is_better(vm, op, keyed, key, best_key);
        if (better == 1) {
            decref(best);
            decref(best_key);
            best = item;
            best_key = key;
            continue;
        }
        decref(item);
        decref(key);
        if (better < 0) break;
    }
    decref(iterator);
    decref(best_key);
    if (vm_failed(vm)) {
        decref(best);
        return NULL_VALUE;
    }
    if (!is_null(best)) return best;
    if (!is_null(out[1])) return incref(out[1]);
    return vm_raise(vm, EXC_ValueError, "%s() arg is an empty sequence", name);
}
BUILTIN(builtin_min) {
    return extreme(vm, "min", COMPARE_LT, args, nargs, kwnames);
}
BUILTIN(builtin_max) {
    return extreme(vm, "max", COMPARE_GT, args, nargs, kwnames);
}

/* Whether an item whose truth is `wanted` exists. */
static int some_item(Vm *vm, Value iterable, int wanted) {
    Value iterator = vm_iter(vm, iterable);
    if (is_null(iterator)) return -1;
    int found = 0;
    while (!found) {
        Value item = vm_next(vm, iterator);
        if (is_null(item)) break;
        int truth = vm_truth(vm, item);
        decref(item);
        found = truth < 0 ? -1 : truth == wanted;
    }
    decref(iterator);
    return vm_failed(vm) ? -1 : found;
}
BUILTIN(builtin_any) {
    if (!vm_args_simple(vm, "any", nargs, kwnames, 1, 1)) return NULL_VALUE;
    int found = some_item(vm, args[0], 1);
    return found < 0 ? NULL_VALUE : from_bool(found);
}
BUILTIN(builtin_all) {
    if (!vm_args_simple(vm, "all", nargs, kwnames, 1, 1)) return NULL_VALUE;
    int found = some_item(vm, args[0], 0);
    return found < 0 ? NULL_VALUE : from_bool(!found);
}

BUILTIN(builtin_sorted) {
    Value out[3];
    if (!vm_args(vm, "sorted", "iterable / * key? reverse?", args, nargs, kwnames, out))
        return NULL_VALUE;
    int reverse = is_null(out[2]) ? 0 : vm_truth(vm, out[2]);
    Value list = reverse < 0 ? NULL_VALUE : list_from_iterable(vm, out[0]);
    if (is_null(list)) return list;
    Value done = sort_list(vm, as_list(list), is_null(out[1]) ? NONE : out[1], reverse);
    if (!is_null(done)) return list;
    decref(list);
    return NULL_VALUE;
}

const Method builtin_iteration_functions[] = {
    {"iter", builtin_iter, 0}, {"next", builtin_next, 0},     {"sum", builtin_sum, 0},
    {"min", builtin_min, 0},   {"max", builtin_max, 0},       {"any", builtin_any, 0},
    {"all", builtin_all, 0},   {"sorted", builtin_sorted, 0}, {NULL, NULL, 0},
};
