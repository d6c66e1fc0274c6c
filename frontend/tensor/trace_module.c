/* Which module `nnc x.nn -o ...` compiles, and what its forward is called with. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/compile.h"
#include "frontend/interp.h"
#include "frontend/tensor/trace_compile.h"

/* ---- which module ---- */

/* The identifier that a text starts with. */
static const char *first_name(TraceCompile *c, const char *text) {
    size_t size = 0;
    while (text[size] == '_' || isalnum((unsigned char)text[size]))
        size++;
    return arena_strndup(c->arena, text, size);
}

/* An error of --module's expression itself shows the option, not a line that we made. One inside a
 * function that it calls has its place there. */
static void report_module(TraceCompile *c, uint16_t file) {
    Vm *vm = c->ts->vm;
    if (!is_exception(vm->raised)) return;
    const Exception *raised = as_exception(vm->raised);
    for (size_t i = 0; i < raised->trace.count; i++)
        if (!raised->trace.items[i].prelude && raised->trace.items[i].span.file != file) return;
    Value error = vm_take_raised(vm);
    Buf text = {0};
    vm_describe(vm, error, &text);
    report(c->sources, SEVERITY_ERROR, (Span){0}, "--module %s: %s", c->options->module,
           buf_text(&text));
    const char **words = ARENA_ARRAY(c->arena, const char *, vm_main_dict(vm)->count + 1);
    size_t pos = 0, count = 0;
    Value key, value;
    while (dict_next(vm_main_dict(vm), &pos, &key, &value))
        if (is_str(key)) words[count++] = as_str(key)->data;
    const char *name = first_name(c, c->options->module);
    bool bound = !is_null(dict_get_text(vm, vm_main_dict(vm), name));
    const char *near = bound ? NULL : nearest_word(name, words, count);
    if (near) report(c->sources, SEVERITY_HINT, (Span){0}, "did you mean '%s'?", near);
    buf_free(&text);
    decref(error);
}

/* Evaluates --module's expression in a copy of the program's namespace: the program's own functions
 * address theirs by number, so it must stay as it is. */
static Value eval_module(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    /* On a line of its own, which is the one that errors show. */
    char *text = arena_printf(c->arena, "__nnc_module__ = \\\n%s\n", c->options->module);
    uint16_t file = sources_add(c->sources, "--module", text, strlen(text));
    const Code *code = file ? compile_module(vm->compiler, file) : NULL;
    Dict *main = vm_main_dict(vm);
    if (!code || !main) return NULL_VALUE;
    ModuleObj *scope = module_new(vm, "__main__");
    dict_update(vm, scope->dict, FROM_OBJ(main));
    bool ok = module_run(vm, scope, code);
    Value module = ok ? dict_get_text(vm, scope->dict, "__nnc_module__") : NULL_VALUE;
    if (!is_null(module)) incref(module);
    if (!ok) report_module(c, file);
    DROP(scope);
    return module;
}

const char *trace_bound_name(Vm *vm, Value module) {
    size_t pos = 0;
    Value key, value;
    while (dict_next(vm_main_dict(vm), &pos, &key, &value))
        if (value.tag == TAG_OBJ && value.o == module.o && is_str(key)) return as_str(key)->data;
    return vm_class_name(vm, module);
}

bool trace_is_bound(Vm *vm, Value module) {
    size_t pos = 0;
    Value key, value;
    while (dict_next(vm_main_dict(vm), &pos, &key, &value))
        if (value.tag == TAG_OBJ && value.o == module.o) return true;
    return false;
}

/* The program's first statement that gives a name its value; its start if there is none. */
static Span bound_span(TraceCompile *c, const char *name) {
    Vm *vm = c->ts->vm;
    uint16_t file = c->options->file;
    for (size_t i = 0; i < vm->codes.count; i++) {
        const Code *code = vm->codes.items[i];
        if (code->file != file || !(code->flags & CODE_MODULE)) continue;
        for (uint32_t k = 0; k < code->instruction_count; k++) {
            const Instruction *at = &code->instructions[k];
            if (at->op != OP_STORE_GLOBAL || strcmp(code->module_names[at->c]->text, name) != 0)
                continue;
            return (Span){file, code->spans[k].begin, code->spans[k].end};
        }
    }
    return (Span){file, 0, 0};
}

/* torch.nn.Module; NULL: raised. */
static Class *base_class(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    Value nn = vm_import(vm, "torch.nn");
    Value base = is_null(nn) ? nn : vm_getattr_text(vm, nn, "Module");
    if (!is_null(nn)) decref(nn);
    if (is_null(base)) return NULL;
    decref(base); /* the library holds it */
    return as_class(base);
}

static bool is_instance(TraceCompile *c, Value value) {
    Class *base = base_class(c);
    return base && value.tag == TAG_OBJ && !is_class(value) && vm_is_a(c->ts->vm, value, base);
}

/* Instances of Module bound at the top level. */
static size_t bound_modules(TraceCompile *c, Value *out, size_t max) {
    Vm *vm = c->ts->vm;
    size_t pos = 0, count = 0;
    Value key, value;
    while (dict_next(vm_main_dict(vm), &pos, &key, &value)) {
        if (!is_instance(c, value)) continue;
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || out[i].o == value.o;
        if (!known && count < max) out[count++] = value;
    }
    return count;
}

/* A class of the program's own modules, or NULL. */
static const char *own_class(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    size_t pos = 0;
    Value key, value;
    while (dict_next(vm_main_dict(vm), &pos, &key, &value)) {
        if (!is_class(value) || !is_str(key) || !class_is_subclass(as_class(value), base_class(c)))
            continue;
        if (as_class(value) != base_class(c)) return as_str(key)->data;
    }
    return NULL;
}

static bool several(TraceCompile *c, const Value *modules, size_t count) {
    Buf names = {0};
    for (size_t i = 0; i < count; i++)
        buf_printf(&names, i ? ", %s" : "%s", trace_bound_name(c->ts->vm, modules[i]));
    for (size_t i = 0; i < count && i < 4; i++) {
        const char *name = trace_bound_name(c->ts->vm, modules[i]);
        if (i == 0)
            report(c->sources, SEVERITY_ERROR, bound_span(c, name),
                   "the program holds several modules: %s", buf_text(&names));
        else
            report(c->sources, SEVERITY_NOTE, bound_span(c, name), "another one: %s", name);
    }
    size_t named = 0; /* one that --module can name */
    while (named + 1 < count && !trace_is_bound(c->ts->vm, modules[named]))
        named++;
    report(c->sources, SEVERITY_HINT, (Span){0}, "say which one is to be compiled: --module %s",
           trace_bound_name(c->ts->vm, modules[named]));
    buf_free(&names);
    return false;
}

/* A module that was not traced; without parameters its first call was noted. */
static bool bind(TraceCompile *c, Value module) {
    Trace *t = c->ts->trace;
    for (size_t i = 0; i < t->bare.count; i++) {
        if (t->bare.items[i].module.o != module.o) continue;
        t->args = incref(t->bare.items[i].args);
        t->kwargs = incref(t->bare.items[i].kwargs);
        c->ts->policy.called = t->bare.items[i].span;
    }
    return trace_bind(c->ts, module);
}

static bool check_instance(TraceCompile *c, Value value) {
    if (is_instance(c, value)) return true;
    Vm *vm = c->ts->vm;
    const char *text = c->options->module;
    if (vm_failed(vm)) return false;
    report(c->sources, SEVERITY_ERROR, (Span){0}, "--module %s: %s, not an instance of nn.Module",
           text, is_class(value) ? "a class" : vm_class_name(vm, value));
    if (is_class(value))
        report(c->sources, SEVERITY_HINT, (Span){0}, "call it, with its arguments: --module '%s()'",
               text);
    return false;
}

/* Of the modules called, the only one that still has a name: others were parts, or its making. */
static bool bind_bound(TraceCompile *c) {
    Trace *t = c->ts->trace;
    Value found = NULL_VALUE;
    for (size_t i = 0; i < t->called.count; i++) {
        if (!trace_is_bound(c->ts->vm, t->called.items[i])) continue;
        if (!is_null(found)) return false;
        found = t->called.items[i];
    }
    return !is_null(found) && found.o == t->module.o;
}

/* Whether one module is a part of another. */
static bool is_part(TraceCompile *c, Value whole, Value part) {
    Vm *vm = c->ts->vm;
    Value modules = vm_call_method(vm, whole, "modules", NULL, 0), list = NULL_VALUE;
    if (!is_null(modules)) list = list_from_iterable(vm, modules);
    if (!is_null(modules)) decref(modules);
    const Value *items = NULL;
    size_t count = 0;
    bool found = false;
    if (!is_null(list)) vm_items(list, &items, &count);
    for (size_t i = 0; i < count; i++)
        found = found || items[i].o == part.o;
    if (!is_null(list)) decref(list);
    return found && whole.o != part.o;
}

/* A network whose own methods call its parts, never it, has no forward that was seen. */
static bool check_whole(TraceCompile *c) {
    Trace *t = c->ts->trace;
    Value modules[16];
    size_t count = is_none(t->module) || trace_is_bound(c->ts->vm, t->module)
                       ? 0
                       : bound_modules(c, modules, 16);
    for (size_t i = 0; i < count; i++) {
        if (!is_part(c, modules[i], t->module)) continue;
        const char *name = trace_bound_name(c->ts->vm, modules[i]);
        report(c->sources, SEVERITY_ERROR, c->ts->policy.called,
               "what is compiled is a network's forward, but the program never calls `%s`: here "
               "it calls a part of it",
               name);
        report(c->sources, SEVERITY_HINT, (Span){0},
               "let forward do this, and call %s(...); or name forward's inputs, --module %s "
               "--input x=f32[1,1,32,32]",
               name, name);
        return false;
    }
    return !vm_failed(c->ts->vm);
}

bool trace_choose_module(TraceCompile *c) {
    Trace *t = c->ts->trace;
    if (c->options->module) {
        Value module = eval_module(c);
        if (is_null(module)) return false;
        bool ok = module.tag == TAG_OBJ && module.o == t->module.o;
        ok = ok || (check_instance(c, module) && bind(c, module));
        decref(module);
        return ok;
    }
    if (!check_whole(c)) return false;
    if (t->called.count > 1 && !t->stepped && !bind_bound(c))
        return several(c, t->called.items, t->called.count);
    if (!is_none(t->module)) return true;
    Value modules[16];
    size_t count = bound_modules(c, modules, 16);
    if (count > 1) return several(c, modules, count);
    if (count > 0) return bind(c, modules[0]);
    const char *class = own_class(c);
    report(c->sources, SEVERITY_ERROR, (Span){c->options->file, 0, 0},
           "no module to compile: the top level binds no instance of nn.Module, such as "
           "`net = %s()`",
           class ? class : "Net");
    if (class)
        report(c->sources, SEVERITY_HINT, (Span){0}, "or say what to compile: --module '%s()'",
               class);
    return false;
}

/* ---- forward's inputs ---- */

/* An input of the command line. */
typedef struct GivenInput {
    const char *name; /* of a parameter; "": the one at the same place */
    Type type;
} GivenInput;

static bool parse_input(TraceCompile *c, const char *spec, GivenInput *input) {
    const char *equals = strchr(spec, '='), *at = equals ? equals + 1 : spec;
    const char *bracket = strchr(at, '[');
    Type *type = &input->type;
    input->name = arena_strndup(c->arena, spec, equals ? (size_t)(equals - spec) : 0);
    bool ok = bracket &&
              dtype_from_name(arena_strndup(c->arena, at, (size_t)(bracket - at)), &type->dtype);
    if (ok) {
        at = bracket + 1;
        type->rank = 0;
        while (ok && *at && *at != ']') {
            char *end;
            long long dim = strtoll(at, &end, 10);
            ok = end != at && dim >= 0 && type->rank < MAX_RANK;
            if (ok) type->dim[type->rank++] = dim;
            at = *end == ',' ? end + 1 : end;
        }
        ok = ok && strcmp(at, "]") == 0;
        *type = type_make(type->dtype, type->rank, type->dim);
    }
    if (ok && type_valid(type)) return true;
    report(c->sources, SEVERITY_ERROR, (Span){0},
           "--input %s: expected something like x=f32[1,1,32,32]; types are f32, f64, i64, i32, u8 "
           "and bool",
           spec);
    return false;
}

/* Code of a module's forward, or NULL. */
static const Code *forward_code(Vm *vm, Value module, bool *method) {
    Value forward = vm_getattr_text(vm, module, "forward");
    if (is_null(forward)) return NULL;
    Value function = forward;
    *method = forward.o->cls == vm->cls[CLS_METHOD];
    if (*method) function = ((BoundMethod *)(void *)forward.o)->function;
    const Code *code = function.tag == TAG_OBJ && function.o->cls == vm->cls[CLS_FUNCTION]
                           ? ((Function *)(void *)function.o)->code
                           : NULL;
    if (code) code_ready(vm, code);
    decref(forward);
    return code;
}

/* Whether the program defines it itself. */
static bool is_own(const TraceCompile *c, const Code *code) {
    return code && !sources_get(c->sources, code->file)->builtin;
}

static Span code_span(TraceCompile *c, const Code *code) {
    if (is_own(c, code)) return code->span;
    return bound_span(c, trace_bound_name(c->ts->vm, c->ts->trace->module));
}

Span trace_forward_span(TraceCompile *c) {
    bool method = false;
    return code_span(c, forward_code(c->ts->vm, c->ts->trace->module, &method));
}

/* Parameters that take one value: positional ones, then keywords. */
static size_t parameter_count(const Code *code, bool method) {
    return code ? code->positional_count + code->keyword_only_count - method : 0;
}

static const char *parameter_name(const Code *code, bool method, size_t number) {
    if (number >= parameter_count(code, method)) return NULL;
    const Name *name = code->slot_names[number + method];
    return name ? name->text : NULL;
}

const char *trace_parameter_name(Vm *vm, Value module, size_t number) {
    bool method = false;
    const Code *code = forward_code(vm, module, &method);
    if (!code) decref(vm_take_raised(vm));
    return code && number + method < code->positional_count ? parameter_name(code, method, number)
                                                            : NULL;
}

/* An input named on the command line must be a parameter of forward. */
static bool check_input_name(TraceCompile *c, const Code *code, bool method, const char *name) {
    size_t count = parameter_count(code, method);
    if (!name[0] || !code || code->flags & CODE_KWARGS) return true;
    const char **words = ARENA_ARRAY(c->arena, const char *, count + 1);
    Buf list = {0};
    bool known = false;
    for (size_t i = 0; i < count; i++) {
        words[i] = parameter_name(code, method, i);
        known = known || strcmp(words[i], name) == 0;
        buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    }
    const char *near = known ? NULL : nearest_word(name, words, count);
    if (!known)
        report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
               "--input %s: forward has no such parameter; it takes: %s", name, buf_text(&list));
    if (near) report(c->sources, SEVERITY_HINT, (Span){0}, "did you mean '%s'?", near);
    buf_free(&list);
    return known;
}

/* Inputs of the types that forward's parameters are annotated with (jaxtyping's form), or None. */
static Value annotated_args(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    Value library = vm_import(vm, "jaxtyping"), result = NULL_VALUE;
    Value examples = is_null(library) ? library : vm_getattr_text(vm, library, "_example_inputs");
    if (!is_null(examples)) result = vm_call1(vm, examples, c->ts->trace->module);
    if (!is_null(examples)) decref(examples);
    if (!is_null(library)) decref(library);
    if (!is_null(result)) return result;
    decref(vm_take_raised(vm));
    return NONE;
}

static void report_unknown_inputs(TraceCompile *c, const Code *code, bool method) {
    const char *chosen = c->options->module;
    const char *name = chosen ? chosen : trace_bound_name(c->ts->vm, c->ts->trace->module);
    const char *input = parameter_name(code, method, 0);
    if (!input) input = "x";
    report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
           "forward's inputs are not known: the program never calls `%s`", name);
    Buf hint = {0};
    if (!chosen) buf_printf(&hint, "call it once, %s(torch.randn(1, 1, 32, 32)); or ", name);
    if (is_own(c, code))
        buf_printf(&hint, "annotate forward, %s: Float[Tensor, \"1 1 32 32\"]; or ", input);
    report(c->sources, SEVERITY_HINT, (Span){0}, "%sname the inputs, --input %s=f32[1,1,32,32]",
           buf_text(&hint), input);
    buf_free(&hint);
}

/* The arguments of a call of forward: those of the first call, of the annotations, or --input's. */
typedef struct CallArguments {
    const Code *code; /* forward's, or NULL */
    bool method;
    const GivenInput *given;
    size_t given_count;
    VEC(Value) values; /* positional ones, then those of `names` */
    VEC(Value) names;  /* strings */
} CallArguments;

static const GivenInput *find_given(const CallArguments *a, const char *name, size_t place) {
    for (size_t i = 0; i < a->given_count; i++) {
        const GivenInput *given = &a->given[i];
        if (given->name[0] ? name && strcmp(given->name, name) == 0 : i == place) return given;
    }
    return NULL;
}

static void push_value(TensorState *ts, CallArguments *a, Value known, const GivenInput *given,
                       const char *name) {
    Value value = given ? tensor_wrap(ts, lazy_zeros(ts, given->type), NULL) : incref(known);
    VEC_PUSH(a->values, trace_argument(ts, value, name));
    decref(value);
}

static void push_named(TensorState *ts, CallArguments *a, Value known, const GivenInput *given,
                       const char *name) {
    push_value(ts, a, known, given, name);
    VEC_PUSH(a->names, str_from(ts->vm, name));
}

static bool has_value(TensorState *ts, const CallArguments *a, const char *name) {
    for (size_t i = 0; i < parameter_count(a->code, a->method); i++)
        if (strcmp(parameter_name(a->code, a->method, i), name) == 0) return true;
    const Trace *t = ts->trace;
    return is_dict(t->kwargs) && !is_null(dict_get_text(ts->vm, as_dict(t->kwargs), name));
}

/* Positional arguments of the known call, and inputs of the command line that continue them; others
 * of these go by name. */
static void collect_arguments(TensorState *ts, CallArguments *a) {
    Trace *t = ts->trace;
    const Value *items = NULL;
    size_t count = 0, parameters = parameter_count(a->code, a->method);
    if (!is_none(t->args)) vm_items(t->args, &items, &count);
    size_t last = count > a->given_count ? count : a->given_count;
    if (parameters > last) last = parameters;
    size_t positional = a->code ? a->code->positional_count - a->method : last;
    for (size_t i = 0; i < last; i++) {
        const char *known = parameter_name(a->code, a->method, i);
        const char *name = known ? known : arena_printf(&t->arena, last == 1 ? "x" : "x%zu", i);
        const GivenInput *given = find_given(a, known, i);
        bool later = is_dict(t->kwargs) && dict_get_text(ts->vm, as_dict(t->kwargs), name).tag;
        if (i >= count && (!given || later)) continue;
        if (i == a->values.count && (i < positional || !known))
            push_value(ts, a, i < count ? items[i] : NONE, given, name);
        else
            push_named(ts, a, NONE, given, name);
    }
    size_t pos = 0;
    Value key, value;
    while (is_dict(t->kwargs) && dict_next(as_dict(t->kwargs), &pos, &key, &value)) {
        const char *name = as_str(key)->data;
        push_named(ts, a, value, find_given(a, name, SIZE_MAX), name);
    }
    for (size_t i = 0; i < a->given_count; i++) /* those that **kwargs takes */
        if (a->given[i].name[0] && !has_value(ts, a, a->given[i].name))
            push_named(ts, a, NONE, &a->given[i], a->given[i].name);
}

/* Reads --input's. False: reported, as when nothing tells forward's inputs. */
static bool prepare_arguments(TraceCompile *c, CallArguments *a) {
    Trace *t = c->ts->trace;
    size_t count = (size_t)c->options->input_type_count;
    GivenInput *given = ARENA_ARRAY(c->arena, GivenInput, count + 1);
    a->code = forward_code(c->ts->vm, t->module, &a->method);
    for (size_t i = 0; i < count; i++)
        if (!parse_input(c, c->options->input_types[i], &given[i]) ||
            !check_input_name(c, a->code, a->method, given[i].name))
            return false;
    a->given = given;
    a->given_count = count;
    if (!count && is_none(t->args)) t->args = annotated_args(c);
    if (count || !is_none(t->args)) return true;
    report_unknown_inputs(c, a->code, a->method);
    return false;
}

/* An error of the call itself happens nowhere in the program: forward is its place then. */
static void place_error(TraceCompile *c, const Code *code) {
    if (!is_exception(c->ts->vm->raised)) return;
    Exception *exception = as_exception(c->ts->vm->raised);
    for (size_t i = 0; i < exception->trace.count; i++)
        if (!exception->trace.items[i].prelude) return;
    VEC_PUSH(exception->trace, (TraceEntry){.span = code_span(c, code)});
}

Value trace_call_forward(TraceCompile *c) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    CallArguments a = {0};
    t->call_inputs.count = 0;
    if (!prepare_arguments(c, &a)) return NULL_VALUE;
    DType autocast = ts->autocast;
    ts->autocast = t->autocast;
    t->tracing = true;
    collect_arguments(ts, &a);
    size_t named = a.names.count, count = a.values.count;
    Value kwnames = tuple_from(ts->vm, a.names.items, named), result = NULL_VALUE;
    if (!vm_failed(ts->vm))
        result = vm_call(ts->vm, t->module, a.values.items, (int)(count - named),
                         named ? as_tuple(kwnames) : NULL);
    t->tracing = false;
    ts->autocast = autocast;
    if (is_null(result)) place_error(c, a.code);
    for (size_t i = 0; i < count; i++)
        decref(a.values.items[i]);
    for (size_t i = 0; i < named; i++)
        decref(a.names.items[i]);
    VEC_FREE(a.values);
    VEC_FREE(a.names);
    decref(kwnames);
    return result;
}
