/* Generators: a frame kept between resumptions, with send, throw and close. */
#include "frontend/interp.h"

Value generator_new(Vm *vm, Frame *frame) {
    Generator *g = (Generator *)(void *)vm_alloc(vm, vm->cls[CLS_GENERATOR]);
    g->frame = frame;
    frame->generator = g;
    g->name = (Str *)NEW_REF(frame->function->name).o;
    g->qualname = (Str *)NEW_REF(frame->function->qualname).o;
    return FROM_OBJ(g);
}

static Generator *as_generator(Value v) {
    return (Generator *)(void *)v.o;
}

/* Runs the frame on, with `sent` as the value of the yield it stands at (TAG_NULL: vm->raised is
 * thrown there). NULL_VALUE: raised or returned; then frame is NULL and *returned has the value. */
static Value resume(Vm *vm, Generator *g, Value sent, Value *returned) {
    *returned = NULL_VALUE;
    if (g->running) return vm_raise(vm, EXC_ValueError, "generator already executing");
    if (!g->frame) {
        if (!vm_failed(vm)) *returned = NONE;
        return NULL_VALUE;
    }
    Frame *frame = g->frame;
    Value thrown = NULL_VALUE;
    if (is_null(sent)) thrown = vm_take_raised(vm);
    if (!vm_enter(vm)) {
        decref(thrown);
        return NULL_VALUE;
    }
    if (g->started && !is_null(sent)) *frame->sp++ = incref(sent);
    bool at_yield_from = frame->ip->op == OP_YIELD_FROM && g->started;
    if (!is_null(thrown) && g->started && !at_yield_from) frame->ip--;
    g->started = true;
    g->running = true;
    Value outer = vm->handled;
    vm->handled = g->handled;
    g->handled = NULL_VALUE;
    if (!is_null(thrown)) vm->raised = thrown;
    Value self = NEW_REF(g);
    Value result = vm_run(vm, frame);
    g->handled = vm->handled;
    vm->handled = outer;
    g->running = false;
    vm_leave(vm);
    if (!g->frame) {
        clear_value(&g->handled);
        if (vm_matches_stop(vm)) { /* StopIteration may not leave a generator */
            Value stop = vm_take_raised(vm);
            vm_raise(vm, EXC_RuntimeError, "generator raised StopIteration");
            set_value(&as_exception(vm->raised)->cause, stop);
            decref(stop);
        }
        *returned = result;
        result = NULL_VALUE;
    }
    decref(self);
    return result;
}

/* The iterator's protocol: NULL_VALUE without an exception at the end. */
static Value generator_next(Vm *vm, Value self) {
    Value returned, v = resume(vm, as_generator(self), NONE, &returned);
    decref(returned);
    return v;
}

static Value raise_stop(Vm *vm, Value value) {
    Exception *stop =
        exception_new(vm, vm->exc[EXC_StopIteration], is_none(value) ? NULL_VALUE : value);
    set_value(&stop->value, value);
    vm_raise_value(vm, FROM_OBJ(stop));
    DROP(stop);
    return NULL_VALUE;
}

static Value finish(Vm *vm, Value v, Value returned) {
    if (!is_null(v) || is_null(returned)) return v;
    raise_stop(vm, returned);
    decref(returned);
    return NULL_VALUE;
}

static Value method_send(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "send", nargs, kwnames, 2, 2)) return NULL_VALUE;
    Generator *g = as_generator(args[0]);
    if (!g->started && !is_none(args[1]))
        return vm_raise(vm, EXC_TypeError, "can't send non-None value to a just-started generator");
    Value returned, v = resume(vm, g, args[1], &returned);
    return finish(vm, v, returned);
}

/* The iterator a suspended generator delegates to; NULL_VALUE: none. Borrowed. */
static Value delegate(const Generator *g) {
    if (!g->frame || !g->started || g->running || g->frame->ip->op != OP_YIELD_FROM)
        return NULL_VALUE;
    return g->frame->sp[-1];
}

static Value throw_into(Vm *vm, Generator *g, Value exception);

/* Throws into the delegate; true when the generator itself must then be resumed with the result
 * (*sent; TAG_NULL: with the exception under way), false when *yielded is to be yielded. */
static bool throw_delegate(Vm *vm, Value inner, Value exception, Value *yielded, Value *sent) {
    *sent = NULL_VALUE;
    Value v;
    if (inner.o->cls == vm->cls[CLS_GENERATOR]) {
        v = throw_into(vm, as_generator(inner), exception);
    } else {
        Value method = vm_getattr_optional(vm, inner, vm_intern_text(vm, "throw"));
        if (is_null(method)) {
            if (!vm_failed(vm)) vm_raise_value(vm, exception);
            return true;
        }
        v = vm_call1(vm, method, exception);
        decref(method);
    }
    if (!is_null(v)) {
        *yielded = v;
        return false;
    }
    if (vm_matches_stop(vm)) {
        Value stop = vm_take_raised(vm);
        *sent = incref(as_exception(stop)->value);
        if (is_null(*sent)) *sent = NONE;
        decref(stop);
    }
    return true;
}

/* Ends a generator whose body has not begun: none of its code runs. */
static void drop_frame(Vm *vm, Generator *g) {
    Frame *frame = g->frame;
    g->frame = NULL;
    frame_free(vm, frame);
}

static Value throw_into(Vm *vm, Generator *g, Value exception) {
    if (g->frame && !g->started) {
        drop_frame(vm, g);
        vm_raise_value(vm, exception);
        return NULL_VALUE;
    }
    Value inner = delegate(g), returned, v;
    if (!is_null(inner)) {
        Value yielded, sent;
        if (inner.tag == TAG_OBJ) {
            g->running = true;
            incref(inner);
            bool resumed = throw_delegate(vm, inner, exception, &yielded, &sent);
            decref(inner);
            g->running = false;
            if (!resumed) return yielded;
            if (!is_null(sent)) { /* the delegate ended: its value is the expression's */
                decref(*--g->frame->sp);
                g->frame->ip++;
                v = resume(vm, g, sent, &returned);
                decref(sent);
                return finish(vm, v, returned);
            }
        }
    } else {
        vm_raise_value(vm, exception);
    }
    v = resume(vm, g, NULL_VALUE, &returned);
    return finish(vm, v, returned);
}

static Value method_throw(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "throw", nargs, kwnames, 2, 4)) return NULL_VALUE;
    Value exception = nargs > 2 && is_exception(args[2]) ? incref(args[2])
                      : is_exception(args[1])            ? incref(args[1])
                      : nargs > 2 && is_class(args[1])   ? vm_call1(vm, args[1], args[2])
                      : is_class(args[1])                ? vm_call0(vm, args[1])
                                                         : NULL_VALUE;
    if (!is_exception(exception)) {
        decref(exception);
        if (vm_failed(vm)) return NULL_VALUE;
        return vm_raise(
            vm, EXC_TypeError,
            "exceptions must be classes or instances deriving from BaseException, not %s",
            vm_class_name(vm, args[1]));
    }
    Value result = throw_into(vm, as_generator(args[0]), exception);
    decref(exception);
    return result;
}

static bool close_generator(Vm *vm, Generator *g) {
    if (!g->frame) return true;
    if (!g->started) {
        drop_frame(vm, g);
        return true;
    }
    Exception *leave = exception_new(vm, vm->exc[EXC_GeneratorExit], NULL_VALUE);
    Value v = throw_into(vm, g, FROM_OBJ(leave));
    DROP(leave);
    if (!is_null(v)) {
        decref(v);
        vm_raise(vm, EXC_RuntimeError, "generator ignored GeneratorExit");
        return false;
    }
    if (vm_matches_stop(vm)) vm_catch(vm, EXC_StopIteration);
    if (vm_failed(vm)) vm_catch(vm, EXC_GeneratorExit);
    return !vm_failed(vm);
}

static Value method_close(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    if (!vm_args_simple(vm, "close", nargs, kwnames, 1, 1)) return NULL_VALUE;
    return close_generator(vm, as_generator(args[0])) ? NONE : NULL_VALUE;
}

/* One step of `yield from`: the value to yield, or with *done the expression's value. */
Value yield_from(Vm *vm, Value iterator, Value sent, bool *done) {
    *done = false;
    Value v, returned = NULL_VALUE;
    if (iterator.o->cls == vm->cls[CLS_GENERATOR]) {
        Generator *g = as_generator(iterator);
        v = resume(vm, g, sent, &returned);
    } else if (is_none(sent)) {
        Value method = class_lookup(iterator.o->cls, vm->names.next_);
        if (method.tag == TAG_OBJ && method.o->cls == vm->cls[CLS_FUNCTION])
            v = vm_call1(vm, method, iterator); /* to see StopIteration's value */
        else
            v = vm_next(vm, iterator);
    } else {
        v = vm_call_method(vm, iterator, "send", &sent, 1);
    }
    if (!is_null(v)) return v;
    if (vm_failed(vm)) {
        if (!vm_matches_stop(vm)) return v;
        Value stop = vm_take_raised(vm);
        returned = incref(as_exception(stop)->value);
        decref(stop);
    }
    *done = true;
    return is_null(returned) ? NONE : returned;
}

static void generator_dealloc(Obj *self) {
    Generator *g = (Generator *)(void *)self;
    Vm *vm = self->cls->vm;
    if (g->frame) {
        if (g->started && g->frame->code->handler_count > 0) {
            Value raised = vm->raised; /* the finally blocks run; what they raise is dropped */
            vm->raised = NULL_VALUE;
            self->refs = 2;
            close_generator(vm, g);
            self->refs = 0;
            decref(vm->raised);
            vm->raised = raised;
        }
        if (g->frame) {
            Frame *frame = g->frame;
            g->frame = NULL;
            frame_free(vm, frame);
        }
    }
    decref(g->handled);
    DROP(g->name);
    DROP(g->qualname);
}

static void generator_traverse(Obj *self, VisitFn visit, void *context) {
    Generator *g = (Generator *)(void *)self;
    visit_value(g->handled, visit, context);
    if (!g->frame || g->running) return;
    for (Value *v = g->frame->slots; v < g->frame->sp; v++)
        visit_value(*v, visit, context);
    if (g->frame->function) visit((Obj *)g->frame->function, context);
}

static void generator_clear(Obj *self) {
    Generator *g = (Generator *)(void *)self;
    if (g->frame && !g->running) {
        Frame *frame = g->frame;
        g->frame = NULL;
        frame_free(self->cls->vm, frame);
    }
}

static Value self_iter(Vm *vm, Value self) {
    (void)vm;
    return incref(self);
}

static Value generator_repr(Vm *vm, Value self) {
    return str_printf(vm, "<generator object %s at %p>", as_generator(self)->qualname->data,
                      (void *)self.o);
}

static Value get_name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return NEW_REF(as_generator(args[0])->name);
}

/* A generator stands for its own frame: that is None once it has ended. */
static Value get_frame(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return as_generator(args[0])->frame ? incref(args[0]) : NONE;
}

static Value get_running(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    return from_bool(as_generator(args[0])->running);
}

static Value get_delegate(Vm *vm, const Value *args, int nargs, const Tuple *kwnames) {
    (void)vm, (void)nargs, (void)kwnames;
    Value inner = delegate(as_generator(args[0]));
    return is_null(inner) ? NONE : incref(inner);
}

const Slots generator_slots = {.dealloc = generator_dealloc,
                               .traverse = generator_traverse,
                               .clear = generator_clear,
                               .iter = self_iter,
                               .next = generator_next,
                               .repr = generator_repr};
const Method generator_methods[] = {
    {"send", method_send, 0},
    {"throw", method_throw, 0},
    {"close", method_close, 0},
    {"__name__", get_name, METHOD_PROPERTY},
    {"gi_frame", get_frame, METHOD_PROPERTY},
    {"gi_running", get_running, METHOD_PROPERTY},
    {"gi_yieldfrom", get_delegate, METHOD_PROPERTY},
    {NULL, NULL, 0},
};
