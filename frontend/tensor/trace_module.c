/* Which module `nnc x.nn -o ...` compiles, and what its forward is called with. */
#include <stdlib.h>
#include <string.h>

#include "frontend/compile.h"
#include "frontend/interp.h"
#include "frontend/tensor/trace_compile.h"

/* ---- which module ---- */

/* Evaluates --module's expression in a copy of the program's namespace: the program's own functions
 * address theirs by number, so it must stay as it is. */
static Value eval_module(TraceCompile *c) {
    Vm *vm = c->ts->vm;
    char *text = arena_printf(c->arena, "__nnc_module__ = (%s)\n", c->options->module);
    uint16_t file = sources_add(c->sources, "--module", text, strlen(text));
    const Code *code = file ? compile_module(vm->compiler, file) : NULL;
    Dict *main = vm_main_dict(vm);
    if (!code || !main) return NULL_VALUE;
    ModuleObj *scope = module_new(vm, "__main__");
    dict_update(vm, scope->dict, FROM_OBJ(main));
    bool ok = module_run(vm, scope, code);
    Value module = ok ? dict_get_text(vm, scope->dict, "__nnc_module__") : NULL_VALUE;
    if (!is_null(module)) incref(module);
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

/* Instances of Module bound at the top level. */
static size_t bound_modules(TraceCompile *c, Value *out, size_t max) {
    Vm *vm = c->ts->vm;
    Value nn = vm_import(vm, "torch.nn");
    Value base = is_null(nn) ? nn : vm_getattr_text(vm, nn, "Module");
    size_t pos = 0, count = 0;
    Value key, value;
    while (!is_null(base) && dict_next(vm_main_dict(vm), &pos, &key, &value)) {
        if (value.tag != TAG_OBJ || is_class(value) || !vm_is_a(vm, value, as_class(base)))
            continue;
        bool known = false;
        for (size_t i = 0; i < count; i++)
            known = known || out[i].o == value.o;
        if (!known && count < max) out[count++] = value;
    }
    if (!is_null(nn)) decref(nn);
    if (!is_null(base)) decref(base);
    return count;
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
    report(c->sources, SEVERITY_HINT, (Span){0}, "say which one is to be compiled: --module %s",
           trace_bound_name(c->ts->vm, modules[0]));
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

bool trace_choose_module(TraceCompile *c) {
    Trace *t = c->ts->trace;
    if (c->options->module) {
        Value module = eval_module(c);
        if (is_null(module)) return false;
        bool ok = module.o == t->module.o || bind(c, module);
        decref(module);
        return ok;
    }
    if (t->called.count > 1 && !t->stepped) return several(c, t->called.items, t->called.count);
    if (!is_none(t->module)) return true;
    Value modules[16];
    size_t count = bound_modules(c, modules, 16);
    if (count > 1) return several(c, modules, count);
    if (count > 0) return bind(c, modules[0]);
    report(c->sources, SEVERITY_ERROR, (Span){c->options->file, 0, 0},
           "no module to compile: the top level binds no instance of nn.Module, such as "
           "`net = Net()`");
    return false;
}

/* ---- forward's inputs ---- */

static bool parse_input(TraceCompile *c, const char *spec, char *name, size_t size, Type *type) {
    const char *equals = strchr(spec, '='), *at = equals ? equals + 1 : spec;
    const char *bracket = strchr(at, '[');
    char dtype[16] = "";
    size_t length = equals ? (size_t)(equals - spec) : 0;
    bool ok = bracket && (size_t)(bracket - at) < sizeof dtype && length < size;
    if (ok) {
        memcpy(name, spec, length);
        name[length] = 0;
        memcpy(dtype, at, (size_t)(bracket - at));
        ok = dtype_from_name(dtype, &type->dtype);
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
           "--input %s: expected something like x=f32[1,1,32,32]", spec);
    return false;
}

/* Code of the module's forward, or NULL. */
static const Code *forward_code(TraceCompile *c, bool *method) {
    Value forward = vm_getattr_text(c->ts->vm, c->ts->trace->module, "forward");
    if (is_null(forward)) return NULL;
    Value function = forward;
    *method = forward.o->cls == c->ts->vm->cls[CLS_METHOD];
    if (*method) function = ((BoundMethod *)(void *)forward.o)->function;
    const Code *code = function.tag == TAG_OBJ && function.o->cls == c->ts->vm->cls[CLS_FUNCTION]
                           ? ((Function *)(void *)function.o)->code
                           : NULL;
    if (code) code_ready(c->ts->vm, code);
    decref(forward);
    return code;
}

/* Whether the program defines it itself. */
static bool is_own(const TraceCompile *c, const Code *code) {
    return code && !sources_get(c->sources, code->file)->builtin;
}

Span trace_forward_span(TraceCompile *c) {
    bool method = false;
    const Code *code = forward_code(c, &method);
    if (is_own(c, code)) return code->span;
    return bound_span(c, trace_bound_name(c->ts->vm, c->ts->trace->module));
}

static const char *parameter_name(const Code *code, bool method, size_t number) {
    size_t slot = number + method;
    if (!code || slot >= code->positional_count || !code->slot_names[slot]) return NULL;
    return code->slot_names[slot]->text;
}

/* An input named on the command line must be a parameter of forward. */
static bool check_input_name(TraceCompile *c, const Code *code, bool method, const char *name) {
    const char *words[32];
    size_t count = 0;
    if (!name[0] || !code) return true;
    Buf list = {0};
    for (const char *word; count < 32 && (word = parameter_name(code, method, count)); count++) {
        words[count] = word;
        if (strcmp(word, name) == 0) {
            buf_free(&list);
            return true;
        }
        buf_printf(&list, "%s%s", count ? ", " : "", word);
    }
    report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
           "--input %s: forward has no such parameter; it takes: %s", name, buf_text(&list));
    const char *near = nearest_word(name, words, count);
    if (near) report(c->sources, SEVERITY_HINT, (Span){0}, "did you mean '%s'?", near);
    buf_free(&list);
    return false;
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
    const char *name = trace_bound_name(c->ts->vm, c->ts->trace->module);
    const char *input = parameter_name(code, method, 0);
    if (!input) input = "x";
    report(c->sources, SEVERITY_ERROR, trace_forward_span(c),
           "forward's inputs are not known: the program never calls `%s`", name);
    Buf annotation = {0};
    if (is_own(c, code))
        buf_printf(&annotation, "annotate forward, %s: Float[Tensor, \"1 1 32 32\"]; or ", input);
    report(c->sources, SEVERITY_HINT, (Span){0},
           "call it once, %s(torch.randn(1, 1, 32, 32)); or %sname the inputs, --input "
           "%s=f32[1,1,32,32]",
           name, buf_text(&annotation), input);
    buf_free(&annotation);
}

/* Forward's positional arguments: those of the first call, of the annotations, or by --input. */
static Value forward_args(TraceCompile *c) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    bool method = false;
    const Code *code = forward_code(c, &method);
    t->call_inputs.count = 0;
    const Value *items = NULL;
    size_t count = 0, given = (size_t)c->options->input_type_count;
    if (!given && is_none(t->args)) t->args = annotated_args(c);
    if (!is_none(t->args)) vm_items(t->args, &items, &count);
    if (!given && is_none(t->args)) {
        report_unknown_inputs(c, code, method);
        return NULL_VALUE;
    }
    size_t total = given > count ? given : count;
    Value made = tuple_new(ts->vm, total);
    for (size_t i = 0; i < total; i++)
        as_tuple(made)->items[i] = NONE;
    for (size_t i = 0; i < total; i++) {
        char fallback[16], named[64] = "";
        snprintf(fallback, sizeof fallback, total == 1 ? "x" : "x%zu", i);
        const char *name = parameter_name(code, method, i);
        if (!name) name = fallback;
        Value value = i < count ? incref(items[i]) : NONE;
        for (size_t k = 0; k < given; k++) {
            Type type;
            if (!parse_input(c, c->options->input_types[k], named, sizeof named, &type) ||
                !check_input_name(c, code, method, named)) {
                decref(made);
                return NULL_VALUE;
            }
            if (named[0] ? strcmp(named, name) != 0 : k != i) continue;
            decref(value);
            value = tensor_wrap(ts, lazy_zeros(ts, type), NULL);
        }
        as_tuple(made)->items[i] = trace_argument(ts, value, name);
        decref(value);
    }
    return made;
}

/* Calls the module's forward with new placeholders. NULL_VALUE: raised or reported. */
Value trace_call_forward(TraceCompile *c) {
    TensorState *ts = c->ts;
    Trace *t = ts->trace;
    t->tracing = true;
    Value args = forward_args(c);
    if (is_null(args)) t->tracing = false;
    if (is_null(args)) return args;
    const Tuple *positional = as_tuple(args);
    Value all[64];
    Value names[64];
    int nargs = 0, named = 0;
    for (size_t i = 0; i < positional->count && nargs < 32; i++)
        all[nargs++] = positional->items[i];
    size_t pos = 0;
    Value key, value;
    while (is_dict(t->kwargs) && dict_next(as_dict(t->kwargs), &pos, &key, &value) && named < 32) {
        names[named] = key;
        all[nargs + named++] = trace_argument(ts, value, as_str(key)->data);
    }
    Value kwnames = tuple_from(ts->vm, names, (size_t)named), result = NULL_VALUE;
    if (!vm_failed(ts->vm))
        result = vm_call(ts->vm, t->module, all, nargs, named ? as_tuple(kwnames) : NULL);
    t->tracing = false;
    for (int i = 0; i < named; i++)
        decref(all[nargs + i]);
    decref(kwnames);
    decref(args);
    return result;
}
