/* What the evaluator's own files share beyond vm.h. */
#ifndef NNC_FRONTEND_VM_INTERNAL_H
#define NNC_FRONTEND_VM_INTERNAL_H

#include "frontend/vm.h"

enum { C_STACK_BYTES = 7 << 20 }; /* of the usual 8 MB */

/* object.c */
Dict **obj_dict_slot(Obj *obj);
void vm_free_objects(Vm *vm);
Obj *vm_alloc_extra(Vm *vm, Class *cls, size_t extra);
void visit_value(Value v, VisitFn visit, void *context);
void set_value(Value *slot, Value v);
void clear_value(Value *slot);

/* class.c */
Value class_new(Vm *vm, Class *meta, Str *name, Tuple *bases, Dict *dict);
Value class_create(Vm *vm, Class *meta, Str *name, Tuple *bases, Dict *dict, const Value *kwargs,
                   const Tuple *kwnames);
void class_changed(Class *cls);
Value class_own(Class *cls, Str *name);
void class_refresh_slots(Class *cls);
void class_init(Vm *vm);

extern const Slots class_slots;
extern const Method class_methods[];

/* member.c */
size_t member_size(void);
void class_visit_members(const Class *cls, Obj *obj, VisitFn visit, void *context);
void class_clear_members(const Class *cls, Obj *obj);
/* Makes descriptors of a new class's __slots__; *wants_dict: instances have a __dict__ too. */
bool class_add_members(Vm *vm, Class *cls, bool *wants_dict);

/* traceback.c */
size_t traceback_size(void);
Value traceback_of(Vm *vm, Value exception); /* None: it passed nowhere */

/* slots.c */
Value slot_wrapper(Class *cls, Str *name);
void slots_apply_user(Class *cls, const Class *definer);
void slots_apply_native(Class *cls, const Class *definer);
extern const Slots object_slots;
extern const Method object_methods[];
Value object_dir(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
bool getattr_is_generic(Class *cls);
Value call_dunder(Vm *vm, Value self, Str *name, const Value *args, int nargs, bool *found);

/* attr.c */
bool vm_load_method(Vm *vm, Value v, Str *name, Value *function, bool *has_self);
Value vm_generic_find(Vm *vm, Value v, Str *name);
Str *vm_name(Vm *vm, Value v, const char *what);
const char *vm_near_attribute(Vm *vm, Value v, Str *name);

/* errors.c */
void exceptions_init(Vm *vm);
void trace_add(Vm *vm, Frame *frame);
bool vm_matches_stop(Vm *vm);
int vm_match_clause(Vm *vm, Value exception, Value classes);
extern const Slots exception_slots;
extern const Method exception_methods[];

/* one a built-in class group */
NativeClass builtin_class_spec(ClassId id);
Value str_alloc(Vm *vm, Class *cls, const char *text, size_t size);
Value int_parse(Vm *vm, const char *text, size_t size, int base, Value original);
bool float_parse(const char *text, size_t size, double *out);
Value int_power_modulo(Vm *vm, Value a, Value b, Value m);
int64_t int_hash(int64_t value);
int64_t float_hash(double value);
Value format_spec(Vm *vm, Value v, const char *spec, size_t size);
Value str_percent(Vm *vm, Str *format, Value args);
Value str_encode(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_to_bytes(Vm *vm, const Str *s, Value encoding, Value errors);
Value bytes_to_str(Vm *vm, const Bytes *b, Value encoding, Value errors);
Value unicode_error_str(Vm *vm, const Value *args);
Value bytes_decode(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_format_method(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
void str_repr_to(const Str *s, Buf *out);
size_t utf8_decode(const char *text, size_t size, uint32_t *out);
void utf8_put(Buf *buf, uint32_t code_point);
size_t str_offset(const Str *s, size_t index);
/* unicode.c */
uint32_t unicode_upper(uint32_t c);
uint32_t unicode_lower(uint32_t c);
int unicode_digit(uint32_t c); /* of a decimal digit beyond ASCII its value, else -1 */
Value str_char(Vm *vm, uint32_t code_point);
Value sort_list(Vm *vm, List *list, Value key, bool reverse);
bool list_extend(Vm *vm, List *list, Value iterable);
bool set_update(Vm *vm, Set *set, Value iterable);
int set_contains(Vm *vm, Set *set, Value key);
bool set_next(const Set *set, size_t *pos, Value *key);
Value iterator_over(Vm *vm, Value sequence);
bool dict_probe_str(const Dict *dict, const Str *name, size_t *entry);
Value file_wrap(Vm *vm, FILE *stream, const char *name, bool readable, bool writable);
bool vm_write(Vm *vm, Value file, const char *text, size_t size);
bool vm_stdout(Vm *vm, const char *text, size_t size);

Value str_split(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_rsplit(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_splitlines(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_partition(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_rpartition(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_join(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value str_format_map(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
const char *memmem_find(const char *text, size_t size, const char *part, size_t part_size);
Value dict_iter(Vm *vm, Value self);
Value tuple_alloc(Vm *vm, Class *cls, size_t count);
bool unhashable(Vm *vm, Value self, int64_t *out);
void wrapper_dealloc(Obj *self);
void wrapper_traverse(Obj *self, VisitFn visit, void *context);
Value callable_iterator(Vm *vm, Value function, Value sentinel);

typedef struct RangeIterator {
    Obj base;
    int64_t next, step, left;
} RangeIterator;

typedef struct SequenceIterator {
    GcObj gc;
    Value sequence; /* TAG_NULL: exhausted */
    size_t at;      /* backwards: items not yet given */
    bool backwards;
} SequenceIterator;

/* enumerate, zip, map, filter, iter(callable, sentinel). */
typedef struct Combined {
    GcObj gc;
    Value function;
    Value *sources;
    int count;
    bool strict;
    int64_t at;
} Combined;

typedef enum ViewKind { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS } ViewKind;

typedef struct View {
    GcObj gc;
    Dict *dict;
    ViewKind kind;
} View;

typedef struct DictIterator {
    GcObj gc;
    Dict *dict; /* NULL: exhausted */
    ViewKind kind;
    bool backwards;
    size_t pos; /* backwards: entries not yet seen */
    size_t count;
} DictIterator;

typedef struct SetIterator {
    GcObj gc;
    Set *set;
    size_t pos, used;
} SetIterator;

typedef struct StrIterator {
    GcObj gc;
    Value text;
    size_t at;
} StrIterator;

typedef struct Super {
    GcObj gc;
    Class *after; /* lookup starts behind it in the MRO of `of` */
    Class *of;
    Value self; /* an instance, or a class */
} Super;

/* Slots and methods of the built-in classes, by file. */
extern const Slots int_slots, bool_slots, float_slots, str_slots, str_iterator_slots, bytes_slots,
    bytearray_slots, list_slots, tuple_slots, dict_slots, dict_iterator_slots, dict_view_slots,
    dict_values_slots, mapping_proxy_slots, set_slots, frozenset_slots, set_iterator_slots,
    range_slots, range_iterator_slots, slice_slots, sequence_iterator_slots, reversed_slots,
    enumerate_slots, zip_slots, map_slots, filter_slots, callable_iterator_slots, function_slots,
    native_slots, method_slots, property_slots, staticmethod_slots, classmethod_slots, super_slots,
    cell_slots, generator_slots, file_slots, member_slots, traceback_slots;
extern const Method int_methods[], float_methods[], str_methods[], bytes_methods[],
    bytearray_methods[], list_methods[], tuple_methods[], dict_methods[], dict_view_methods[],
    set_methods[], frozenset_methods[], range_methods[], slice_methods[],
    sequence_iterator_methods[], property_methods[], generator_methods[], file_methods[];
Value builtin_open(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
Value builtin_class_getitem(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);

/* call.c, interp.c */
bool vm_checkpoint(Vm *vm);
typedef struct Generator Generator;
Value function_call(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames);

/* import.c */
bool module_run(Vm *vm, ModuleObj *module, const Code *code);

/* builtins */
extern const Method builtin_iteration_functions[];
void builtins_init(Vm *vm);
void modules_init(Vm *vm);

#endif
