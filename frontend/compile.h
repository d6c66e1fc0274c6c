/* Source text to bytecode: parsing, scopes, code generation. */
#ifndef NNC_FRONTEND_COMPILE_H
#define NNC_FRONTEND_COMPILE_H

#include "frontend/ast.h"
#include "frontend/bytecode.h"

/* What compilations share. All codes live in `arena`. */
typedef struct Compiler {
    Arena *arena;
    Sources *sources;
    Interns *interns;
} Compiler;

/* Compiles a registered source to its module Code. `lazy` leaves function bodies unparsed until
 * compile_body() is called (for the prelude). NULL after errors, which were reported. */
Code *compile_module(Compiler *compiler, uint16_t file, bool lazy);
/* The index in the module's global table of `name`, for lazy bodies; added when new. */
typedef uint32_t GlobalSlot(void *context, Name *name);
/* Compiles a lazy code's body in place. False after errors (a bug in the prelude). Global names
 * are resolved by `slot_of(context, name)`. */
bool compile_body(Compiler *compiler, Code *code, GlobalSlot *slot_of, void *context);

/* Compiles a source that is one expression to a Code without parameters that returns its value in
 * a module, whose global names are resolved as above. NULL after errors. */
Code *compile_expression(Compiler *compiler, uint16_t file, GlobalSlot *slot_of, void *context);

#endif
