/* The evaluator's context, and what native code (builtins, modules, tensors) calls.
 *
 * There is no global state: everything hangs on a Vm. A function that can raise returns NULL_VALUE,
 * false or -1 after storing the exception in vm->raised; callers pass that on at once. */
#ifndef NNC_FRONTEND_VM_H
#define NNC_FRONTEND_VM_H

#include <signal.h>
#include <string.h>

#include "frontend/intern.h"
#include "frontend/value.h"
#include "support/arena.h"
#include "support/checked.h"

/* Exception classes: name, base. */
#define EXCEPTION_LIST(X)                                                                          \
    X(BaseException, BaseException)                                                                \
    X(Exception, BaseException)                                                                    \
    X(SystemExit, BaseException)                                                                   \
    X(KeyboardInterrupt, BaseException)                                                            \
    X(GeneratorExit, BaseException)                                                                \
    X(ArithmeticError, Exception)                                                                  \
    X(ZeroDivisionError, ArithmeticError)                                                          \
    X(OverflowError, ArithmeticError)                                                              \
    X(FloatingPointError, ArithmeticError)                                                         \
    X(AssertionError, Exception)                                                                   \
    X(AttributeError, Exception)                                                                   \
    X(BufferError, Exception)                                                                      \
    X(EOFError, Exception)                                                                         \
    X(ImportError, Exception)                                                                      \
    X(ModuleNotFoundError, ImportError)                                                            \
    X(LookupError, Exception)                                                                      \
    X(IndexError, LookupError)                                                                     \
    X(KeyError, LookupError)                                                                       \
    X(MemoryError, Exception)                                                                      \
    X(NameError, Exception)                                                                        \
    X(UnboundLocalError, NameError)                                                                \
    X(OSError, Exception)                                                                          \
    X(FileNotFoundError, OSError)                                                                  \
    X(FileExistsError, OSError)                                                                    \
    X(PermissionError, OSError)                                                                    \
    X(IsADirectoryError, OSError)                                                                  \
    X(NotADirectoryError, OSError)                                                                 \
    X(TimeoutError, OSError)                                                                       \
    X(ConnectionError, OSError)                                                                    \
    X(ReferenceError, Exception)                                                                   \
    X(RuntimeError, Exception)                                                                     \
    X(NotImplementedError, RuntimeError)                                                           \
    X(RecursionError, RuntimeError)                                                                \
    X(StopIteration, Exception)                                                                    \
    X(StopAsyncIteration, Exception)                                                               \
    X(SyntaxError, Exception)                                                                      \
    X(IndentationError, SyntaxError)                                                               \
    X(SystemError, Exception)                                                                      \
    X(TypeError, Exception)                                                                        \
    X(ValueError, Exception)                                                                       \
    X(UnicodeError, ValueError)                                                                    \
    X(UnicodeDecodeError, UnicodeError)                                                            \
    X(UnicodeEncodeError, UnicodeError)                                                            \
    X(Warning, Exception)                                                                          \
    X(DeprecationWarning, Warning)                                                                 \
    X(PendingDeprecationWarning, Warning)                                                          \
    X(RuntimeWarning, Warning)                                                                     \
    X(SyntaxWarning, Warning)                                                                      \
    X(FutureWarning, Warning)                                                                      \
    X(ImportWarning, Warning)                                                                      \
    X(UnicodeWarning, Warning)                                                                     \
    X(BytesWarning, Warning)                                                                       \
    X(ResourceWarning, Warning)                                                                    \
    X(UserWarning, Warning)

typedef enum ExceptionId {
#define X(name, base) EXC_##name,
    EXCEPTION_LIST(X)
#undef X
        EXC_COUNT
} ExceptionId;

/* Built-in classes; the spelling is the one a program sees. */
#define CLASS_LIST_OF_BUILTINS(X)                                                                  \
    X(OBJECT, "object")                                                                            \
    X(TYPE, "type")                                                                                \
    X(NONE, "NoneType")                                                                            \
    X(ELLIPSIS, "ellipsis")                                                                        \
    X(NOT_IMPLEMENTED, "NotImplementedType")                                                       \
    X(INT, "int")                                                                                  \
    X(BOOL, "bool")                                                                                \
    X(FLOAT, "float")                                                                              \
    X(STR, "str")                                                                                  \
    X(BYTES, "bytes")                                                                              \
    X(BYTEARRAY, "bytearray")                                                                      \
    X(LIST, "list")                                                                                \
    X(TUPLE, "tuple")                                                                              \
    X(DICT, "dict")                                                                                \
    X(SET, "set")                                                                                  \
    X(FROZENSET, "frozenset")                                                                      \
    X(RANGE, "range")                                                                              \
    X(SLICE, "slice")                                                                              \
    X(CELL, "cell")                                                                                \
    X(CODE, "code")                                                                                \
    X(FUNCTION, "function")                                                                        \
    X(NATIVE, "builtin_function_or_method")                                                        \
    X(METHOD, "method")                                                                            \
    X(PROPERTY, "property")                                                                        \
    X(TRACEBACK, "traceback")                                                                      \
    X(MEMBER, "member_descriptor")                                                                 \
    X(STATICMETHOD, "staticmethod")                                                                \
    X(CLASSMETHOD, "classmethod")                                                                  \
    X(SUPER, "super")                                                                              \
    X(MODULE, "module")                                                                            \
    X(GENERATOR, "generator")                                                                      \
    X(ENUMERATE, "enumerate")                                                                      \
    X(ZIP, "zip")                                                                                  \
    X(MAP, "map")                                                                                  \
    X(FILTER, "filter")                                                                            \
    X(REVERSED, "reversed")                                                                        \
    X(DICT_KEYS, "dict_keys")                                                                      \
    X(DICT_VALUES, "dict_values")                                                                  \
    X(DICT_ITEMS, "dict_items")                                                                    \
    X(MAPPING_PROXY, "mappingproxy")                                                               \
    X(FILE, "TextIOWrapper")                                                                       \
    X(DICT_ITERATOR, "dict_iterator")                                                              \
    X(SET_ITERATOR, "set_iterator")                                                                \
    X(STR_ITERATOR, "str_iterator")                                                                \
    X(RANGE_ITERATOR, "range_iterator")                                                            \
    X(SEQUENCE_ITERATOR, "list_iterator")                                                          \
    X(CALLABLE_ITERATOR, "callable_iterator")                                                      \
    X(ALIAS, "types.GenericAlias")                                                                 \
    X(UNION, "types.UnionType")

typedef enum ClassId {
#define X(id, name) CLS_##id,
    CLASS_LIST_OF_BUILTINS(X)
#undef X
        CLS_COUNT
} ClassId;

/* Names the evaluator itself uses, interned once: vm->names.init_ is "__init__". */
// clang-format off
#define DUNDER_LIST(X)                                                                             \
    X(init)                                                                                        \
    X(new)                                                                                         \
    X(call)                                                                                        \
    X(name) X(qualname) X(module) X(doc) X(dict) X(class) X(bases) X(mro) X(annotations) X(repr)   \
        X(str) X(format) X(hash) X(eq) X(ne) X(lt) X(le) X(gt) X(ge) X(bool) X(len) X(iter)        \
            X(next) X(contains) X(getitem) X(setitem) X(delitem) X(getattr) X(getattribute)        \
                X(setattr) X(delattr) X(get) X(set) X(delete) X(set_name) X(init_subclass)         \
                    X(class_getitem) X(enter) X(exit) X(int) X(float) X(index) X(neg) X(pos)       \
                        X(invert) X(abs) X(reversed) X(missing) X(slots) X(file) X(main)           \
                            X(wrapped) X(round) X(dir) X(all) X(self) X(func) X(path)              \
                                X(instancecheck) X(subclasscheck) X(length_hint) X(fspath)         \
                                    X(builtins) X(traceback) X(cause) X(context)                   \
                                        X(suppress_context) X(defaults) X(kwdefaults) X(code)      \
                                            X(closure) X(globals) X(notes) X(prepare) X(trunc)     \
                                                X(floor) X(ceil) X(copy) X(deepcopy) X(del)         \
                                                    X(lazy)
// clang-format on

typedef struct Names {
#define X(id) Str *id##_;
    DUNDER_LIST(X)
#undef X
} Names;

typedef struct Frame Frame;

/* What importing a native module calls: fills `module`'s namespace. False: raised. */
typedef bool (*ModuleInit)(Vm *vm, ModuleObj *module);

typedef struct MethodCacheEntry {
    const Class *cls;
    const Str *name;
    uint32_t version;
    Value value; /* borrowed */
} MethodCacheEntry;
enum { METHOD_CACHE_SIZE = 2048 };

/* Memory of small objects (object.c). */
typedef struct FreeCell {
    struct FreeCell *next;
} FreeCell;
enum { CELL_STEP = 16, CELL_KINDS = 33 };

struct Vm {
    Sources *sources;
    struct Compiler *compiler;
    Arena arena; /* code, and whatever lives as long as the Vm */
    Class *cls[CLS_COUNT];
    Class *exc[EXC_COUNT];
    Names names;
    Str *binary_names[BINARY_OP_COUNT][3]; /* __add__, __radd__, __iadd__ */
    Str *compare_names[6];
    Str *empty_str;
    Str *char_strs[128]; /* one-character strings */
    Tuple *empty_tuple;

    Value raised;             /* the exception under way; TAG_NULL: none */
    Value handled;            /* the one being handled by the innermost except; TAG_NULL: none */
    Frame *frame;             /* innermost */
    struct StackChunk *stack; /* memory of frames */
    VEC(const Code *) codes;  /* those with run-time data */
    char *stack_floor;        /* the C stack may not grow past this address */
    int depth;                /* frames and native recursion together */
    int recursion_limit;
    int int_digits_limit;               /* of ints read from and written as decimal text; 0: none */
    uint64_t steps, step_limit;         /* backward jumps and calls; 0: no limit */
    volatile sig_atomic_t *interrupted; /* not 0: KeyboardInterrupt at the next step */
    volatile sig_atomic_t never_interrupted; /* where that points without a signal handler */
    Value native_data;                       /* `data` of the Native being called; borrowed */
    Class *native_owner;                     /* its `owner` */

    Interns *interns; /* a Name's `object` is its Str */
    Dict *builtins, *modules;
    VEC(struct NativeModule {
        const char *name;
        ModuleInit init;
    })
    native_modules;
    MethodCacheEntry *method_cache;
    uint32_t next_version;

    GcObj gc_objects; /* list head */
    size_t gc_count, gc_threshold;
    int dealloc_depth;
    VEC(Obj *) dealloc_later;
    FreeCell *free_cells[CELL_KINDS]; /* by size in steps */
    VEC(Obj *) repr_stack;            /* containers being printed */

    FILE *out;    /* where print goes */
    Buf *capture; /* print goes here instead when not NULL */
    bool silent;  /* compiling: print writes nothing, no file is changed */
    int argc;
    char **argv; /* sys.argv: the script first */
    const char *script_path;

    void *tensor_state;            /* the tensor library's own context */
    bool cut_due;                  /* at_back_edge is to be called when a loop goes round */
    bool (*at_back_edge)(Vm *vm);  /* false: raised */
    void (*before_effect)(Vm *vm); /* called before clock reads, writes and exit; may be NULL */
    /* Adds to a class the attribute that it lacks, if it is one of those defined when first asked
     * for; false: there is none, or raised. May be NULL. */
    bool (*class_late)(Vm *vm, Class *cls, Str *name);
    /* Makes a call with keywords in its own way, if it knows one: *result is what it returned, null
     * when it raised. May be NULL. */
    bool (*call_keywords)(Vm *vm, Value callee, const Value *args, int nargs, const Tuple *kwnames,
                          Value *result);
};

/* ---- life ---- */
void vm_init(Vm *vm, Sources *sources);
/* Drops what the program left, namespace by namespace, then cycles: what it does when it goes. */
void vm_finish(Vm *vm);
void vm_free(Vm *vm);
/* Runs a registered source as __main__. False: an exception is in vm->raised, or syntax errors
 * were reported (then vm->raised is null). */
bool vm_run_main(Vm *vm, uint16_t file);
/* The namespace of __main__ after (or while) it runs. */
Dict *vm_main_dict(Vm *vm);
/* Reports vm->raised as a diagnostic with its call chain and clears it. Returns the exit status:
 * SystemExit's, or 1. */
int vm_report_raised(Vm *vm);

/* ---- raising ---- */
Value vm_raise(Vm *vm, ExceptionId id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Raises an instance (a new reference is taken). */
void vm_raise_value(Vm *vm, Value exception);
/* Gives the exception under way a "did you mean" (NULL: none). */
void vm_add_hint(Vm *vm, const char *hint);
/* A sentence that is shown below it. */
void vm_add_advice(Vm *vm, const char *advice);
/* Raises an OSError subclass from errno for a file. */
Value vm_raise_os(Vm *vm, int error, const char *path);
bool vm_matches(Vm *vm, Value exception, Value classes);
/* True, clearing it, when the exception under way is of that class. */
bool vm_catch(Vm *vm, ExceptionId id);
/* The exception under way, taken out of the Vm (a reference). */
Value vm_take_raised(Vm *vm);
/* One line "TypeError: message". */
void vm_describe(Vm *vm, Value exception, Buf *out);

/* ---- places ---- */
/* The expression being evaluated in the innermost frame of the user's own source. */
Span vm_current_span(Vm *vm);
const Code *vm_current_code(Vm *vm); /* that frame's; NULL: none */
bool vm_in_prelude(Vm *vm);          /* whether the code that runs is the library's */
bool vm_in_try(Vm *vm); /* whether the program would see an exception that is raised now */
/* The innermost frame of any source, the prelude's included. */
Span vm_innermost_span(Vm *vm);
/* The dotted attribute path of the innermost call `self.conv1(x)` in user or prelude code, such as
 * "conv1"; NULL when the call under way has none. Valid as long as the Vm. */
const char *vm_callee_name(Vm *vm);

/* ---- classes ---- */
typedef struct NativeClass {
    const char *name;      /* "torch.Size" */
    Class *base;           /* NULL: object */
    size_t size;           /* of an instance; starts with GcObj when `traverse` is set, else Obj */
    unsigned flags;        /* CLASS_* */
    Slots slots;           /* NULL slots are inherited */
    const Method *methods; /* ended by a NULL name; kept, not copied */
} NativeClass;
Class *vm_native_class(Vm *vm, const NativeClass *spec);
/* A zeroed instance with one reference. */
Obj *vm_alloc(Vm *vm, Class *cls);
Class *vm_class_of(Vm *vm, Value v);
const char *vm_class_name(Vm *vm, Value v);
bool class_is_subclass(const Class *cls, const Class *base);
int vm_isinstance(Vm *vm, Value v, Value classes); /* -1: raised */
static inline bool vm_is_a(Vm *vm, Value v, const Class *cls) {
    return class_is_subclass(vm_class_of(vm, v), cls);
}
/* The attribute found along the class's MRO, borrowed; NULL_VALUE: none (nothing raised). */
Value class_lookup(Class *cls, Str *name);
bool class_set(Class *cls, const char *name, Value value);

/* ---- modules ---- */
void vm_register_module(Vm *vm, const char *name, ModuleInit init);
bool module_set(Vm *vm, ModuleObj *module, const char *name, Value value); /* takes `value` */
void module_function(Vm *vm, ModuleObj *module, const char *name, NativeFn function);
/* Imports by dotted name and returns that very module (not its package). */
Value vm_import(Vm *vm, const char *name);

/* ---- arguments ----
 * `spec` names the parameters: "x y? / *rest"-like words separated by spaces: a `?` at the end
 * makes one optional, `a|b` gives it two spellings, "/" ends the positional-only ones, "*" starts
 * the keyword-only ones. `out` gets one borrowed Value each, NULL_VALUE when absent. Errors are
 * Python's TypeErrors. */
bool vm_args(Vm *vm, const char *function, const char *spec, const Value *args, int nargs,
             const Tuple *kwnames, Value *out);
/* No keywords, between `min` and `max` positional arguments (-1: any number). */
bool vm_args_simple(Vm *vm, const char *function, int nargs, const Tuple *kwnames, int min,
                    int max);
/* Conversions of an argument; `what` names it in the TypeError. */
bool vm_to_index(Vm *vm, Value v, int64_t *out);      /* int or __index__, of 64 bits */
bool vm_to_position(Vm *vm, Value key, int64_t *out); /* the same for an item's index */
Value vm_index(Vm *vm, Value v);                      /* the same of any size, as a plain int */
bool vm_to_double(Vm *vm, Value v, double *out);      /* float, int or __float__ */
Value vm_call_float(Vm *vm, Value v); /* v.__float__(): a float, or one that is not known */
/* Compiling: the number of unknown value that v is or that a tensor gives; NULL_VALUE: none. */
Value vm_unknown_number(Vm *vm, Value v);
const char *vm_to_text(Vm *vm, Value v, const char *what); /* str: its bytes; NULL: raised */

/* ---- calling ---- */
Value vm_call(Vm *vm, Value callable, const Value *args, int nargs, const Tuple *kwnames);
Value vm_call0(Vm *vm, Value callable);
Value vm_call1(Vm *vm, Value callable, Value a);
Value vm_call2(Vm *vm, Value callable, Value a, Value b);
Value vm_call_method(Vm *vm, Value self, const char *name, const Value *args, int nargs);
/* Guards native recursion (repr, compare, calls): false raises RecursionError. */
bool vm_enter(Vm *vm);
static inline void vm_leave(Vm *vm) {
    vm->depth--;
}

/* ---- operations ---- */
Value vm_binary(Vm *vm, BinaryOp op, Value a, Value b);
Value vm_inplace(Vm *vm, BinaryOp op, Value a, Value b);
Value vm_unary(Vm *vm, UnaryOp op, Value a);
Value vm_compare(Vm *vm, CompareOp op, Value a, Value b);
int vm_compare_bool(Vm *vm, CompareOp op, Value a, Value b); /* -1: raised */
int vm_equal(Vm *vm, Value a, Value b);                      /* identity first; -1: raised */
bool vm_is(Value a, Value b);
int vm_truth(Vm *vm, Value v); /* -1: raised */
int vm_not(Vm *vm, Value v);
int64_t vm_len(Vm *vm, Value v); /* -1: raised */
bool vm_hash(Vm *vm, Value v, int64_t *out);
Value vm_getattr(Vm *vm, Value v, Str *name);
Value vm_getattr_text(Vm *vm, Value v, const char *name);
/* NULL_VALUE and nothing raised when there is no such attribute. */
Value vm_getattr_optional(Vm *vm, Value v, Str *name);
bool vm_setattr(Vm *vm, Value v, Str *name, Value value);
bool vm_setattr_text(Vm *vm, Value v, const char *name, Value value);
/* object's own lookup and store: what native getattr/setattr slots fall back to. */
Value vm_generic_getattr(Vm *vm, Value v, Str *name);
bool vm_generic_setattr(Vm *vm, Value v, Str *name, Value value);
Value vm_no_attribute(Vm *vm, Value v, Str *name); /* raises AttributeError with a hint */
Value vm_getitem(Vm *vm, Value v, Value key);
bool vm_setitem(Vm *vm, Value v, Value key, Value value);
int vm_contains(Vm *vm, Value container, Value item);
Value vm_iter(Vm *vm, Value v);
/* NULL_VALUE without vm->raised: exhausted. */
Value vm_next(Vm *vm, Value iterator);
Value vm_repr(Vm *vm, Value v);  /* a Str */
Value vm_str(Vm *vm, Value v);   /* a Str */
Value vm_ascii(Vm *vm, Value v); /* repr with escapes for what is not ASCII */
/* The text that `{v!how}` stands for: 's', 'r' or 'a'. */
Value vm_converted(Vm *vm, Value v, char how);
Value vm_format(Vm *vm, Value v, Str *spec);
bool vm_repr_to(Vm *vm, Value v, Buf *out);
bool vm_str_to(Vm *vm, Value v, Buf *out);
static inline bool vm_failed(const Vm *vm) {
    return vm->raised.tag != TAG_NULL;
}

/* ---- making objects ---- */
Value str_new(Vm *vm, const char *text, size_t size);
Value str_from(Vm *vm, const char *text);
Value str_printf(Vm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));
Value str_from_buf(Vm *vm, Buf *buf);                  /* frees the buffer */
Str *vm_name_str(Vm *vm, Name *name);                  /* borrowed, as the next two */
Str *vm_intern(Vm *vm, const char *text, size_t size); /* borrowed: lives as long as the Vm */
Str *vm_intern_text(Vm *vm, const char *text);
bool str_equals(const Str *s, const char *text);
int64_t str_hash(Str *s);
Value bytes_new(Vm *vm, const char *data, size_t size); /* data NULL: to be filled */
Value list_new(Vm *vm, size_t capacity);
void list_append(List *list, Value item); /* takes a reference of its own */
void list_push(List *list, Value item);   /* steals */
Value list_from_iterable(Vm *vm, Value iterable);
Value tuple_new(Vm *vm, size_t count); /* items NULL_VALUE: fill them at once */
Value tuple_from(Vm *vm, const Value *items, size_t count); /* takes references of its own */
Value tuple_from_iterable(Vm *vm, Value iterable);
Value vm_pair(Vm *vm, Value a, Value b); /* steals both */
/* The items of a list or tuple, borrowed; false when it is neither. */
bool vm_items(Value v, const Value **items, size_t *count);
Dict *dict_new(Vm *vm);
Value dict_get(Dict *dict, Str *name); /* borrowed; NULL_VALUE: absent */
Value dict_get_text(Vm *vm, Dict *dict, const char *name);
bool dict_set_str(Dict *dict, Str *name, Value value); /* takes a reference of its own */
bool dict_delete_str(Dict *dict, Str *name);
Value dict_find(Vm *vm, Dict *dict, Value key); /* borrowed; NULL_VALUE: absent or raised */
bool dict_set(Vm *vm, Dict *dict, Value key, Value value);
int dict_delete(Vm *vm, Dict *dict, Value key); /* 1 removed, 0 absent, -1 raised */
/* Iteration in order: start with *pos = 0; false at the end. Borrowed. */
bool dict_next(const Dict *dict, size_t *pos, Value *key, Value *value);
void dict_clear(Dict *dict);
bool dict_update(Vm *vm, Dict *dict, Value other); /* mapping or pairs */
Value set_new(Vm *vm, Class *cls);
bool set_add(Vm *vm, Set *set, Value key);
Value range_new(Vm *vm, int64_t start, int64_t stop, int64_t step);
Value slice_new(Vm *vm, Value start, Value stop, Value step); /* takes references of its own */
/* Python's clipping: start, step and number of items for a sequence of `length`. */
bool slice_bounds(Vm *vm, const Slice *slice, int64_t length, int64_t *start, int64_t *step,
                  int64_t *count);
Value native_new(Vm *vm, const char *name, NativeFn function, Value self, Value data);
Value bound_method_new(Vm *vm, Value function, Value self);
ModuleObj *module_new(Vm *vm, const char *name);
Exception *exception_new(Vm *vm, Class *cls, Value message);

/* ---- memory ---- */
/* Frees unreachable cycles; called at safe points. Returns how many objects it freed. */
size_t vm_collect_cycles(Vm *vm);

#endif
