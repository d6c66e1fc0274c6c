/* The operations of the language on any values: each asks the classes of its operands. */
#include <math.h>
#include <stdlib.h>

#include "frontend/vm_internal.h"

static const char *const binary_symbols[] = {"+",           "-",  "*",  "@", "/", "//", "%",
                                             "** or pow()", "<<", ">>", "&", "|", "^",  "divmod()"};
static const char *const compare_symbols[] = {"<", "<=", "==", "!=", ">", ">="};

bool vm_enter(Vm *vm) {
    bool room = (char *)__builtin_frame_address(0) > vm->stack_floor;
    if (++vm->depth <= vm->recursion_limit && room) return true;
    vm->depth--;
    vm_raise(vm, EXC_RecursionError, "maximum recursion depth exceeded");
    return false;
}

/* Whether b's class, a subclass of a's, has its own reflected method and so goes first. */
static bool reflected_first(Vm *vm, BinaryOp op, Class *of_a, Class *of_b) {
    if (of_a == of_b || !class_is_subclass(of_b, of_a)) return false;
    Str *name = vm->binary_names[op][1];
    Value in_b = class_lookup(of_b, name), in_a = class_lookup(of_a, name);
    return !(in_b.tag == in_a.tag && (in_b.tag != TAG_OBJ || in_b.o == in_a.o));
}

static Value binary_dispatch(Vm *vm, BinaryOp op, Value a, Value b) {
    Class *of_a = vm_class_of(vm, a), *of_b = vm_class_of(vm, b);
    bool b_tried = false;
    if (of_b->slots.binary && reflected_first(vm, op, of_a, of_b)) {
        Value result = of_b->slots.binary(vm, op, a, b, true);
        if (result.tag != TAG_NOT_IMPLEMENTED) return result;
        b_tried = true;
    }
    if (of_a->slots.binary) {
        Value result = of_a->slots.binary(vm, op, a, b, false);
        if (result.tag != TAG_NOT_IMPLEMENTED) return result;
    }
    if (of_b->slots.binary && of_a != of_b && !b_tried)
        return of_b->slots.binary(vm, op, a, b, true);
    return NOT_IMPLEMENTED;
}

static Value unsupported(Vm *vm, BinaryOp op, Value a, Value b, bool inplace) {
    if (op == BINARY_ADD && is_str(a) && !inplace)
        return vm_raise(vm, EXC_TypeError, "can only concatenate str (not \"%s\") to str",
                        vm_class_name(vm, b));
    if (op == BINARY_ADD && (is_list(a) || is_tuple(a)) && !inplace)
        return vm_raise(vm, EXC_TypeError, "can only concatenate %s (not \"%s\") to %s",
                        is_list(a) ? "list" : "tuple", vm_class_name(vm, b),
                        is_list(a) ? "list" : "tuple");
    if (op == BINARY_MUL) {
        Value other = is_str(a) || is_list(a) || is_tuple(a) ? b : a;
        Value sequence = vm_is(other, b) ? a : b;
        if (is_str(sequence) || is_list(sequence) || is_tuple(sequence))
            return vm_raise(vm, EXC_TypeError, "can't multiply sequence by non-int of type '%s'",
                            vm_class_name(vm, other));
    }
    const char *symbol = binary_symbols[op];
    if (op == BINARY_POW && inplace) symbol = "**";
    return vm_raise(vm, EXC_TypeError, "unsupported operand type(s) for %s%s: '%s' and '%s'",
                    symbol, inplace ? "=" : "", vm_class_name(vm, a), vm_class_name(vm, b));
}

Value vm_binary(Vm *vm, BinaryOp op, Value a, Value b) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result = binary_dispatch(vm, op, a, b);
    vm_leave(vm);
    if (result.tag == TAG_NOT_IMPLEMENTED) return unsupported(vm, op, a, b, false);
    return result;
}

Value vm_inplace(Vm *vm, BinaryOp op, Value a, Value b) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Class *cls = vm_class_of(vm, a);
    Value result = NOT_IMPLEMENTED;
    if (cls->slots.inplace) result = cls->slots.inplace(vm, op, a, b);
    if (result.tag == TAG_NOT_IMPLEMENTED) result = binary_dispatch(vm, op, a, b);
    vm_leave(vm);
    if (result.tag == TAG_NOT_IMPLEMENTED)
        return unsupported(vm, op, a, b, !(is_str(a) || is_tuple(a)));
    return result;
}

Value vm_unary(Vm *vm, UnaryOp op, Value a) {
    static const char *const symbols[] = {"unary -", "unary +", "unary ~", "abs()"};
    Class *cls = vm_class_of(vm, a);
    Value result = NOT_IMPLEMENTED;
    if (cls->slots.unary) result = cls->slots.unary(vm, op, a);
    if (result.tag != TAG_NOT_IMPLEMENTED) return result;
    return vm_raise(vm, EXC_TypeError, "bad operand type for %s: '%s'", symbols[op], cls->name);
}

static Value compare_dispatch(Vm *vm, CompareOp op, Value a, Value b) {
    Class *of_a = vm_class_of(vm, a), *of_b = vm_class_of(vm, b);
    bool b_first = of_a != of_b && class_is_subclass(of_b, of_a);
    if (b_first) {
        Value result = of_b->slots.compare(vm, op, a, b, true);
        if (result.tag != TAG_NOT_IMPLEMENTED) return result;
    }
    Value result = of_a->slots.compare(vm, op, a, b, false);
    if (result.tag != TAG_NOT_IMPLEMENTED || b_first) return result;
    return of_b->slots.compare(vm, op, a, b, true);
}

Value vm_compare(Vm *vm, CompareOp op, Value a, Value b) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result = compare_dispatch(vm, op, a, b);
    vm_leave(vm);
    if (result.tag != TAG_NOT_IMPLEMENTED) return result;
    if (op == COMPARE_EQ) return from_bool(vm_is(a, b));
    if (op == COMPARE_NE) return from_bool(!vm_is(a, b));
    return vm_raise(vm, EXC_TypeError, "'%s' not supported between instances of '%s' and '%s'",
                    compare_symbols[op], vm_class_name(vm, a), vm_class_name(vm, b));
}

int vm_compare_bool(Vm *vm, CompareOp op, Value a, Value b) {
    if (a.tag == TAG_INT && b.tag == TAG_INT) {
        switch (op) {
        case COMPARE_LT:
            return a.i < b.i;
        case COMPARE_LE:
            return a.i <= b.i;
        case COMPARE_EQ:
            return a.i == b.i;
        case COMPARE_NE:
            return a.i != b.i;
        case COMPARE_GT:
            return a.i > b.i;
        default:
            return a.i >= b.i;
        }
    }
    Value result = vm_compare(vm, op, a, b);
    if (is_null(result)) return -1;
    int truth = vm_truth(vm, result);
    decref(result);
    return truth;
}

bool vm_is(Value a, Value b) {
    if (a.tag != b.tag) return false;
    switch (a.tag) {
    case TAG_BOOL:
    case TAG_INT:
        return a.i == b.i;
    case TAG_FLOAT:
        return memcmp(&a.f, &b.f, sizeof a.f) == 0;
    case TAG_OBJ:
        return a.o == b.o;
    default:
        return true;
    }
}

int vm_equal(Vm *vm, Value a, Value b) {
    if (a.tag == TAG_OBJ && b.tag == TAG_OBJ && a.o == b.o) return 1;
    return vm_compare_bool(vm, COMPARE_EQ, a, b);
}

int vm_truth(Vm *vm, Value v) {
    switch (v.tag) {
    case TAG_NULL:
    case TAG_NONE:
        return 0;
    case TAG_BOOL:
    case TAG_INT:
        return v.i != 0;
    case TAG_FLOAT:
        return v.f != 0.0;
    case TAG_ELLIPSIS:
    case TAG_NOT_IMPLEMENTED:
        return 1;
    case TAG_OBJ:
        break;
    }
    const Slots *slots = &v.o->cls->slots;
    if (slots->truth) return slots->truth(vm, v);
    if (!slots->length) return 1;
    int64_t length = slots->length(vm, v);
    return length < 0 ? -1 : length > 0;
}

int vm_not(Vm *vm, Value v) {
    int truth = vm_truth(vm, v);
    return truth < 0 ? -1 : !truth;
}

int64_t vm_len(Vm *vm, Value v) {
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.length) return cls->slots.length(vm, v);
    vm_raise(vm, EXC_TypeError, "object of type '%s' has no len()", cls->name);
    return -1;
}

bool vm_hash(Vm *vm, Value v, int64_t *out) {
    switch (v.tag) {
    case TAG_BOOL:
    case TAG_INT:
        *out = int_hash(v.i);
        return true;
    case TAG_FLOAT:
        *out = float_hash(v.f);
        return true;
    case TAG_OBJ: {
        Class *cls = v.o->cls;
        if (cls->slots.hash) return cls->slots.hash(vm, v, out);
        vm_raise(vm, EXC_TypeError, "unhashable type: '%s'", cls->name);
        return false;
    }
    default:
        *out = 0xfca86420 + (int64_t)v.tag;
        return true;
    }
}

Value vm_getitem(Vm *vm, Value v, Value key) {
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.getitem) return cls->slots.getitem(vm, v, key);
    return vm_raise(vm, EXC_TypeError, "'%s' object is not subscriptable", cls->name);
}

bool vm_setitem(Vm *vm, Value v, Value key, Value value) {
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.setitem) return cls->slots.setitem(vm, v, key, value);
    vm_raise(vm, EXC_TypeError,
             is_null(value) ? cls->slots.getitem || cls->flags & CLASS_USER || cls->slots.iter
                                  ? "'%s' object doesn't support item deletion"
                                  : "'%s' object does not support item deletion"
                            : "'%s' object does not support item assignment",
             cls->name);
    return false;
}

int vm_contains(Vm *vm, Value container, Value item) {
    Class *cls = vm_class_of(vm, container);
    if (cls->slots.contains) return cls->slots.contains(vm, container, item);
    if (!cls->slots.iter && !cls->slots.getitem) {
        vm_raise(vm, EXC_TypeError, "argument of type '%s' is not iterable", cls->name);
        return -1;
    }
    Value iterator = vm_iter(vm, container);
    if (is_null(iterator)) return -1;
    int found = 0;
    while (!found) {
        Value next = vm_next(vm, iterator);
        if (is_null(next)) break;
        found = vm_equal(vm, next, item);
        decref(next);
    }
    decref(iterator);
    return vm_failed(vm) ? -1 : found;
}

Value vm_iter(Vm *vm, Value v) {
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.iter) return cls->slots.iter(vm, v);
    if (cls->slots.getitem && !is_class(v) && !is_null(class_lookup(cls, vm->names.getitem_)))
        return iterator_over(vm, v);
    return vm_raise(vm, EXC_TypeError, "'%s' object is not iterable", cls->name);
}

Value vm_next(Vm *vm, Value iterator) {
    Class *cls = vm_class_of(vm, iterator);
    if (cls->slots.next) return cls->slots.next(vm, iterator);
    return vm_raise(vm, EXC_TypeError, "'%s' object is not an iterator", cls->name);
}

Value vm_repr(Vm *vm, Value v) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result = vm_class_of(vm, v)->slots.repr(vm, v);
    vm_leave(vm);
    return result;
}

Value vm_str(Vm *vm, Value v) {
    if (v.tag == TAG_OBJ && v.o->cls == vm->cls[CLS_STR]) return incref(v);
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result = vm_class_of(vm, v)->slots.str(vm, v);
    vm_leave(vm);
    return result;
}

Value vm_format(Vm *vm, Value v, Str *spec) {
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result = vm_class_of(vm, v)->slots.format(vm, v, spec);
    vm_leave(vm);
    return result;
}

Value vm_ascii(Vm *vm, Value v) {
    Value text = vm_repr(vm, v);
    if (is_null(text)) return text;
    const Str *s = as_str(text);
    Buf buf = {0};
    for (size_t i = 0; i < s->size;) {
        uint32_t c;
        i += utf8_decode(s->data + i, s->size - i, &c);
        if (c < 0x80)
            buf_putc(&buf, (char)c);
        else
            buf_printf(&buf, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    }
    decref(text);
    return str_from_buf(vm, &buf);
}

Value vm_converted(Vm *vm, Value v, char how) {
    switch (how) {
    case 's':
        return vm_str(vm, v);
    case 'r':
        return vm_repr(vm, v);
    case 'a':
        return vm_ascii(vm, v);
    default:
        return vm_raise(vm, EXC_ValueError, "Unknown conversion specifier %c", how);
    }
}

static bool put_text(Value text, Buf *out) {
    if (is_null(text)) return false;
    buf_add(out, as_str(text)->data, as_str(text)->size);
    decref(text);
    return true;
}

bool vm_repr_to(Vm *vm, Value v, Buf *out) {
    return put_text(vm_repr(vm, v), out);
}
bool vm_str_to(Vm *vm, Value v, Buf *out) {
    return put_text(vm_str(vm, v), out);
}

/* ---- calling ---- */

/* torch.optim.adam is a file of classes: what was meant has a similar name beside it. */
static Value not_callable(Vm *vm, Value v) {
    const Class *cls = vm_class_of(vm, v);
    vm_raise(vm, EXC_TypeError, "'%s' object is not callable", cls->name);
    if (v.tag != TAG_OBJ || cls != vm->cls[CLS_MODULE]) return NULL_VALUE;
    const char *name = ((ModuleObj *)(void *)v.o)->name->data, *dot = strrchr(name, '.');
    Value parent =
        dot ? dict_get(vm->modules, vm_intern(vm, name, (size_t)(dot - name))) : NULL_VALUE;
    if (!is_null(parent))
        vm_add_hint(vm, vm_near_attribute(vm, parent, vm_intern_text(vm, dot + 1)));
    return NULL_VALUE;
}

Value vm_call(Vm *vm, Value callable, const Value *args, int nargs, const Tuple *kwnames) {
    Class *cls = vm_class_of(vm, callable);
    if (!cls->slots.call) return not_callable(vm, callable);
    if (!vm_enter(vm)) return NULL_VALUE;
    Value result;
    if (!kwnames || !vm->call_keywords ||
        !vm->call_keywords(vm, callable, args, nargs, kwnames, &result))
        result = cls->slots.call(vm, callable, args, nargs, kwnames);
    vm_leave(vm);
    return result;
}

Value vm_call0(Vm *vm, Value callable) {
    return vm_call(vm, callable, NULL, 0, NULL);
}
Value vm_call1(Vm *vm, Value callable, Value a) {
    return vm_call(vm, callable, &a, 1, NULL);
}
Value vm_call2(Vm *vm, Value callable, Value a, Value b) {
    return vm_call(vm, callable, (Value[]){a, b}, 2, NULL);
}

Value vm_call_method(Vm *vm, Value self, const char *name, const Value *args, int nargs) {
    Value method = vm_getattr_text(vm, self, name);
    if (is_null(method)) return method;
    Value result = vm_call(vm, method, args, nargs, NULL);
    decref(method);
    return result;
}

/* ---- class tests ---- */

int vm_isinstance(Vm *vm, Value v, Value classes) {
    if (is_tuple(classes)) {
        const Tuple *tuple = as_tuple(classes);
        int found = 0;
        if (!vm_enter(vm)) return -1;
        for (size_t i = 0; found == 0 && i < tuple->count; i++)
            found = vm_isinstance(vm, v, tuple->items[i]);
        vm_leave(vm);
        return found;
    }
    if (classes.tag == TAG_OBJ && classes.o->cls == vm->cls[CLS_UNION])
        return vm_isinstance(vm, v, ((Wrapper *)(void *)classes.o)->function);
    if (is_none(classes)) return is_none(v);
    if (is_class(classes) && classes.o->cls == vm->cls[CLS_TYPE])
        return vm_is_a(vm, v, as_class(classes)) ||
               (has_flag(v, CLASS_UNKNOWN) && as_class(classes) == vm->cls[CLS_FLOAT]);
    bool found;
    Value result = classes.tag == TAG_OBJ
                       ? call_dunder(vm, classes, vm->names.instancecheck_, &v, 1, &found)
                       : (found = false, NULL_VALUE);
    if (found) {
        int truth = is_null(result) ? -1 : vm_truth(vm, result);
        decref(result);
        return truth;
    }
    if (is_class(classes)) return vm_is_a(vm, v, as_class(classes));
    if (classes.tag == TAG_OBJ && classes.o->cls == vm->cls[CLS_ALIAS])
        vm_raise(vm, EXC_TypeError, "isinstance() argument 2 cannot be a parameterized generic");
    else
        vm_raise(vm, EXC_TypeError,
                 "isinstance() arg 2 must be a type, a tuple of types, or a union");
    return -1;
}

/* ---- conversions ---- */

Value vm_index(Vm *vm, Value v) {
    Class *cls = vm_class_of(vm, v);
    if (!cls->slots.to_index)
        return vm_raise(vm, EXC_TypeError, "'%s' object cannot be interpreted as an integer",
                        cls->name);
    Value result = cls->slots.to_index(vm, v);
    if (is_null(result) || is_int(result)) return result;
    vm_raise(vm, EXC_TypeError, "__index__ returned non-int (type %s)", vm_class_name(vm, result));
    decref(result);
    return NULL_VALUE;
}

static bool to_int64(Vm *vm, Value v, ExceptionId too_large, int64_t *out) {
    Value result = is_number_tag(v) ? v : vm_index(vm, v);
    if (is_null(result)) return false;
    bool fits = !is_big(result);
    *out = as_int(result);
    decref(result);
    if (!fits) vm_raise(vm, too_large, "cannot fit 'int' into an index-sized integer");
    return fits;
}

bool vm_to_index(Vm *vm, Value v, int64_t *out) {
    return to_int64(vm, v, EXC_OverflowError, out);
}

bool vm_to_position(Vm *vm, Value key, int64_t *out) {
    return to_int64(vm, key, EXC_IndexError, out);
}

Value vm_call_float(Vm *vm, Value v) {
    Class *cls = vm_class_of(vm, v);
    Value result = cls->slots.to_float(vm, v);
    if (is_null(result) || is_float(result) || has_flag(result, CLASS_UNKNOWN)) return result;
    vm_raise(vm, EXC_TypeError, "%s.__float__ returned non-float (type %s)", cls->name,
             vm_class_name(vm, result));
    decref(result);
    return NULL_VALUE;
}

Value vm_unknown_number(Vm *vm, Value v) {
    if (!vm->silent || v.tag != TAG_OBJ) return NULL_VALUE;
    if (has_flag(v, CLASS_UNKNOWN)) return incref(v);
    if (v.o->cls->flags & (CLASS_INHERITED | CLASS_USER) || !v.o->cls->slots.to_float)
        return NULL_VALUE;
    Value number = vm_call_float(vm, v);
    if (is_null(number)) decref(vm_take_raised(vm)); /* who needs the number says it again */
    if (is_null(number) || has_flag(number, CLASS_UNKNOWN)) return number;
    decref(number);
    return NULL_VALUE;
}

bool vm_to_double(Vm *vm, Value v, double *out) {
    if (is_float(v)) {
        *out = as_float(v);
        return true;
    }
    if (is_int(v)) {
        *out = is_big(v) ? bigint_to_double(&((IntObj *)(void *)v.o)->big) : (double)as_int(v);
        if (!isinf(*out)) return true;
        vm_raise(vm, EXC_OverflowError, "int too large to convert to float");
        return false;
    }
    Class *cls = vm_class_of(vm, v);
    if (cls->slots.to_float && !has_flag(v, CLASS_UNKNOWN)) {
        Value result = vm_call_float(vm, v);
        if (is_null(result)) return false;
        bool ok = vm_to_double(vm, result, out);
        decref(result);
        return ok;
    }
    if (cls->slots.to_index) {
        Value number = vm_index(vm, v);
        bool ok = !is_null(number) && vm_to_double(vm, number, out);
        decref(number);
        return ok;
    }
    vm_raise(vm, EXC_TypeError, "must be real number, not %s", cls->name);
    return false;
}

const char *vm_to_text(Vm *vm, Value v, const char *what) {
    if (is_str(v)) return as_str(v)->data;
    vm_raise(vm, EXC_TypeError, "%s must be str, not %s", what, vm_class_name(vm, v));
    return NULL;
}

bool vm_items(Value v, const Value **items, size_t *count) {
    if (is_list(v)) {
        *items = as_list(v)->items;
        *count = as_list(v)->count;
        return true;
    }
    if (is_tuple(v)) {
        *items = as_tuple(v)->items;
        *count = as_tuple(v)->count;
        return true;
    }
    return false;
}
