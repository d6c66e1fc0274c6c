/* Making and freeing objects, and the collector of cycles.
 *
 * Objects die when their count reaches zero. Freeing is iterative past a small depth, so that a
 * long chain can't overflow the C stack. Cycles are found by trial deletion: counts are copied,
 * references between tracked objects are subtracted, and what is then neither referenced from
 * outside nor reachable from what is, is garbage. */
#include <stdlib.h>
#include <string.h>

#include "frontend/intern.h"
#include "frontend/vm.h"
#include "frontend/vm_internal.h"

enum { DEALLOC_DEPTH = 40, GC_MIN_THRESHOLD = 50000 };

Dict **obj_dict_slot(Obj *obj) {
    if (obj->cls->dict_offset == 0) return NULL;
    return (Dict **)(void *)((char *)obj + obj->cls->dict_offset);
}

/* Small objects of a size that the class tells are cells of the Vm's arena, and wait in lists by
 * size when they are free. All others come from malloc(), and so does everything in debug builds,
 * where the address sanitizer then sees who uses what is gone. */
static size_t cell_kind(const Class *cls) {
#ifdef NDEBUG
    size_t kind = (cls->instance_size + CELL_STEP - 1) / CELL_STEP;
    return kind < CELL_KINDS && !(cls->flags & (CLASS_STR | CLASS_BYTES | CLASS_TUPLE)) ? kind : 0;
#else
    (void)cls;
    return 0;
#endif
}

static void *cell_new(Vm *vm, size_t kind) {
    FreeCell *cell = vm->free_cells[kind];
    if (!cell) return arena_alloc(&vm->arena, kind * CELL_STEP);
    vm->free_cells[kind] = cell->next;
    return memset(cell, 0, kind * CELL_STEP);
}

static void release(Vm *vm, Obj *obj, size_t kind) {
    if (kind == 0) {
        free(obj);
        return;
    }
    FreeCell *cell = (FreeCell *)(void *)obj;
    cell->next = vm->free_cells[kind];
    vm->free_cells[kind] = cell;
}

Obj *vm_alloc_extra(Vm *vm, Class *cls, size_t extra) {
    size_t size, kind = cell_kind(cls);
    if (!add_size(cls->instance_size, extra, &size)) fatal_memory();
    Obj *obj = kind ? cell_new(vm, kind) : xcalloc(1, size);
    obj->refs = 1;
    obj->cls = cls;
    if (cls->flags & CLASS_USER) cls->gc.base.refs++;
    if (cls->slots.traverse) {
        GcObj *gc = (GcObj *)obj;
        gc->prev = vm->gc_objects.prev;
        gc->next = &vm->gc_objects;
        gc->prev->next = gc;
        vm->gc_objects.prev = gc;
        vm->gc_count++;
    }
    return obj;
}

Obj *vm_alloc(Vm *vm, Class *cls) {
    return vm_alloc_extra(vm, cls, 0);
}

static void free_object(Vm *vm, Obj *obj) {
    Class *cls = obj->cls;
    if (cls->slots.traverse) {
        GcObj *gc = (GcObj *)obj;
        gc->prev->next = gc->next;
        gc->next->prev = gc->prev;
        vm->gc_count--;
    }
    if (cls->slots.dealloc) cls->slots.dealloc(obj);
    if (cls->flags & CLASS_USER) class_clear_members(cls, obj);
    if (cls->dict_offset) {
        Dict *dict = *obj_dict_slot(obj);
        if (dict) DROP(dict);
    }
    release(vm, obj, cell_kind(cls));
    if (cls->flags & CLASS_USER) DROP(cls);
}

/* Runs __del__, which may let the object live on. What it raises is dropped, as in CPython. */
static bool finalize(Vm *vm, Obj *obj) {
    if (vm->recursion_limit == 0) return true; /* the Vm goes: no code runs any more */
    Value raised = vm->raised, self = from_obj(obj);
    vm->raised = NULL_VALUE;
    obj->refs = 1;
    bool found;
    decref(call_dunder(vm, self, vm->names.del_, NULL, 0, &found));
    clear_value(&vm->raised);
    vm->raised = raised;
    return --obj->refs == 0;
}

void obj_dealloc(Obj *obj) {
    Vm *vm = obj->cls->vm;
    if (obj->cls->flags & CLASS_FINALIZER && !finalize(vm, obj)) return;
    if (vm->dealloc_depth >= DEALLOC_DEPTH) {
        VEC_PUSH(vm->dealloc_later, obj);
        return;
    }
    vm->dealloc_depth++;
    free_object(vm, obj);
    vm->dealloc_depth--;
    if (vm->dealloc_depth > 0) return;
    while (vm->dealloc_later.count > 0) {
        Obj *next = vm->dealloc_later.items[--vm->dealloc_later.count];
        vm->dealloc_depth++;
        free_object(vm, next);
        vm->dealloc_depth--;
    }
}

void visit_value(Value v, VisitFn visit, void *context) {
    if (v.tag == TAG_OBJ) visit(v.o, context);
}

static void traverse(Obj *obj, VisitFn visit, void *context) {
    obj->cls->slots.traverse(obj, visit, context);
    if (obj->cls->dict_offset) {
        Dict *dict = *obj_dict_slot(obj);
        if (dict) visit((Obj *)dict, context);
    }
    if (obj->cls->flags & CLASS_USER) {
        class_visit_members(obj->cls, obj, visit, context);
        visit((Obj *)obj->cls, context);
    }
}

enum { GC_REACHABLE = UINT32_MAX };
typedef VEC(Obj *) ObjVec;

static void visit_subtract(Obj *obj, void *context) {
    (void)context;
    if (obj->cls->slots.traverse) obj->gc_refs--;
}

static void visit_mark(Obj *obj, void *context) {
    if (!obj->cls->slots.traverse || obj->gc_refs == (uint32_t)GC_REACHABLE) return;
    obj->gc_refs = (uint32_t)GC_REACHABLE;
    VEC_PUSH(*(ObjVec *)context, obj);
}

size_t vm_collect_cycles(Vm *vm) {
    GcObj *head = &vm->gc_objects;
    for (GcObj *gc = head->next; gc != head; gc = gc->next)
        gc->base.gc_refs = gc->base.refs;
    for (GcObj *gc = head->next; gc != head; gc = gc->next)
        traverse(&gc->base, visit_subtract, NULL);
    ObjVec work = {0};
    for (GcObj *gc = head->next; gc != head; gc = gc->next) {
        if (gc->base.gc_refs == 0 || gc->base.gc_refs == (uint32_t)GC_REACHABLE) continue;
        visit_mark(&gc->base, &work);
        while (work.count > 0)
            traverse(work.items[--work.count], visit_mark, &work);
    }
    ObjVec garbage = {0};
    for (GcObj *gc = head->next; gc != head; gc = gc->next)
        if (gc->base.gc_refs == 0) VEC_PUSH(garbage, &gc->base);
    for (size_t i = 0; i < garbage.count; i++)
        garbage.items[i]->refs++;
    for (size_t i = 0; i < garbage.count; i++) {
        Obj *obj = garbage.items[i];
        if (obj->cls->slots.clear) obj->cls->slots.clear(obj);
        if (obj->cls->flags & CLASS_USER) class_clear_members(obj->cls, obj);
        Dict **slot = obj_dict_slot(obj);
        if (slot && *slot) {
            Dict *dict = *slot;
            *slot = NULL;
            DROP(dict);
        }
    }
    for (size_t i = 0; i < garbage.count; i++)
        obj_decref(garbage.items[i]);
    size_t freed = garbage.count;
    VEC_FREE(work);
    VEC_FREE(garbage);
    vm->gc_threshold = vm->gc_count * 2 < GC_MIN_THRESHOLD ? GC_MIN_THRESHOLD : vm->gc_count * 2;
    return freed;
}

void set_value(Value *slot, Value v) {
    Value old = *slot;
    *slot = incref(v);
    decref(old);
}

void clear_value(Value *slot) {
    Value old = *slot;
    *slot = NULL_VALUE;
    decref(old);
}

/* The last objects (native classes and what they hold) refer to each other: first all contents are
 * released while every object still stands, then the memory. */
void vm_free_objects(Vm *vm) {
    enum { KEEP = 1 << 24 };
    ObjVec all = {0};
    vm->recursion_limit = 0; /* no code of the program runs any more */
    for (GcObj *gc = vm->gc_objects.next; gc != &vm->gc_objects; gc = gc->next) {
        gc->base.refs += KEEP;
        VEC_PUSH(all, &gc->base);
    }
    for (size_t i = 0; i < all.count; i++)
        if (all.items[i]->cls->slots.dealloc) all.items[i]->cls->slots.dealloc(all.items[i]);
    obj_decref(&vm->empty_str->base);
    obj_decref(&vm->char_strs[0]->base);
    for (size_t i = 0; i < all.count; i++)
        if (cell_kind(all.items[i]->cls)) all.items[i] = NULL;
    for (size_t i = 0; i < all.count; i++)
        free(all.items[i]);
    VEC_FREE(all);
}
