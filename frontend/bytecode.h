/* The instruction set between the compiler (compile.c) and the VM, and the Code object.
 *
 * A stack machine. A frame is an array of slots, then the operand stack:
 *
 *   slots[0 .. local_count)                     parameters, locals, temporaries
 *   slots[local_count .. local_count+free_count)  cells captured from the enclosing frames
 *   stack of at most max_stack values
 *
 * Parameters come first: positional ones, keyword-only ones, then *args, then **kwargs. An empty
 * slot (unset local) is distinct from every value. A *cell slot* holds a cell object, shared with
 * inner functions; it is used by the _CELL instructions only. Calling a function: the VM fills the
 * parameter slots and the free slots (from the function's captured cells); the code itself turns
 * captured locals into cells with NEW_CELL before using them.
 *
 * Module globals live in a table of the module, one entry a name; the code of a module addresses
 * entries by index (module_names gives the first entries' names, in order). The VM may add entries
 * behind (setattr on the module, star imports). LOAD_GLOBAL of an unset entry looks
 * the name up among the builtins, then fails with NameError.
 *
 * An instruction has four operands: a (8 bits), b (16 bits), c (32 bits, signed). Jump targets are
 * absolute instruction indexes in c. `name` below means names[c]; `const` means consts[c].
 *
 * Exceptions: on an error at pc, the first HandlerRange (in table order) with begin <= pc < end is
 * taken: the stack is cut to `depth`, the exception is pushed and execution goes on at `target`.
 * No range: the frame ends and the caller's pc is looked up the same way. pc is the index of the
 * instruction that failed (for a caller: its call instruction).
 * The VM keeps a *handled exception* per thread of execution: PUSH_EXC sets, POP_EXC and RERAISE
 * restore; a bare raise re-raises it and raising anything sets __context__ to it.
 *
 * Generators: a Code with CODE_GENERATOR makes a generator object when called; its frame is kept
 * between resumptions. RETURN ends it (StopIteration with the value).
 *
 * Codes of the prelude come from an image made when nnc was built (image.h). Their names and
 * constants are made when they first run: code_ready() comes before any use of these.
 *
 * Stack effects are written (before -- after), top of the stack to the right. */
#ifndef NNC_FRONTEND_BYTECODE_H
#define NNC_FRONTEND_BYTECODE_H

#include "frontend/intern.h"
#include "frontend/operators.h"
#include "support/source.h"

/* X(name, effect on depth): VARIES where operands decide (see compile_emit.c). */
#define VARIES 99
#define OPCODES(X)                                                                                 \
    /* Stack */                                                                                    \
    X(POP, -1) /* (x --) */                                                                        \
    X(DUP, 1)  /* (x -- x x) */                                                                    \
    X(DUP2, 2) /* (x y -- x y x y) */                                                              \
    X(SWAP, 0) /* (x y -- y x) */                                                                  \
    X(ROT3, 0) /* (x y z -- z x y) */                                                              \
    /* Constants and variables */                                                                  \
    X(CONST, 1)         /* ( -- const) */                                                          \
    X(NONE, 1)          /* ( -- None) */                                                           \
    X(INT, 1)           /* ( -- c): a small integer */                                             \
    X(LOAD_LOCAL, 1)    /* ( -- slots[c]); unset: UnboundLocalError slot_names[c] */               \
    X(STORE_LOCAL, -1)  /* (x --) slots[c] = x */                                                  \
    X(DELETE_LOCAL, 0)  /* unset slots[c]; unset already: UnboundLocalError */                     \
    X(CLEAR_LOCAL, 0)   /* unset slots[c], set or not */                                           \
    X(LOAD_GLOBAL, 1)   /* ( -- globals[c]), else builtin of that name, else NameError */          \
    X(STORE_GLOBAL, -1) /* (x --) globals[c] = x */                                                \
    X(DELETE_GLOBAL, 0) /* unset globals[c]; unset: NameError */                                   \
    X(NEW_CELL, 0)      /* slots[c] = new cell holding slots[c]'s value (or unset); b = 1:         \
                           a new unset cell whatever the slot held */                              \
    X(LOAD_CELL, 1)     /* ( -- cell slots[c]'s value); unset: UnboundLocalError, or NameError     \
                           "cannot access free variable" when c >= local_count */                  \
    X(STORE_CELL, -1)   /* (x --) into cell slots[c] */                                            \
    X(DELETE_CELL, 0)   /* unset the cell's value; unset: as LOAD_CELL */                          \
    X(LOAD_NAME, 1)     /* class body: ( -- namespace[name], else globals[b] (b = 0xFFFF: look     \
                           the name up), else builtin, else NameError) */                          \
    X(STORE_NAME, -1)   /* class body: (x --) namespace[name] = x */                               \
    X(DELETE_NAME, 0)   /* class body: unset namespace[name]; unset: NameError */                  \
    X(ANNOTATE, -1)     /* (x --) __annotations__[name] = x in the class namespace or, at module   \
                           level, in the module; made on first use */                              \
    /* Attributes and subscripts. b: inline cache index < cache_count, 0xFFFF: none */             \
    X(LOAD_ATTR, 0)        /* (object -- object.name) */                                           \
    X(STORE_ATTR, -2)      /* (x object --) object.name = x */                                     \
    X(DELETE_ATTR, -1)     /* (object --) */                                                       \
    X(LOAD_METHOD, 1)      /* (object -- function self), or (object -- object.name EMPTY) when the \
                              attribute is not a plain method; CALL with a = 1 follows later */    \
    X(LOAD_SUBSCRIPT, -1)  /* (object index -- object[index]) */                                   \
    X(STORE_SUBSCRIPT, -3) /* (x object index --) object[index] = x */                             \
    X(DELETE_SUBSCRIPT, -2) /* (object index --) */                                                \
    X(SLICE, VARIES)        /* (start stop -- slice), a = 3: (start stop step -- slice) */         \
    /* Operators. a = 1: augmented assignment, try the in-place method first */                    \
    X(ADD, -1) /* (x y -- x + y); ADD ... XOR in the order of BinaryOp */                          \
    X(SUB, -1)                                                                                     \
    X(MUL, -1)                                                                                     \
    X(MATMUL, -1)                                                                                  \
    X(DIV, -1)                                                                                     \
    X(FLOOR_DIV, -1)                                                                               \
    X(MOD, -1)                                                                                     \
    X(POW, -1)                                                                                     \
    X(LSHIFT, -1)                                                                                  \
    X(RSHIFT, -1)                                                                                  \
    X(AND, -1)                                                                                     \
    X(OR, -1)                                                                                      \
    X(XOR, -1)                                                                                     \
    X(NEG, 0) /* (x -- -x) */                                                                      \
    X(POS, 0)                                                                                      \
    X(INVERT, 0)                                                                                   \
    X(NOT, 0)      /* (x -- not x) */                                                              \
    X(COMPARE, -1) /* (x y -- result); a: a CompareOp. == < ... may give any object,               \
                      is / in give a bool */                                                       \
    /* Jumps. A jump backwards always goes to a BACK_EDGE or is a FOR */                           \
    X(JUMP, 0)                  /* to c */                                                         \
    X(JUMP_IF_FALSE, -1)        /* (x --) to c when x is false */                                  \
    X(JUMP_IF_TRUE, -1)         /* (x --) */                                                       \
    X(JUMP_IF_FALSE_OR_POP, -1) /* (x -- x) to c when x is false, else (x --) and on */            \
    X(JUMP_IF_TRUE_OR_POP, -1)                                                                     \
    X(COMPARE_JUMP, -2) /* (x y --) to c when the truth of `x a y` equals b (0 or 1) */            \
    X(BACK_EDGE, 0)     /* a while loop begins an iteration here: interrupts, step limit, cuts */  \
    /* Iteration */                                                                                \
    X(GET_ITER, 0)        /* (x -- iter(x)) */                                                     \
    X(FOR, VARIES)        /* (it -- it item) and jump BACK to c; exhausted: (it --) and on. Loops  \
                             are rotated: the FOR stands at the end of the body, its target is the \
                             body's first instruction. Counts as a back edge */                    \
    X(FOR_LOCAL, VARIES)  /* as FOR, storing the item into slots[b]: (it -- it) and jump */        \
    X(FOR_GLOBAL, VARIES) /* as FOR, storing the item into globals[b] */                           \
    X(UNPACK, VARIES)     /* (iterable -- xc ... x2 x1), x1 on top; ValueError on another count */ \
    X(UNPACK_STAR, VARIES) /* a, b.. *m, y, z = ...: (iterable -- z y m b a): a on top; b items    \
                             before, list m, c items after */                                      \
    /* Building */                                                                                 \
    X(TUPLE, VARIES) /* (x1 ... xc -- tuple) */                                                    \
    X(LIST, VARIES)  /* (x1 ... xc -- list) */                                                     \
    X(SET, VARIES)                                                                                 \
    X(DICT, VARIES)    /* (k1 v1 ... kc vc -- dict) */                                             \
    X(LIST_APPEND, -1) /* (list ... x -- list ...): the list is b below x (b = 1: next to it) */   \
    X(SET_ADD, -1)     /* same for a set */                                                        \
    X(DICT_PUT, -2)    /* (dict ... key value -- dict ...): the dict is b below the key */         \
    X(LIST_EXTEND, -1) /* (list iterable -- list); a = 1: arguments of (callable list iterable) */ \
    X(SET_UPDATE, -1)  /* (set iterable -- set) */                                                 \
    X(DICT_UPDATE, -1) /* (dict mapping -- dict); a = 1: call keywords, TypeError on a key that    \
                          is there already or is no string */                                      \
    X(LIST_TO_TUPLE, 0) /* (list -- tuple) */                                                      \
    X(FORMAT, VARIES)   /* (value -- str), b = 1: (value spec -- str); a: 0, 's', 'r' or 'a' is    \
                           applied first; then format(value, spec) */                              \
    X(JOIN, VARIES)     /* (s1 ... sc -- str): concatenates */                                     \
    /* Calls */                                                                                    \
    X(CALL, VARIES)          /* (callable x1 ... xc -- result); a = 1: (function self x1 ... xc -- \
                                result), as LOAD_METHOD left them */                               \
    X(CALL_KEYWORDS, VARIES) /* as CALL; consts[b] is a tuple of n names, the last n of the c      \
                             arguments are keyword arguments of these names */                     \
    X(CALL_SPREAD, -2)       /* (callable list dict -- result) */                                  \
    X(RETURN, -1)            /* (x --) leaves the frame */                                         \
    X(YIELD, 0)              /* (x -- sent) */                                                     \
    X(YIELD_FROM, -1) /* (it sent -- result): resumes `it` with `sent`; while it yields, the       \
                         frame yields that value and this instruction runs again with (it          \
                         sent'); throw() and close() are passed on to it */                        \
    X(MAKE_FUNCTION, VARIES) /* ([defaults] [kwdefaults] [annotations] -- function): const is a    \
                             Code; a bit 0: tuple of defaults, bit 1: dict of keyword-only         \
                             defaults, bit 2: dict of annotations. Captures this frame's cells     \
                             slots[code->captures[i]] */                                           \
    X(MAKE_CLASS, VARIES)    /* (body base1 ... basec -- class), a = 1: (body list dict -- class): \
                                names[b] is its name; runs body's code with a new namespace, makes \
                                the class, sets the cell body_code->class_cell (if >= 0) to it */  \
    /* Patterns */                                                                                 \
    X(MATCH_SEQUENCE, 0)  /* (x -- bool): a sequence of c items, b = 1: of c or more */            \
    X(MATCH_KEYS, VARIES) /* (x k1 ... kc -- None), or (... -- tuple of x[k1] ...) when x is a     \
                             mapping with these keys; a = 1: a dict of the rest at its end */      \
    X(MATCH_CLASS, -1)    /* (x class -- None), or (... -- tuple of attributes) when x is an       \
                             instance with those that c positional patterns and the names          \
                             consts[b] stand for */                                                \
    /* Exceptions and contexts */                                                                  \
    X(RAISE, VARIES)        /* a = 0: re-raise the handled one; 1: (e --); 2: (e cause --) */      \
    X(RAISE_ASSERT, VARIES) /* a = 0: ( --) raise AssertionError; 1: (message --) */               \
    X(PUSH_EXC, 1)          /* (e -- previous e): handled exception = e */                         \
    X(POP_EXC, -1)          /* (previous --): handled exception = previous */                      \
    X(RERAISE, -2)          /* (previous e --): handled exception = previous, raise e unchanged */ \
    X(MATCH_EXC, 0)         /* (e type -- e bool); type: class or tuple of classes */              \
    X(WITH_ENTER, 1)        /* (manager -- exit entered): bound __exit__, result of __enter__() */ \
    X(WITH_EXIT, -1)        /* (exit --): exit(None, None, None) */                                \
    X(WITH_EXCEPT, 1)       /* (exit previous e -- exit previous e x): exit(type(e), e, None) */   \
    /* Imports */                                                                                  \
    X(IMPORT, 1)       /* ( -- module) name: dotted path ("" with dots only), b: leading dots,     \
                          a = 0: bind the first package, 1: the last */                            \
    X(IMPORT_FROM, 1)  /* (module -- module x): attribute or submodule, else ImportError */        \
    X(IMPORT_STAR, -1) /* (module --): its public names into this module's globals */

typedef enum Opcode {
#define X(name, effect) OP_##name,
    OPCODES(X)
#undef X
        OPCODE_COUNT
} Opcode;

typedef struct Instruction {
    uint8_t op; /* Opcode */
    uint8_t a;
    uint16_t b;
    int32_t c;
} Instruction;

typedef struct Code Code;

typedef enum ConstKind {
    CONST_NONE,
    CONST_TRUE,
    CONST_FALSE,
    CONST_ELLIPSIS,
    CONST_INT,
    CONST_BIG_INT, /* its digits in `string` */
    CONST_FLOAT,
    CONST_STRING,
    CONST_BYTES,
    CONST_TUPLE,
    CONST_CODE
} ConstKind;

enum { SHORT_TEXT = 40 }; /* strings up to that many bytes are likely keys or names: interned */

typedef struct Const {
    ConstKind kind;
    union {
        int64_t integer;
        double number;
        struct {
            const char *bytes; /* UTF-8 for strings; NUL-terminated, may hold NULs */
            size_t length;
            Name *name; /* of a short string of an image */
        } string;
        struct {
            const struct Const *items;
            size_t count;
        } tuple;
        Code *code;
    } as;
} Const;

typedef struct HandlerRange {
    uint32_t begin, end; /* instructions covered */
    uint32_t target;
    uint32_t depth; /* stack depth to cut to before the exception is pushed */
} HandlerRange;

typedef struct CodeSpan {
    uint32_t begin, end; /* byte offsets in the Code's file */
} CodeSpan;

enum {
    CODE_VARARGS = 1,
    CODE_KWARGS = 2,
    CODE_GENERATOR = 4,
    CODE_MODULE = 8, /* top level; RETURNs None */
    CODE_CLASS = 16, /* class body; RETURNs None */
};

typedef struct Image Image; /* image.h */
typedef struct ImageCode ImageCode;

struct Code {
    Name *name;           /* "f", "<lambda>", "<module>", "<genexpr>" */
    Name *qualified_name; /* "Outer.method", "f.<locals>.g" */
    uint16_t file;
    Span span; /* the def, class or lambda */
    uint32_t flags;
    uint32_t positional_count, positional_only_count, keyword_only_count;
    uint32_t parameter_count; /* all of them, *args and **kwargs included */
    uint32_t local_count, free_count;
    uint32_t max_stack;
    uint32_t cache_count;     /* inline caches the instructions name */
    int32_t class_cell;       /* CODE_CLASS: slot of the __class__ cell; -1: none */
    const Const *doc;         /* CONST_STRING; NULL: none */
    Name **slot_names;        /* local_count + free_count; temporaries are NULL */
    const uint32_t *captures; /* free_count slots of the enclosing frame (cells) */
    const Instruction *instructions;
    const CodeSpan *spans; /* one an instruction */
    uint32_t instruction_count;
    const Const *consts;
    uint32_t const_count;
    Name **names;
    uint32_t name_count;
    const HandlerRange *handlers;
    uint32_t handler_count;
    Name **module_names; /* CODE_MODULE: global table entries in order */
    uint32_t module_name_count;
    const Image
        *image; /* where the names and constants are still to come from; NULL: all is here */
    const ImageCode *row;
    void *vm; /* the VM's own: const values, caches; NULL at first */
};

const char *opcode_name(Opcode op);
/* Instructions with operands spelled out, nested codes behind, for tests and --emit=bytecode. */
void code_print(const Code *code, Buf *out);

#endif
