/* The list of modules written in C. */
#include "frontend/modules/modules.h"

void modules_init(Vm *vm) {
    vm_register_module(vm, "math", module_math);
    vm_register_module(vm, "time", module_time);
    vm_register_module(vm, "sys", module_sys);
    vm_register_module(vm, "os", module_os);
    vm_register_module(vm, "os.path", module_os_path);
    vm_register_module(vm, "_random", module_random);
    vm_register_module(vm, "gc", module_gc);
    vm_register_module(vm, "_struct", module_struct);
    vm_register_module(vm, "_code", module_code);
}
