/* The list of modules written in C. */
#include "frontend/modules/modules.h"

bool module_lazy_names(Vm *vm, ModuleObj *module, const char *file, const char *names) {
    Dict *lazy = dict_new(vm);
    Value text = str_from(vm, names);
    dict_set_str(lazy, vm_intern_text(vm, file), text);
    decref(text);
    return module_set(vm, module, "__lazy__", FROM_OBJ(lazy));
}

/* What every program sees without an import. */
static bool module_builtins(Vm *vm, ModuleObj *module) {
    return dict_update(vm, module->dict, FROM_OBJ(vm->builtins));
}

void modules_init(Vm *vm) {
    vm_register_module(vm, "builtins", module_builtins);
    vm_register_module(vm, "math", module_math);
    vm_register_module(vm, "time", module_time);
    vm_register_module(vm, "sys", module_sys);
    vm_register_module(vm, "os", module_os);
    vm_register_module(vm, "os.path", module_os_path);
    vm_register_module(vm, "_random", module_random);
    vm_register_module(vm, "gc", module_gc);
    vm_register_module(vm, "_struct", module_struct);
    vm_register_module(vm, "_code", module_code);
    vm_register_module(vm, "_posix", module_posix);
}
