/* What the walk and the resolution of scope analysis share. */
#ifndef NNC_FRONTEND_SCOPE_INTERNAL_H
#define NNC_FRONTEND_SCOPE_INTERNAL_H

#include "frontend/scope.h"

typedef struct Walk {
    Compiler *compiler;
    Scope *scope;
    Name *class_name, *super_name, *genexpr;
    uint32_t height;
    bool too_deep; /* reported */
    bool failed;
    bool string_annotations; /* from __future__ import annotations: not evaluated */
} Walk;

void scope_error(Walk *walk, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
Scope *scope_new(Walk *walk, ScopeKind kind, Scope *parent, const void *node, Name *name);
Symbol *scope_symbol(Walk *walk, Scope *scope, Name *name, Span span);
Symbol *scope_bind(Walk *walk, Scope *scope, Name *name, Span span);

/* scope_resolve.c: marks cells and fills the frames' lists of captured variables. */
void scope_resolve_all(Walk *walk, Scope *root);

#endif
