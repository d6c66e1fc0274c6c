/* _code: functions made of text at run time, for the library's own use: methods of dataclasses and
 * named tuples, whose parameters and errors then are those of any function. */
#include "frontend/compile.h"
#include "frontend/modules/modules.h"

/* The code of a text: compiled once, its address kept in the module's `cache`. */
static const Code *compiled(Vm *vm, Value text) {
    Value module = vm_import(vm, "_code");
    if (is_null(module)) return NULL;
    Dict *cache = as_dict(dict_get_text(vm, ((ModuleObj *)(void *)module.o)->dict, "cache"));
    decref(module);
    Value known = dict_find(vm, cache, text);
    if (!is_null(known)) return (const Code *)(intptr_t)as_int(known);
    const Str *s = as_str(text);
    uint16_t file = sources_add(vm->sources, "<made>", s->data, s->size);
    if (file == 0) {
        vm_raise(vm, EXC_ValueError, "names of fields must be valid text");
        return NULL;
    }
    ((Source *)(uintptr_t)sources_get(vm->sources, file))->builtin = true;
    const Code *code = compile_module(vm->compiler, file);
    if (!code)
        vm_raise(vm, EXC_SyntaxError, "names of fields must be identifiers");
    else
        dict_set(vm, cache, text, from_int((int64_t)(intptr_t)code));
    return code;
}

/* define(text, names, module): runs the text with these names; gives what is then defined. */
MODULE_FUNCTION(code_define) {
    if (!vm_args_simple(vm, "define", nargs, kwnames, 3, 3)) return NULL_VALUE;
    const char *name = vm_to_text(vm, args[2], "module");
    if (!name || !vm_to_text(vm, args[0], "text")) return NULL_VALUE;
    const Code *code = compiled(vm, args[0]);
    if (!code) return NULL_VALUE;
    ModuleObj *module = module_new(vm, name);
    bool ok = dict_update(vm, module->dict, args[1]) && module_run(vm, module, code);
    Value made = ok ? NEW_REF(module->dict) : NULL_VALUE;
    DROP(module);
    return made;
}

bool module_code(Vm *vm, ModuleObj *module) {
    module_function(vm, module, "define", code_define);
    return module_set(vm, module, "cache", FROM_OBJ(dict_new(vm)));
}
