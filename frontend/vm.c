/* The life of a Vm: building its classes, names and builtins, running a program, and freeing all of
 * it again. */
#include "frontend/vm.h"

#include <stdlib.h>

#include "frontend/compile.h"
#include "frontend/interp.h"

enum { RECURSION_LIMIT = 1000, INT_DIGITS_LIMIT = 4300 };

static void names_init(Vm *vm) {
#define X(id) vm->names.id##_ = vm_intern_text(vm, "__" #id "__");
    DUNDER_LIST(X)
#undef X
    static const char *const binary[] = {"add",      "sub", "mul", "matmul", "truediv",
                                         "floordiv", "mod", "pow", "lshift", "rshift",
                                         "and",      "or",  "xor", "divmod"};
    static const char *const prefixes[] = {"", "r", "i"};
    char name[32];
    for (int op = 0; op < BINARY_OP_COUNT; op++)
        for (int kind = 0; kind < 3; kind++) {
            snprintf(name, sizeof name, "__%s%s__", prefixes[kind], binary[op]);
            vm->binary_names[op][kind] = vm_intern_text(vm, name);
        }
    Names *n = &vm->names;
    Str *const compare[] = {n->lt_, n->le_, n->eq_, n->ne_, n->gt_, n->ge_};
    memcpy(vm->compare_names, compare, sizeof compare);
}

void vm_init(Vm *vm, Sources *sources) {
    *vm = (Vm){.sources = sources,
               .recursion_limit = RECURSION_LIMIT,
               .int_digits_limit = INT_DIGITS_LIMIT,
               .out = stdout};
    vm->interrupted = &vm->never_interrupted;
    vm->interns = xcalloc(1, sizeof *vm->interns);
    interns_init(vm->interns);
    vm->compiler = xcalloc(1, sizeof *vm->compiler);
    *vm->compiler = (Compiler){&vm->arena, sources, vm->interns};
    vm->method_cache = xcalloc(METHOD_CACHE_SIZE, sizeof *vm->method_cache);
    vm->gc_objects.prev = vm->gc_objects.next = &vm->gc_objects;
    vm->gc_threshold = SIZE_MAX; /* not before everything stands */
    vm->stack_floor = (char *)__builtin_frame_address(0) - C_STACK_BYTES;
    class_init(vm);
    vm->empty_str = as_str(str_alloc(vm, vm->cls[CLS_STR], "", 0));
    for (int c = 0; c < 128; c++) {
        char text = (char)c;
        vm->char_strs[c] =
            c ? vm_intern(vm, &text, 1) : as_str(str_alloc(vm, vm->cls[CLS_STR], &text, 1));
    }
    vm->empty_tuple = as_tuple(tuple_new(vm, 0));
    names_init(vm);
    vm->builtins = dict_new(vm);
    vm->modules = dict_new(vm);
    exceptions_init(vm);
    builtins_init(vm);
    modules_init(vm);
    vm->gc_threshold = 50000;
}

Dict *vm_main_dict(Vm *vm) {
    Value module = dict_get(vm->modules, vm->names.main_);
    return is_null(module) ? NULL : ((ModuleObj *)(void *)module.o)->dict;
}

bool vm_run_main(Vm *vm, uint16_t file) {
    const Code *code = compile_module(vm->compiler, file);
    if (!code) return false;
    ModuleObj *module = module_new(vm, "__main__");
    dict_set_str(vm->modules, vm->names.main_, FROM_OBJ(module));
    const Source *source = sources_get(vm->sources, file);
    module_set(vm, module, "__file__", str_from(vm, source->path));
    bool ok = module_run(vm, module, code);
    DROP(module);
    if (vm->out && !vm->silent) fflush(vm->out);
    return ok;
}

void vm_finish(Vm *vm) {
    clear_value(&vm->raised);
    clear_value(&vm->handled);
    vm->gc_threshold = SIZE_MAX;
    size_t pos = 0;
    Value key, module;
    while (dict_next(vm->modules, &pos, &key, &module))
        if (module.o->cls == vm->cls[CLS_MODULE]) dict_clear(((ModuleObj *)(void *)module.o)->dict);
    vm_collect_cycles(vm);
}

/* Behind what the program left are the Vm's own objects, freed without asking them anything. */
void vm_free(Vm *vm) {
    vm_finish(vm);
    for (size_t i = 0; i < vm->codes.count; i++) {
        CodeData *data = vm->codes.items[i]->vm;
        for (uint32_t c = 0; c < vm->codes.items[i]->const_count; c++)
            decref(data->consts[c]);
    }
    DROP(vm->modules);
    DROP(vm->builtins);
    vm_collect_cycles(vm);
    vm_free_objects(vm);
    while (vm->stack && vm->stack->next)
        vm->stack = vm->stack->next;
    while (vm->stack) {
        StackChunk *prev = vm->stack->prev;
        free(vm->stack);
        vm->stack = prev;
    }
    interns_free(vm->interns);
    free(vm->interns);
    free(vm->compiler);
    free(vm->method_cache);
    VEC_FREE(vm->codes);
    VEC_FREE(vm->native_modules);
    VEC_FREE(vm->dealloc_later);
    VEC_FREE(vm->repr_stack);
    arena_free(&vm->arena);
}
