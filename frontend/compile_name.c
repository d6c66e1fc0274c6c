/* Loading, storing and deleting names and other targets. */
#include "frontend/compile_internal.h"

/* The class bodies' namespace opcodes name the global slot in 16 bits. */
enum { NO_SLOT = 0xFFFF };

uint32_t compile_global_slot(Emitter *emitter, Name *name) {
    Unit *unit = emitter->unit;
    uint32_t slot = name_map_get(&unit->global_index, name);
    if (slot != UINT32_MAX) return slot;
    slot = (uint32_t)unit->globals.count;
    name_map_add(&unit->global_index, unit->compiler->arena, name, slot);
    VEC_PUSH(unit->globals, name);
    return slot;
}

typedef enum Access { LOAD, STORE, DELETE } Access;

static void access_name(Emitter *emitter, Name *name, Access access) {
    static const Opcode local[] = {OP_LOAD_LOCAL, OP_STORE_LOCAL, OP_DELETE_LOCAL};
    static const Opcode cell[] = {OP_LOAD_CELL, OP_STORE_CELL, OP_DELETE_CELL};
    static const Opcode global[] = {OP_LOAD_GLOBAL, OP_STORE_GLOBAL, OP_DELETE_GLOBAL};
    static const Opcode namespace[] = {OP_LOAD_NAME, OP_STORE_NAME, OP_DELETE_NAME};
    Variable variable = scope_resolve(emitter->scope, name);
    switch (variable.kind) {
    case VARIABLE_LOCAL:
        emit_c(emitter, local[access], variable.slot);
        break;
    case VARIABLE_CELL:
        emit_c(emitter, cell[access], variable.slot);
        break;
    case VARIABLE_GLOBAL:
        emit_c(emitter, global[access], compile_global_slot(emitter, name));
        break;
    case VARIABLE_CLASS: {
        uint32_t slot = access == LOAD ? compile_global_slot(emitter, name) : 0;
        if (slot > NO_SLOT) slot = NO_SLOT;
        emit(emitter, namespace[access], 0, slot, emit_add_name(emitter, name));
        break;
    }
    }
}

void compile_load(Emitter *emitter, Name *name) {
    access_name(emitter, name, LOAD);
}
void compile_store(Emitter *emitter, Name *name) {
    access_name(emitter, name, STORE);
}
void compile_delete(Emitter *emitter, Name *name) {
    access_name(emitter, name, DELETE);
}

/* a, b = x and a, *b, c = x. */
static void unpack(Emitter *emitter, const Expr *target) {
    Exprs items = target->as.items;
    size_t star = items.count;
    for (size_t i = 0; i < items.count; i++)
        if (items.items[i]->kind == EXPR_STARRED) star = i;
    if (star == items.count)
        emit_c(emitter, OP_UNPACK, (int64_t)items.count);
    else if (star > UINT16_MAX)
        compile_error(emitter, target->span, "too many targets before the starred one");
    else
        emit(emitter, OP_UNPACK_STAR, 0, (uint32_t)star, (int64_t)(items.count - star - 1));
    for (size_t i = 0; i < items.count; i++) {
        const Expr *item = items.items[i];
        compile_target(emitter, item->kind == EXPR_STARRED ? item->as.value : item);
    }
}

void compile_target(Emitter *emitter, const Expr *target) {
    Span outer = emitter->span;
    emitter->span = target->span;
    switch (target->kind) {
    case EXPR_NAME:
        compile_store(emitter, target->as.name);
        break;
    case EXPR_ATTRIBUTE:
        compile_expr(emitter, target->as.attribute.object);
        emitter->span = target->span;
        emit_cached(emitter, OP_STORE_ATTR, target->as.attribute.name);
        break;
    case EXPR_SUBSCRIPT:
        compile_expr(emitter, target->as.subscript.object);
        compile_expr(emitter, target->as.subscript.index);
        emitter->span = target->span;
        emit0(emitter, OP_STORE_SUBSCRIPT);
        break;
    default:
        unpack(emitter, target);
        break;
    }
    emitter->span = outer;
}
