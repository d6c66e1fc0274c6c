/* Values and objects of the evaluated language.
 *
 * A Value is 16 bytes: None, bool, int and float lie inline, everything else is a reference to a
 * reference-counted Obj. Every Obj names its Class; a Class holds the operations ("slots") its
 * instances answer to, so a native type written in C and a class of the program work alike.
 *
 * Ownership: a function that returns a Value returns a new reference; arguments are borrowed.
 * A Value whose tag is TAG_NULL means "an exception was raised" (or "nothing", where said). */
#ifndef NNC_FRONTEND_VALUE_H
#define NNC_FRONTEND_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "frontend/operators.h"
#include "support/bigint.h"
#include "support/buf.h"
#include "support/source.h"

typedef struct Vm Vm;
typedef struct Obj Obj;
typedef struct Class Class;
typedef struct Str Str;
typedef struct Tuple Tuple;
typedef struct Dict Dict;
typedef struct Code Code; /* bytecode.h */

typedef enum Tag {
    TAG_NULL,
    TAG_NONE,
    TAG_BOOL, /* in `i`: 0 or 1 */
    TAG_INT,
    TAG_FLOAT,
    TAG_ELLIPSIS,
    TAG_NOT_IMPLEMENTED,
    TAG_OBJ,
} Tag;

typedef struct Value {
    Tag tag;
    union {
        int64_t i;
        double f;
        Obj *o;
    };
} Value;

struct Obj {
    uint32_t refs;
    uint32_t gc_refs; /* scratch of the cycle collector */
    Class *cls;
};

/* Objects that can take part in cycles are linked into vm->gc_objects. */
typedef struct GcObj {
    Obj base;
    struct GcObj *prev, *next;
} GcObj;

#define NULL_VALUE ((Value){TAG_NULL, {0}})
#define NONE ((Value){TAG_NONE, {0}})
#define NOT_IMPLEMENTED ((Value){TAG_NOT_IMPLEMENTED, {0}})
#define ELLIPSIS ((Value){TAG_ELLIPSIS, {0}})

static inline Value from_int(int64_t i) {
    return (Value){TAG_INT, {.i = i}};
}
static inline Value from_bool(bool b) {
    return (Value){TAG_BOOL, {.i = b}};
}
/* What a comparison operator says of an order: negative, zero or positive. */
static inline Value from_order(CompareOp op, int64_t order) {
    switch (op) {
    case COMPARE_LT:
        return from_bool(order < 0);
    case COMPARE_LE:
        return from_bool(order <= 0);
    case COMPARE_EQ:
        return from_bool(order == 0);
    case COMPARE_NE:
        return from_bool(order != 0);
    case COMPARE_GT:
        return from_bool(order > 0);
    default:
        return from_bool(order >= 0);
    }
}
static inline Value from_float(double f) {
    return (Value){TAG_FLOAT, {.f = f}};
}
/* The same reference, as a Value: `from_obj(&str->base)`; FROM_OBJ casts any object type. */
static inline Value from_obj(Obj *o) {
    return (Value){TAG_OBJ, {.o = o}};
}
#define FROM_OBJ(object) from_obj((Obj *)(object))

static inline bool is_null(Value v) {
    return v.tag == TAG_NULL;
}
static inline bool is_none(Value v) {
    return v.tag == TAG_NONE;
}
static inline bool is_number_tag(Value v) {
    return v.tag == TAG_INT || v.tag == TAG_BOOL;
}

void obj_dealloc(Obj *obj);
static inline Value incref(Value v) {
    if (v.tag == TAG_OBJ) v.o->refs++;
    return v;
}
static inline void decref(Value v) {
    if (v.tag == TAG_OBJ && --v.o->refs == 0) obj_dealloc(v.o);
}
static inline void obj_decref(Obj *o) {
    if (--o->refs == 0) obj_dealloc(o);
}
/* A new reference to any object, typed as a Value. */
#define NEW_REF(object) incref(FROM_OBJ(object))
#define DROP(object) obj_decref((Obj *)(object))

/* Calls: `nargs` positional values, then one value for each name in `kwnames` (NULL: none).
 * A method receives its object as args[0]. */
typedef Value (*NativeFn)(Vm *vm, const Value *args, int nargs, const Tuple *kwnames);
typedef void (*VisitFn)(Obj *obj, void *context);

typedef struct Method {
    const char *name;
    NativeFn function;
    unsigned flags; /* METHOD_* */
} Method;
enum { METHOD_STATIC = 1, METHOD_CLASS = 2, METHOD_PROPERTY = 4 };

/* What instances of a class do. A NULL slot is inherited from the base. For binary and compare,
 * `a op b` is asked of a's class first and of b's class then, with the operands in source order;
 * `reflected` says that the class asked is b's. They return NOT_IMPLEMENTED to pass. */
typedef struct Slots {
    void (*dealloc)(Obj *self); /* releases what the object owns, not the object */
    void (*traverse)(Obj *self, VisitFn visit, void *context);
    void (*clear)(Obj *self); /* drops references that may form a cycle */
    Value (*getattr)(Vm *vm, Value self, Str *name);
    bool (*setattr)(Vm *vm, Value self, Str *name, Value value); /* NULL_VALUE: delete */
    Value (*call)(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames);
    Value (*repr)(Vm *vm, Value self);
    Value (*str)(Vm *vm, Value self);
    Value (*format)(Vm *vm, Value self, Str *spec);
    bool (*hash)(Vm *vm, Value self, int64_t *out);
    Value (*binary)(Vm *vm, BinaryOp op, Value a, Value b, bool reflected);
    Value (*inplace)(Vm *vm, BinaryOp op, Value a, Value b);
    Value (*unary)(Vm *vm, UnaryOp op, Value a);
    Value (*compare)(Vm *vm, CompareOp op, Value a, Value b, bool reflected);
    Value (*getitem)(Vm *vm, Value self, Value key);
    bool (*setitem)(Vm *vm, Value self, Value key, Value value); /* NULL_VALUE: delete */
    int (*contains)(Vm *vm, Value self, Value item);             /* -1: raised */
    int64_t (*length)(Vm *vm, Value self);                       /* -1: raised */
    int (*truth)(Vm *vm, Value self);                            /* -1: raised */
    Value (*iter)(Vm *vm, Value self);
    Value (*next)(Vm *vm, Value self); /* NULL_VALUE without an exception: exhausted */
    Value (*descr_get)(Vm *vm, Value self, Value instance, Class *owner);
    bool (*descr_set)(Vm *vm, Value self, Value instance, Value value); /* NULL_VALUE: delete */
    Value (*to_int)(Vm *vm, Value self);                                /* __int__ */
    Value (*to_float)(Vm *vm, Value self);                              /* __float__ */
    Value (*to_index)(Vm *vm, Value self);                              /* __index__ */
    Value (*create)(Vm *vm, Class *cls, const Value *args, int nargs, const Tuple *kwnames);
    bool (*init)(Vm *vm, Value self, const Value *args, int nargs, const Tuple *kwnames);
} Slots;

enum ClassFlags {
    CLASS_INT = 1 << 0, /* instances are boxed ints (IntObj) or inline */
    CLASS_FLOAT = 1 << 1,
    CLASS_STR = 1 << 2,
    CLASS_BYTES = 1 << 3,
    CLASS_LIST = 1 << 4,
    CLASS_TUPLE = 1 << 5,
    CLASS_DICT = 1 << 6,
    CLASS_SET = 1 << 7,
    CLASS_FROZENSET = 1 << 8,
    CLASS_CLASS = 1 << 9,
    CLASS_EXCEPTION = 1 << 10,
    CLASS_INHERITED = (1 << 11) - 1, /* the flags above pass to subclasses */
    CLASS_USER = 1 << 16,            /* made by a class statement */
    CLASS_FINAL = 1 << 17,           /* can't be a base */
    CLASS_HAS_DICT = 1 << 18,        /* instances have a __dict__ */
    CLASS_NO_NEW = 1 << 19,          /* the program can't instantiate it */
    CLASS_UNTRACKED = 1 << 20,       /* instances start with an Obj: they hold no references */
    CLASS_ABSTRACT = 1 << 21,        /* its __abstractmethods__ are not empty */
    CLASS_FINALIZER = 1 << 22,       /* has a __del__ */
    CLASS_UNKNOWN = 1 << 23, /* numbers of unknown value: int(), float() and bool() leave them
                                as they are; __index__ says what it takes to know one */
};

struct Class {
    GcObj gc;
    Vm *vm;
    Slots slots;
    const char *name;
    Str *name_str, *qualname, *module;
    Class *base;  /* the base whose layout instances share; NULL for object */
    Tuple *bases; /* direct bases */
    Tuple *mro;
    Dict *dict;
    size_t instance_size;
    size_t dict_offset;                 /* where an instance's Dict * lies; 0: none */
    size_t member_offset, member_count; /* the Values of the names in its own __slots__ */
    unsigned flags;
    uint32_t version;        /* changes when an attribute lookup may give another answer */
    VEC(Class *) subclasses; /* not owned */
};

struct Str {
    Obj base;
    const char *data; /* valid UTF-8, NUL-terminated; behind the Str, or a Name's */
    size_t size;      /* bytes */
    size_t length;    /* code points; equal to size: all ASCII */
    int64_t hash;     /* 0: not yet computed */
    bool interned;
    uint32_t spare; /* bytes behind the text that it may grow into */
};

typedef struct Bytes {
    Obj base;
    unsigned char *data;
    size_t size;
} Bytes;

/* Ints beyond 64 bits, and instances of classes derived from int or float; other numbers are never
 * boxed. */
typedef struct IntObj {
    GcObj gc;
    int64_t value; /* of a big one: the nearest int of 64 bits */
    BigInt big;    /* no digits: `value` is the int */
} IntObj;
typedef struct FloatObj {
    GcObj gc;
    double value;
} FloatObj;

typedef struct List {
    GcObj gc;
    Value *items;
    size_t count, capacity;
} List;

struct Tuple {
    GcObj gc;
    Value *items;
    size_t count;
    Value inline_items[];
};

typedef struct DictEntry {
    int64_t hash;
    Value key; /* TAG_NULL: deleted */
    Value value;
} DictEntry;

/* Insertion ordered: `entries` in order, `index` an open-addressing table of entry numbers. */
struct Dict {
    GcObj gc;
    int32_t *index; /* -1 empty, -2 deleted; mask + 1 of them, behind the entries */
    size_t mask;    /* 0 with index == NULL: empty */
    size_t fill;    /* slots that are or were in use */
    DictEntry *entries;
    size_t used;      /* entries, deleted ones included */
    size_t count;     /* live entries */
    size_t capacity;  /* of entries */
    uint32_t version; /* changes when a key is added or removed */
    bool keeps_slots; /* a module's namespace: entry i stays entry i; an unset value is TAG_NULL */
};

typedef struct SetEntry {
    int64_t hash;
    Value key; /* TAG_NULL: empty; TAG_NOT_IMPLEMENTED: deleted */
} SetEntry;

/* A hash table in CPython's probe order, so that sets of ints iterate as they do there. */
typedef struct Set {
    GcObj gc;
    SetEntry *table;
    size_t mask, used, fill;
    uint32_t version;
    int64_t hash; /* of a frozenset, once computed */
    bool has_hash;
} Set;

typedef struct Range {
    Obj base;
    int64_t start, stop, step, length;
} Range;

typedef struct Slice {
    GcObj gc;
    Value start, stop, step;
} Slice;

typedef struct Cell {
    GcObj gc;
    Value value; /* TAG_NULL: unbound */
} Cell;

/* A module is its namespace. */
typedef struct ModuleObj {
    GcObj gc;
    Str *name;
    Dict *dict;
    bool prelude; /* part of nnc: its frames are hidden from the user's notes */
} ModuleObj;

typedef struct Function {
    GcObj gc;
    const Code *code;
    ModuleObj *module;
    Str *name, *qualname;
    Value *defaults; /* of the last `default_count` positional parameters */
    int default_count;
    Value *kwdefaults; /* one a keyword-only parameter; TAG_NULL: none */
    int kwdefault_count;
    Cell **closure;
    int closure_count;
    Dict *annotations; /* NULL: none */
    Value doc;
} Function;

/* A function written in C; `self`, when set, is passed before the arguments. */
typedef struct Native {
    GcObj gc;
    const char *name;
    NativeFn function;
    Value self;
    Class *owner; /* the class whose method it is: checks args[0]; not owned; NULL: a function */
    Value data;   /* closed-over value of wrappers; reached through vm->native_data */
} Native;

typedef struct BoundMethod {
    GcObj gc;
    Value function, self;
} BoundMethod;

/* property, staticmethod, classmethod. */
typedef struct Property {
    GcObj gc;
    Value get, set, del, doc;
    Str *name;           /* of the attribute, once a class has it; NULL: none; lives as the Vm */
    NativeFn native_get; /* a property of a native class */
} Property;
typedef struct Wrapper {
    GcObj gc;
    Value function;
} Wrapper;

/* Instances of program classes without a native base. */
typedef struct Instance {
    GcObj gc;
} Instance;

typedef struct TraceEntry {
    Span span;
    const Code *code;
    bool prelude;
} TraceEntry;

/* Instances of BaseException's subclasses. */
typedef struct Exception {
    GcObj gc;
    Value args; /* a tuple */
    Value cause, context;
    bool suppress_context;
    Value value; /* StopIteration's value, SystemExit's code; of an AttributeError name and
                    object, of a NameError the name */
    VEC(TraceEntry) trace; /* innermost first */
} Exception;

typedef struct File {
    GcObj gc;
    FILE *stream; /* NULL: closed */
    Value name, mode;
    bool standard; /* stdin, stdout, stderr: never closed */
    bool readable, writable;
} File;

/* Which class a value's object belongs to, by flag: true for subclasses too. */
static inline bool has_flag(Value v, unsigned flag) {
    return v.tag == TAG_OBJ && (v.o->cls->flags & flag) != 0;
}
static inline bool is_str(Value v) {
    return has_flag(v, CLASS_STR);
}
static inline bool is_list(Value v) {
    return has_flag(v, CLASS_LIST);
}
static inline bool is_tuple(Value v) {
    return has_flag(v, CLASS_TUPLE);
}
static inline bool is_dict(Value v) {
    return has_flag(v, CLASS_DICT);
}
static inline bool is_set(Value v) {
    return has_flag(v, CLASS_SET | CLASS_FROZENSET);
}
static inline bool is_class(Value v) {
    return has_flag(v, CLASS_CLASS);
}
static inline bool is_exception(Value v) {
    return has_flag(v, CLASS_EXCEPTION);
}
static inline bool is_int(Value v) {
    return is_number_tag(v) || has_flag(v, CLASS_INT);
}
static inline bool is_float(Value v) {
    return v.tag == TAG_FLOAT || has_flag(v, CLASS_FLOAT);
}

static inline Str *as_str(Value v) {
    return (Str *)(void *)v.o;
}
static inline List *as_list(Value v) {
    return (List *)(void *)v.o;
}
static inline Tuple *as_tuple(Value v) {
    return (Tuple *)(void *)v.o;
}
static inline Dict *as_dict(Value v) {
    return (Dict *)(void *)v.o;
}
static inline Set *as_set(Value v) {
    return (Set *)(void *)v.o;
}
static inline Class *as_class(Value v) {
    return (Class *)(void *)v.o;
}
static inline Exception *as_exception(Value v) {
    return (Exception *)(void *)v.o;
}
static inline bool is_big(Value v) {
    return has_flag(v, CLASS_INT) && ((IntObj *)(void *)v.o)->big.count > 0;
}
/* The int of an is_int() value (the nearest of 64 bits), the double of an is_float() value. */
static inline int64_t as_int(Value v) {
    return v.tag == TAG_OBJ ? ((IntObj *)(void *)v.o)->value : v.i;
}
static inline double as_float(Value v) {
    return v.tag == TAG_OBJ ? ((FloatObj *)(void *)v.o)->value : v.f;
}

#endif
