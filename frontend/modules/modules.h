/* Modules written in C: each fills the namespace it is given. */
#ifndef NNC_FRONTEND_MODULES_H
#define NNC_FRONTEND_MODULES_H

#include "frontend/vm_internal.h"

bool module_math(Vm *vm, ModuleObj *module);
bool module_time(Vm *vm, ModuleObj *module);
bool module_sys(Vm *vm, ModuleObj *module);
bool module_os(Vm *vm, ModuleObj *module);
bool module_os_path(Vm *vm, ModuleObj *module);
bool module_random(Vm *vm, ModuleObj *module);
bool module_gc(Vm *vm, ModuleObj *module);
bool module_struct(Vm *vm, ModuleObj *module);
bool module_code(Vm *vm, ModuleObj *module);
bool module_posix(Vm *vm, ModuleObj *module);
/* Names that a file of the prelude, `file` below the module, defines when one of them is asked for.
 */
bool module_lazy_names(Vm *vm, ModuleObj *module, const char *file, const char *names);

void sha512(const unsigned char *data, size_t size, unsigned char digest[64]);

#define MODULE_FUNCTION(name)                                                                      \
    static Value name(Vm *vm, const Value *args, int nargs, const Tuple *kwnames)

/* Defines every function of a list ended by a NULL name. */
void module_functions(Vm *vm, ModuleObj *module, const Method *list);

#endif
