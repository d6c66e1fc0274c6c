/* The interpreter loop.
 *
 * Calls of the program's own functions push a frame and stay in this loop; native code that calls
 * back enters vm_run anew. `frame->ip` is stored before each instruction, so that spans and
 * handlers are known when something raises. */
#include "frontend/interp.h"

#define PUSH(v) (*sp++ = (v))
#define POP() (*--sp)
#define TOP() (sp[-1])

/* Loads the registers of `frame` and goes on after its current instruction. */
#define ENTER_FRAME()                                                                              \
    do {                                                                                           \
        sp = frame->sp;                                                                            \
        slots = frame->slots;                                                                      \
        code = frame->code->instructions;                                                          \
        globals = frame->module->dict;                                                             \
    } while (0)

/* Replaces the two operands by `result`; raises when it is null. */
#define BINARY_RESULT(result)                                                                      \
    do {                                                                                           \
        Value made = (result);                                                                     \
        if (is_null(made)) goto error;                                                             \
        Value right = POP(), left = TOP();                                                         \
        TOP() = made;                                                                              \
        decref(left);                                                                              \
        decref(right);                                                                             \
    } while (0)

/* As it stands at the top of the stack: int and float operands are worked on inline. */
#define ARITHMETIC(op, overflow, float_expression)                                                 \
    do {                                                                                           \
        Value a = sp[-2], b = sp[-1];                                                              \
        int64_t result;                                                                            \
        if (a.tag == TAG_INT && b.tag == TAG_INT && !overflow(a.i, b.i, &result)) {                \
            sp--;                                                                                  \
            TOP() = from_int(result);                                                              \
        } else if (a.tag == TAG_FLOAT && b.tag == TAG_FLOAT) {                                     \
            sp--;                                                                                  \
            TOP() = from_float(float_expression);                                                  \
        } else {                                                                                   \
            BINARY_RESULT(in->a ? vm_inplace(vm, op, a, b) : vm_binary(vm, op, a, b));             \
        }                                                                                          \
    } while (0)

/* Interrupts, the step limit and cycle collection, at a back edge or call. */
bool vm_checkpoint(Vm *vm) {
    if (*vm->interrupted) {
        *vm->interrupted = 0;
        vm_raise(vm, EXC_KeyboardInterrupt, "%s", "");
        return false;
    }
    if (vm->step_limit && vm->steps > vm->step_limit) {
        vm_raise(vm, EXC_RuntimeError,
                 "evaluation did not end within %llu steps: is there an endless loop? "
                 "--max-steps sets the limit",
                 (unsigned long long)vm->step_limit);
        vm->steps = vm->step_limit - vm->step_limit / 10; /* room for handlers */
        return false;
    }
    if (vm->gc_count > vm->gc_threshold) vm_collect_cycles(vm);
    return true;
}

/* The handler of the instruction under way; NULL: the frame ends. */
static const HandlerRange *find_handler(const Frame *frame) {
    uint32_t pc = (uint32_t)(frame->ip - frame->code->instructions);
    for (uint32_t i = 0; i < frame->code->handler_count; i++) {
        const HandlerRange *range = &frame->code->handlers[i];
        if (range->begin <= pc && pc < range->end) return range;
    }
    return NULL;
}

/* Leaves `frame` after an exception. */
static void abandon(Vm *vm, Frame *frame) {
    vm->frame = frame->prev;
    if (!frame->entry) vm_leave(vm);
    decref(frame->instance);
    if (frame->generator) frame->generator->frame = NULL;
    frame_free(vm, frame);
}

static Value next_item(Vm *vm, Value iterator) {
    if (iterator.tag == TAG_OBJ) {
        Class *cls = iterator.o->cls;
        if (cls == vm->cls[CLS_RANGE_ITERATOR]) {
            RangeIterator *it = (RangeIterator *)(void *)iterator.o;
            if (it->left == 0) return NULL_VALUE;
            Value v = from_int(it->next);
            if (--it->left) it->next += it->step;
            return v;
        }
        if (cls->slots.next) return cls->slots.next(vm, iterator);
    }
    return vm_next(vm, iterator);
}

/* Runs until the frame this began with returns, yields or raises. With vm->raised set at the
 * start, that exception is raised inside the frame (generator.throw). */
Value vm_run(Vm *vm, Frame *frame) {
    Value *sp, *slots;
    const Instruction *code, *in, *ip;
    Dict *globals;
    frame->entry = true;
    frame->prev = vm->frame;
    vm->frame = frame;
    ENTER_FRAME();
    ip = frame->ip;
    if (vm_failed(vm)) goto error;
    for (;;) {
        in = ip++;
        frame->ip = in;
        switch ((Opcode)in->op) {
        case OP_POP:
            decref(POP());
            break;
        case OP_DUP:
            sp[0] = incref(sp[-1]);
            sp++;
            break;
        case OP_DUP2:
            sp[0] = incref(sp[-2]);
            sp[1] = incref(sp[-1]);
            sp += 2;
            break;
        case OP_SWAP: {
            Value v = sp[-1];
            sp[-1] = sp[-2];
            sp[-2] = v;
            break;
        }
        case OP_ROT3: {
            Value v = sp[-1];
            sp[-1] = sp[-2];
            sp[-2] = sp[-3];
            sp[-3] = v;
            break;
        }
        case OP_CONST:
            PUSH(incref(frame->data->consts[in->c]));
            break;
        case OP_NONE:
            PUSH(NONE);
            break;
        case OP_INT:
            PUSH(from_int(in->c));
            break;
        case OP_LOAD_LOCAL: {
            Value v = slots[in->c];
            if (is_null(v)) {
                unbound(vm, frame, in->c);
                goto error;
            }
            PUSH(incref(v));
            break;
        }
        case OP_STORE_LOCAL: {
            Value old = slots[in->c];
            slots[in->c] = POP();
            decref(old);
            break;
        }
        case OP_DELETE_LOCAL:
            if (is_null(slots[in->c])) {
                unbound(vm, frame, in->c);
                goto error;
            }
            clear_value(&slots[in->c]);
            break;
        case OP_CLEAR_LOCAL:
            clear_value(&slots[in->c]);
            break;
        case OP_LOAD_GLOBAL: {
            Value v = globals->entries[in->c].value;
            if (is_null(v)) {
                v = load_global(vm, frame, (size_t)in->c);
                if (is_null(v)) goto error;
            }
            PUSH(incref(v));
            break;
        }
        case OP_STORE_GLOBAL: {
            DictEntry *entry = &globals->entries[in->c];
            Value old = entry->value;
            if (is_null(old)) globals->count++;
            entry->value = POP();
            decref(old);
            break;
        }
        case OP_DELETE_GLOBAL:
            if (!dict_delete_str(globals, as_str(globals->entries[in->c].key))) {
                vm_raise(vm, EXC_NameError, "name '%s' is not defined",
                         as_str(globals->entries[in->c].key)->data);
                goto error;
            }
            break;
        case OP_NEW_CELL: {
            Cell *cell = (Cell *)(void *)vm_alloc(vm, vm->cls[CLS_CELL]);
            if (in->b)
                decref(slots[in->c]);
            else
                cell->value = slots[in->c];
            slots[in->c] = FROM_OBJ(cell);
            break;
        }
        case OP_LOAD_CELL: {
            Value v = ((Cell *)(void *)slots[in->c].o)->value;
            if (is_null(v)) {
                unbound(vm, frame, in->c);
                goto error;
            }
            PUSH(incref(v));
            break;
        }
        case OP_STORE_CELL: {
            Cell *cell = (Cell *)(void *)slots[in->c].o;
            Value old = cell->value;
            cell->value = POP();
            decref(old);
            break;
        }
        case OP_DELETE_CELL: {
            Cell *cell = (Cell *)(void *)slots[in->c].o;
            if (is_null(cell->value)) {
                unbound(vm, frame, in->c);
                goto error;
            }
            clear_value(&cell->value);
            break;
        }
        case OP_LOAD_NAME: {
            Value v =
                load_name(vm, frame, frame->data->names[in->c], in->b == 0xFFFF ? -1 : (int)in->b);
            if (is_null(v)) goto error;
            PUSH(v);
            break;
        }
        case OP_STORE_NAME: {
            Value v = POP();
            bool ok = store_name(vm, frame, frame->data->names[in->c], v);
            decref(v);
            if (!ok) goto error;
            break;
        }
        case OP_DELETE_NAME:
            if (!dict_delete_str(frame->namespace, frame->data->names[in->c])) {
                vm_raise(vm, EXC_NameError, "name '%s' is not defined",
                         frame->data->names[in->c]->data);
                goto error;
            }
            break;
        case OP_ANNOTATE: {
            Value v = POP();
            bool ok = annotate(vm, frame, frame->data->names[in->c], v);
            decref(v);
            if (!ok) goto error;
            break;
        }
        case OP_LOAD_ATTR: {
            Value object = TOP(), v = vm_getattr(vm, object, frame->data->names[in->c]);
            if (is_null(v)) goto error;
            TOP() = v;
            decref(object);
            break;
        }
        case OP_STORE_ATTR: {
            bool ok = vm_setattr(vm, sp[-1], frame->data->names[in->c], sp[-2]);
            decref(POP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_DELETE_ATTR: {
            bool ok = vm_setattr(vm, sp[-1], frame->data->names[in->c], NULL_VALUE);
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_LOAD_METHOD: {
            Value object = TOP(), function;
            bool has_self;
            if (!vm_load_method(vm, object, frame->data->names[in->c], &function, &has_self))
                goto error;
            TOP() = function;
            if (has_self) {
                PUSH(object);
            } else {
                PUSH(NULL_VALUE);
                decref(object);
            }
            break;
        }
        case OP_LOAD_SUBSCRIPT: {
            Value object = sp[-2], key = sp[-1];
            if (key.tag == TAG_INT && object.tag == TAG_OBJ && object.o->cls == vm->cls[CLS_LIST] &&
                key.i >= 0 && (size_t)key.i < as_list(object)->count) {
                sp--;
                TOP() = incref(as_list(object)->items[key.i]);
                decref(object);
                break;
            }
            BINARY_RESULT(vm_getitem(vm, object, key));
            break;
        }
        case OP_STORE_SUBSCRIPT: {
            bool ok = vm_setitem(vm, sp[-2], sp[-1], sp[-3]);
            decref(POP());
            decref(POP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_DELETE_SUBSCRIPT: {
            bool ok = vm_setitem(vm, sp[-2], sp[-1], NULL_VALUE);
            decref(POP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_SLICE: {
            int parts = in->a == 3 ? 3 : 2;
            Value made = slice_new(vm, sp[-parts], sp[1 - parts], parts == 3 ? sp[-1] : NONE);
            for (int i = 0; i < parts; i++)
                decref(POP());
            PUSH(made);
            break;
        }
        case OP_ADD:
            ARITHMETIC(BINARY_ADD, __builtin_add_overflow, a.f + b.f);
            break;
        case OP_SUB:
            ARITHMETIC(BINARY_SUB, __builtin_sub_overflow, a.f - b.f);
            break;
        case OP_MUL:
            ARITHMETIC(BINARY_MUL, __builtin_mul_overflow, a.f * b.f);
            break;
        case OP_MATMUL:
        case OP_DIV:
        case OP_FLOOR_DIV:
        case OP_MOD:
        case OP_POW:
        case OP_LSHIFT:
        case OP_RSHIFT:
        case OP_AND:
        case OP_OR:
        case OP_XOR: {
            BinaryOp op = (BinaryOp)(in->op - OP_ADD);
            BINARY_RESULT(in->a ? vm_inplace(vm, op, sp[-2], sp[-1])
                                : vm_binary(vm, op, sp[-2], sp[-1]));
            break;
        }
        case OP_NEG:
        case OP_POS:
        case OP_INVERT: {
            Value v = TOP(), made = vm_unary(vm, (UnaryOp)(in->op - OP_NEG), v);
            if (is_null(made)) goto error;
            TOP() = made;
            decref(v);
            break;
        }
        case OP_NOT: {
            Value v = TOP();
            int truth = vm_not(vm, v);
            if (truth < 0) goto error;
            TOP() = from_bool(truth);
            decref(v);
            break;
        }
        case OP_COMPARE: {
            Value a = sp[-2], b = sp[-1];
            if (a.tag == TAG_INT && b.tag == TAG_INT && in->a < COMPARE_IS) {
                sp--;
                TOP() = from_bool(vm_compare_bool(vm, (CompareOp)in->a, a, b));
                break;
            }
            BINARY_RESULT(compare_values(vm, in->a, a, b));
            break;
        }
        case OP_JUMP:
            ip = code + in->c;
            break;
        case OP_JUMP_IF_FALSE:
        case OP_JUMP_IF_TRUE: {
            Value v = TOP();
            int truth = v.tag == TAG_BOOL ? (int)v.i : vm_truth(vm, v);
            if (truth < 0) goto error;
            sp--;
            decref(v);
            if (truth == (in->op == OP_JUMP_IF_TRUE)) ip = code + in->c;
            break;
        }
        case OP_JUMP_IF_FALSE_OR_POP:
        case OP_JUMP_IF_TRUE_OR_POP: {
            int truth = vm_truth(vm, TOP());
            if (truth < 0) goto error;
            if (truth == (in->op == OP_JUMP_IF_TRUE_OR_POP))
                ip = code + in->c;
            else
                decref(POP());
            break;
        }
        case OP_COMPARE_JUMP: {
            Value a = sp[-2], b = sp[-1];
            int truth;
            if (in->a < COMPARE_IS) {
                truth = vm_compare_bool(vm, (CompareOp)in->a, a, b);
            } else {
                Value result = is_or_in(vm, in->a, a, b);
                truth = is_null(result) ? -1 : (int)result.i;
            }
            if (truth < 0) goto error;
            sp -= 2;
            decref(a);
            decref(b);
            if (truth == in->b) ip = code + in->c;
            break;
        }
        case OP_BACK_EDGE:
            if (time_to_check(vm) && !vm_checkpoint(vm)) goto error;
            if (vm->cut_due && !vm->at_back_edge(vm)) goto error;
            break;
        case OP_GET_ITER: {
            Value v = TOP(), made = vm_iter(vm, v);
            if (is_null(made)) goto error;
            TOP() = made;
            decref(v);
            break;
        }
        case OP_FOR:
        case OP_FOR_LOCAL:
        case OP_FOR_GLOBAL: {
            Value item = next_item(vm, TOP());
            if (is_null(item)) {
                if (vm_failed(vm)) goto error;
                decref(POP());
                break;
            }
            if (in->op == OP_FOR) {
                PUSH(item);
            } else if (in->op == OP_FOR_LOCAL) {
                Value old = slots[in->b];
                slots[in->b] = item;
                decref(old);
            } else {
                DictEntry *entry = &globals->entries[in->b];
                Value old = entry->value;
                if (is_null(old)) globals->count++;
                entry->value = item;
                decref(old);
            }
            ip = code + in->c;
            if (time_to_check(vm) && !vm_checkpoint(vm)) goto error;
            if (vm->cut_due && !vm->at_back_edge(vm)) goto error;
            break;
        }
        case OP_UNPACK:
        case OP_UNPACK_STAR: {
            Value v = POP();
            bool star = in->op == OP_UNPACK_STAR;
            int before = star ? in->b : in->c, after = star ? in->c : 0;
            bool ok = unpack(vm, v, before, after, star, sp);
            decref(v);
            if (!ok) goto error;
            sp += before + after + star;
            break;
        }
        case OP_TUPLE:
        case OP_LIST: {
            Value made =
                in->op == OP_TUPLE ? tuple_new(vm, (size_t)in->c) : list_new(vm, (size_t)in->c);
            sp -= in->c;
            Value *items = in->op == OP_TUPLE ? as_tuple(made)->items : as_list(made)->items;
            for (int i = 0; i < in->c; i++)
                items[i] = sp[i];
            if (in->op == OP_LIST) as_list(made)->count = (size_t)in->c;
            PUSH(made);
            break;
        }
        case OP_SET: {
            Value made = build_set(vm, sp, in->c, in);
            if (is_null(made)) goto error;
            for (int i = 0; i < in->c; i++)
                decref(POP());
            PUSH(made);
            break;
        }
        case OP_DICT: {
            Value made;
            bool ok = build_map(vm, sp, in->c, &made);
            for (int i = 0; i < 2 * in->c; i++)
                decref(POP());
            PUSH(made);
            if (!ok) goto error;
            break;
        }
        case OP_LIST_APPEND: {
            Value v = POP();
            list_push(as_list(sp[-in->b]), v);
            break;
        }
        case OP_SET_ADD: {
            bool ok = set_add(vm, as_set(sp[-in->b - 1]), TOP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_DICT_PUT: {
            bool ok = dict_set(vm, as_dict(sp[-in->b - 2]), sp[-2], sp[-1]);
            decref(POP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_LIST_EXTEND:
        case OP_SET_UPDATE:
        case OP_DICT_UPDATE: {
            Value into = sp[-2], from = sp[-1];
            bool ok = in->op == OP_LIST_EXTEND
                          ? spread_into(vm, in->a ? sp[-3] : NULL_VALUE, as_list(into), from)
                      : in->op == OP_SET_UPDATE ? set_update(vm, as_set(into), from)
                      : in->a                   ? merge_keywords(vm, sp[-4], as_dict(into), from)
                                                : spread_mapping(vm, as_dict(into), from);
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OP_LIST_TO_TUPLE: {
            Value v = TOP();
            TOP() = tuple_from_iterable(vm, v);
            decref(v);
            break;
        }
        case OP_FORMAT: {
            Value spec = in->b ? POP() : NULL_VALUE, v = TOP();
            Value text = format_value(vm, v, in->a, spec);
            decref(spec);
            if (is_null(text)) goto error;
            TOP() = text;
            decref(v);
            break;
        }
        case OP_JOIN: {
            Value text = join_strings(vm, sp - in->c, (size_t)in->c);
            for (int i = 0; i < in->c; i++)
                decref(POP());
            PUSH(text);
            break;
        }
        case OP_CALL:
        case OP_CALL_KEYWORDS: {
            const Tuple *kwnames = in->op == OP_CALL ? NULL : as_tuple(frame->data->consts[in->b]);
            Value *args = sp - in->c, *bottom = args - 1 - (in->a == 1);
            int nargs = in->c - (kwnames ? (int)kwnames->count : 0);
            Value callee = *bottom, result;
            if (in->a == 1 && !is_null(args[-1])) {
                args--;
                nargs++;
            }
            Frame *made;
            CallKind kind = start_call(vm, callee, args, nargs, kwnames, &made, &result);
            if (kind == CALL_FAILED) goto error;
            while (sp > bottom)
                decref(POP());
            if (kind == CALL_DONE) {
                PUSH(result);
                break;
            }
            frame->sp = sp;
            made->prev = frame;
            vm->frame = frame = made;
            ENTER_FRAME();
            ip = frame->ip;
            break;
        }
        case OP_CALL_SPREAD: {
            Value result = call_spread(vm, sp[-3], sp[-2], sp[-1]);
            for (int i = 0; i < 3; i++)
                decref(POP());
            if (is_null(result)) goto error;
            PUSH(result);
            break;
        }
        case OP_RETURN: {
            Value result = POP();
            if (frame->code->flags & CODE_CLASS && frame->code->class_cell >= 0) {
                decref(result);
                result = incref(slots[frame->code->class_cell]);
            }
            if (frame->instance.tag != TAG_NULL) {
                if (!is_none(result)) {
                    vm_raise(vm, EXC_TypeError, "__init__() should return None, not '%s'",
                             vm_class_name(vm, result));
                    decref(result);
                    goto error;
                }
                result = frame->instance;
                frame->instance = NULL_VALUE;
            }
            Frame *caller = frame->prev;
            bool entry = frame->entry;
            frame->sp = sp;
            vm->frame = caller;
            if (frame->generator) frame->generator->frame = NULL;
            frame_free(vm, frame);
            if (entry) return result;
            vm_leave(vm);
            frame = caller;
            ENTER_FRAME();
            ip = frame->ip + 1;
            PUSH(result);
            break;
        }
        case OP_YIELD: {
            Value v = POP();
            frame->sp = sp;
            frame->ip = ip;
            vm->frame = frame->prev;
            return v;
        }
        case OP_YIELD_FROM: {
            bool done;
            Value v = yield_from(vm, sp[-2], sp[-1], &done);
            decref(POP());
            if (is_null(v)) goto error;
            if (!done) {
                frame->sp = sp;
                vm->frame = frame->prev;
                return v;
            }
            decref(POP());
            PUSH(v);
            break;
        }
        case OP_MAKE_FUNCTION: {
            int count = (in->a & 1) + (in->a >> 1 & 1) + (in->a >> 2 & 1);
            const Code *body = frame->code->consts[in->c].as.code;
            Value made = make_function(vm, frame, body, in->a, sp - count);
            for (int i = 0; i < count; i++)
                decref(POP());
            PUSH(made);
            break;
        }
        case OP_MAKE_CLASS: {
            Str *name = frame->data->names[in->b];
            int count = in->a == 1 ? 2 : in->c;
            const Value *bases = sp - count;
            size_t base_count = (size_t)count;
            if (in->a == 1) vm_items(sp[-2], &bases, &base_count);
            Value made = make_class(vm, (Function *)(void *)sp[-count - 1].o, name, bases,
                                    (int)base_count, in->a == 1 ? sp[-1] : NULL_VALUE);
            for (int i = 0; i <= count; i++)
                decref(POP());
            if (is_null(made)) goto error;
            PUSH(made);
            break;
        }
        case OP_MATCH_SEQUENCE: {
            Value v = TOP();
            if (!match_sequence(vm, v, (size_t)in->c, in->b, &TOP())) goto error;
            decref(v);
            break;
        }
        case OP_MATCH_KEYS: {
            Value made;
            if (!match_keys(vm, sp[-in->c - 1], sp - in->c, (size_t)in->c, in->a, &made))
                goto error;
            for (int i = 0; i <= in->c; i++)
                decref(POP());
            PUSH(made);
            break;
        }
        case OP_MATCH_CLASS: {
            Value made;
            if (!match_class(vm, sp[-2], sp[-1], (size_t)in->c,
                             as_tuple(frame->data->consts[in->b]), &made))
                goto error;
            decref(POP());
            decref(POP());
            PUSH(made);
            break;
        }
        case OP_RAISE: {
            Value cause = in->a == 2 ? POP() : NULL_VALUE;
            Value exception = in->a ? POP() : NULL_VALUE;
            raise_exception(vm, exception, cause);
            decref(cause);
            decref(exception);
            if (in->a == 0) goto reraise;
            goto error;
        }
        case OP_RAISE_ASSERT: {
            Value message = in->a ? POP() : NULL_VALUE;
            Exception *made = exception_new(vm, vm->exc[EXC_AssertionError], message);
            vm_raise_value(vm, FROM_OBJ(made));
            DROP(made);
            decref(message);
            goto error;
        }
        case OP_PUSH_EXC: {
            Value e = TOP();
            TOP() = is_null(vm->handled) ? NONE : vm->handled;
            vm->handled = incref(e);
            PUSH(e);
            break;
        }
        case OP_POP_EXC: {
            Value previous = POP(), old = vm->handled;
            vm->handled = is_none(previous) ? NULL_VALUE : previous;
            decref(old);
            break;
        }
        case OP_RERAISE: {
            Value e = POP(), previous = POP(), old = vm->handled;
            vm->handled = is_none(previous) ? NULL_VALUE : previous;
            vm->raised = e;
            decref(old);
            goto reraise;
        }
        case OP_MATCH_EXC: {
            int matches = vm_match_clause(vm, sp[-2], sp[-1]);
            if (matches < 0) goto error;
            decref(TOP());
            TOP() = from_bool(matches);
            break;
        }
        case OP_WITH_ENTER: {
            Value exit, entered, manager = TOP();
            if (!with_enter(vm, manager, &exit, &entered)) goto error;
            TOP() = exit;
            PUSH(entered);
            decref(manager);
            break;
        }
        case OP_WITH_EXIT: {
            Value nothing[3] = {NONE, NONE, NONE};
            Value result = vm_call(vm, TOP(), nothing, 3, NULL);
            decref(POP());
            if (is_null(result)) goto error;
            decref(result);
            break;
        }
        case OP_WITH_EXCEPT: {
            Value given[3] = {FROM_OBJ(sp[-1].o->cls), sp[-1], traceback_of(vm, sp[-1])};
            Value result = vm_call(vm, sp[-3], given, 3, NULL);
            decref(given[2]);
            if (is_null(result)) goto error;
            PUSH(result);
            break;
        }
        case OP_IMPORT: {
            Value module = import_dotted(vm, frame, frame->data->names[in->c], in->b, in->a);
            if (is_null(module)) goto error;
            PUSH(module);
            break;
        }
        case OP_IMPORT_FROM: {
            Value v = import_from(vm, TOP(), frame->data->names[in->c]);
            if (is_null(v)) goto error;
            PUSH(v);
            break;
        }
        case OP_IMPORT_STAR: {
            bool ok = import_star(vm, frame, TOP());
            decref(POP());
            if (!ok) goto error;
            break;
        }
        case OPCODE_COUNT:
            NNC_BUG("opcode %d", in->op);
        }
        continue;
    error:
        frame->sp = sp;
        trace_add(vm, frame);
    reraise:
        for (;;) {
            const HandlerRange *handler = find_handler(frame);
            if (handler) {
                Value *floor = frame_stack_base(frame) + handler->depth;
                while (sp > floor)
                    decref(POP());
                PUSH(vm->raised);
                vm->raised = NULL_VALUE;
                ip = frame->code->instructions + handler->target;
                break;
            }
            Frame *caller = frame->prev;
            bool entry = frame->entry;
            frame->sp = sp;
            abandon(vm, frame);
            if (entry) return NULL_VALUE;
            frame = caller;
            ENTER_FRAME();
            trace_add(vm, frame);
        }
    }
}
