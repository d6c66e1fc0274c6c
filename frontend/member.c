/* `__slots__`: places in instances for the names a class lists, in the order it lists them. Each
 * name becomes a descriptor of the class; what instances hold there follows the base's layout. */
#include "frontend/parser.h"
#include "frontend/vm_internal.h"

typedef struct Member {
    GcObj gc;
    Str *name;
    Class *owner; /* not owned: the class's namespace holds this object */
    size_t offset;
} Member;

static Value *place(const Member *member, Value instance) {
    return (Value *)(void *)((char *)instance.o + member->offset);
}

static Member *as_member(Value v) {
    return (Member *)(void *)v.o;
}

static bool check_owner(Vm *vm, const Member *member, Value instance) {
    if (vm_is_a(vm, instance, member->owner)) return true;
    vm_raise(vm, EXC_TypeError, "descriptor '%s' for '%s' objects doesn't apply to a '%s' object",
             member->name->data, member->owner->name, vm_class_name(vm, instance));
    return false;
}

static Value member_get(Vm *vm, Value self, Value instance, Class *owner) {
    (void)owner;
    const Member *member = as_member(self);
    if (is_null(instance)) return incref(self);
    if (!check_owner(vm, member, instance)) return NULL_VALUE;
    Value v = *place(member, instance);
    return is_null(v) ? vm_no_attribute(vm, instance, member->name) : incref(v);
}

static bool member_set(Vm *vm, Value self, Value instance, Value value) {
    const Member *member = as_member(self);
    if (!check_owner(vm, member, instance)) return false;
    Value *slot = place(member, instance);
    if (is_null(value) && is_null(*slot)) {
        vm_no_attribute(vm, instance, member->name);
        return false;
    }
    set_value(slot, value);
    return true;
}

static Value member_repr(Vm *vm, Value self) {
    const Member *member = as_member(self);
    return str_printf(vm, "<member '%s' of '%s' objects>", member->name->data, member->owner->name);
}

static Value member_getattr(Vm *vm, Value self, Str *name) {
    if (name == vm->names.name_) return NEW_REF(as_member(self)->name);
    return vm_generic_getattr(vm, self, name);
}

static void member_dealloc(Obj *self) {
    DROP(((Member *)(void *)self)->name);
}

const Slots member_slots = {.dealloc = member_dealloc,
                            .descr_get = member_get,
                            .descr_set = member_set,
                            .repr = member_repr,
                            .getattr = member_getattr};

size_t member_size(void) {
    return sizeof(Member);
}

void class_visit_members(const Class *cls, Obj *obj, VisitFn visit, void *context) {
    for (; cls && cls->flags & CLASS_USER; cls = cls->base)
        for (size_t i = 0; i < cls->member_count; i++)
            visit_value(((Value *)(void *)((char *)obj + cls->member_offset))[i], visit, context);
}

void class_clear_members(const Class *cls, Obj *obj) {
    for (; cls && cls->flags & CLASS_USER; cls = cls->base)
        for (size_t i = 0; i < cls->member_count; i++)
            clear_value((Value *)(void *)((char *)obj + cls->member_offset) + i);
}

/* The name a slot has: `__x` in class A is `_A__x`. */
static Str *slot_name(Vm *vm, const Class *cls, Value item) {
    if (!is_str(item)) {
        vm_raise(vm, EXC_TypeError, "__slots__ items must be strings, not '%s'",
                 vm_class_name(vm, item));
        return NULL;
    }
    const Str *s = as_str(item);
    Buf text = {0};
    Str *name = mangle_name(&text, cls->name, s->data, s->size)
                    ? vm_intern(vm, buf_text(&text), text.size)
                    : vm_name(vm, item, "slot");
    buf_free(&text);
    return name;
}

/* Names that stand for what instances of other classes have anyway. */
static bool is_special(const Str *name) {
    return str_equals(name, "__dict__") || str_equals(name, "__weakref__");
}

static bool add_member(Vm *vm, Class *cls, Str *name) {
    if (!is_null(dict_get(cls->dict, name))) {
        vm_raise(vm, EXC_ValueError, "'%s' in __slots__ conflicts with class variable", name->data);
        return false;
    }
    Member *member = (Member *)(void *)vm_alloc(vm, vm->cls[CLS_MEMBER]);
    member->name = (Str *)NEW_REF(name).o;
    member->owner = cls;
    member->offset = cls->member_offset + cls->member_count++ * sizeof(Value);
    dict_set_str(cls->dict, name, FROM_OBJ(member));
    DROP(member);
    return true;
}

bool class_add_members(Vm *vm, Class *cls, bool *wants_dict) {
    Value slots = dict_get(cls->dict, vm->names.slots_);
    *wants_dict = is_null(slots);
    if (is_null(slots)) return true;
    Value list = is_str(slots) ? list_new(vm, 1) : list_from_iterable(vm, slots);
    if (is_null(list)) return false;
    if (is_str(slots)) list_append(as_list(list), slots);
    bool ok = true;
    cls->member_offset = (cls->instance_size + sizeof(Value) - 1) / sizeof(Value) * sizeof(Value);
    for (size_t i = 0; ok && i < as_list(list)->count; i++) {
        Str *name = slot_name(vm, cls, as_list(list)->items[i]);
        ok = name != NULL;
        if (ok && str_equals(name, "__dict__")) *wants_dict = true;
        if (ok && !is_special(name)) ok = add_member(vm, cls, name);
    }
    decref(list);
    if (cls->member_count)
        cls->instance_size = cls->member_offset + cls->member_count * sizeof(Value);
    return ok;
}
