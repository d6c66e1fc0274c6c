/* Resolution of names: from a scope outwards, past class bodies, to the module's globals. */
#include "frontend/scope_internal.h"

static Symbol *lookup(const Scope *scope, const Name *name) {
    uint32_t at = name_map_get(&scope->index, name);
    return at == UINT32_MAX ? NULL : scope->symbols.items[at];
}

static bool is_own(const Symbol *symbol) {
    return symbol && symbol->bound && !symbol->is_global && !symbol->is_nonlocal;
}

/* The variable of an enclosing function that `name` means in `scope`; NULL: a global. Sets
 * `*declared` when a scope on the way says that the name is global. */
static Symbol *find_outer(const Scope *scope, const Name *name) {
    for (const Scope *outer = scope->parent; outer; outer = outer->parent) {
        if (outer->kind == SCOPE_MODULE) return NULL;
        if (outer->kind == SCOPE_CLASS) {
            if (name == outer->class_cell->name) return outer->class_cell;
            continue;
        }
        Symbol *symbol = lookup(outer, name);
        if (is_own(symbol)) return symbol;
        if (symbol && symbol->is_global) return NULL;
    }
    return NULL;
}

static Symbol *find(const Scope *scope, const Name *name) {
    Symbol *symbol = lookup(scope, name);
    if (is_own(symbol)) return symbol;
    if (symbol && symbol->is_global) return NULL;
    return find_outer(scope, name);
}

static uint32_t free_index(const Scope *frame, const Symbol *symbol) {
    for (size_t i = 0; i < frame->free.count; i++)
        if (frame->free.items[i] == symbol) return (uint32_t)i;
    return UINT32_MAX;
}

/* Every frame between the use and the variable's own frame passes the cell on. */
static void capture(Scope *scope, Symbol *symbol) {
    const Scope *owner = symbol->scope->frame;
    for (Scope *frame = scope->frame; frame != owner; frame = frame->parent->frame) {
        symbol->is_cell = true;
        if (free_index(frame, symbol) == UINT32_MAX) VEC_PUSH(frame->free, symbol);
    }
}

/* __class__ belongs to a class body's frame; the slot is made when a method needs it. */
static void need_class_cell(Symbol *symbol) {
    Scope *scope = symbol->scope;
    if (symbol != scope->class_cell || symbol->bound) return;
    symbol->bound = true;
    symbol->slot = (uint32_t)scope->slot_names.count;
    VEC_PUSH(scope->slot_names, symbol->name);
}

static void resolve_symbol(Walk *walk, Scope *scope, Symbol *symbol) {
    if (symbol->is_nonlocal) {
        Symbol *outer = find_outer(scope, symbol->name);
        if (!outer || outer == outer->scope->class_cell)
            scope_error(walk, symbol->span, "no enclosing function binds '%s' for 'nonlocal'",
                        symbol->name->text);
        else
            capture(scope, outer);
        return;
    }
    if (is_own(symbol) || symbol->is_global) return;
    Symbol *outer = find_outer(scope, symbol->name);
    if (!outer) return;
    need_class_cell(outer);
    capture(scope, outer);
}

void scope_resolve_all(Walk *walk, Scope *scope) {
    for (size_t i = 0; i < scope->symbols.count; i++)
        resolve_symbol(walk, scope, scope->symbols.items[i]);
    for (size_t i = 0; i < scope->children.count; i++)
        scope_resolve_all(walk, scope->children.items[i]);
}

uint32_t scope_cell_slot(const Scope *frame, const Symbol *symbol) {
    if (symbol->scope->frame == frame) return symbol->slot;
    return (uint32_t)frame->slot_names.count + free_index(frame, symbol);
}

Variable scope_resolve(Scope *scope, Name *name) {
    Symbol *own = lookup(scope, name);
    if (scope->kind == SCOPE_CLASS && is_own(own)) return (Variable){VARIABLE_CLASS, 0};
    if (scope->kind == SCOPE_MODULE) return (Variable){VARIABLE_GLOBAL, 0};
    Symbol *symbol = find(scope, name);
    if (!symbol && scope->kind == SCOPE_CLASS && !(own && own->is_global))
        return (Variable){VARIABLE_CLASS, 0};
    if (!symbol) return (Variable){VARIABLE_GLOBAL, 0};
    if (symbol->is_cell || symbol == symbol->scope->class_cell)
        return (Variable){VARIABLE_CELL, scope_cell_slot(scope->frame, symbol)};
    return (Variable){VARIABLE_LOCAL, symbol->slot};
}

Scope *scope_child(Scope *scope, const void *node) {
    for (size_t i = 0; i < scope->children.count; i++) {
        size_t at = (scope->cursor + i) % scope->children.count;
        if (scope->children.items[at]->node != node) continue;
        scope->cursor = at + 1;
        return scope->children.items[at];
    }
    return NULL;
}
