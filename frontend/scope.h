/* Scope analysis: which variable every name means.
 *
 * One walk over the tree makes the scopes and notes what each binds and uses; then every use is
 * resolved, so that captured variables are known to be cells before code is generated. A
 * comprehension (but not a generator expression) has a scope of its own yet no frame: its
 * variables are slots of the frame around it. */
#ifndef NNC_FRONTEND_SCOPE_H
#define NNC_FRONTEND_SCOPE_H

#include "frontend/ast.h"
#include "frontend/compile.h"
#include "frontend/name_map.h"

typedef struct Scope Scope;

typedef enum ScopeKind { SCOPE_MODULE, SCOPE_CLASS, SCOPE_FUNCTION, SCOPE_COMP } ScopeKind;

typedef struct Symbol {
    Name *name;
    Scope *scope;
    Span span;  /* of its first use */
    bool bound; /* assigned, a parameter, imported, ... */
    bool used;
    bool is_global, is_nonlocal; /* declared so */
    bool is_cell;                /* captured by an inner frame */
    uint32_t slot;               /* bound in a FUNCTION or COMP scope: slot of its frame */
} Symbol;

struct Scope {
    ScopeKind kind;
    Scope *parent;
    Scope *frame;     /* the scope whose frame holds the variables: itself unless a COMP */
    const void *node; /* FunctionDef, ClassDef or Expr (EXPR_COMP); NULL: module */
    Name *name;
    VEC(Symbol *) symbols; /* in order of appearance */
    NameMap index;
    VEC(Scope *) children;
    size_t cursor; /* where scope_child() looks first */
    /* Frames only: */
    VEC(Name *) slot_names; /* local slots */
    VEC(Symbol *) free;     /* captured from outer frames, in order */
    Symbol *class_cell;     /* CLASS: the __class__ its methods see */
    bool is_generator;
};

typedef enum VariableKind {
    VARIABLE_LOCAL,
    VARIABLE_CELL, /* a cell in one of the frame's slots, own or captured */
    VARIABLE_GLOBAL,
    VARIABLE_CLASS, /* in the namespace of a class body */
} VariableKind;

typedef struct Variable {
    VariableKind kind;
    uint32_t slot; /* LOCAL, CELL; captured cells count from the frame's local slots */
} Variable;

/* Analyses a module. Errors are reported; NULL then. */
Scope *scope_module(Compiler *compiler, const ModuleAst *module);
/* Frees what scopes hold outside the arena. */
void scope_free(Scope *scope);

/* The scope made for a node below `scope`. */
Scope *scope_child(Scope *scope, const void *node);
Variable scope_resolve(Scope *scope, Name *name);
/* The frame's slot that holds the cell of `symbol`, for MAKE_FUNCTION's captures. */
uint32_t scope_cell_slot(const Scope *frame, const Symbol *symbol);

#endif
