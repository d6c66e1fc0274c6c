/* The syntax tree of one file.
 *
 * Expressions and statements are tagged unions in the parser's arena; every one has the span of
 * the text it came from. Lists are `{items, count}`. Names are interned. Optional children are
 * NULL. The tree is not changed after parsing, but for the slots of patterns. */
#ifndef NNC_FRONTEND_AST_H
#define NNC_FRONTEND_AST_H

#include "frontend/intern.h"
#include "frontend/operators.h"
#include "support/buf.h"
#include "support/source.h"

typedef struct Expr Expr;
typedef struct Stmt Stmt;
typedef struct FunctionDef FunctionDef;

typedef struct Exprs {
    Expr **items;
    size_t count;
} Exprs;
typedef struct Block {
    Stmt **items;
    size_t count;
} Block;

/* One `for target in iterable if ... if ...` of a comprehension. */
typedef struct CompFor {
    Expr *target, *iterable;
    Exprs conditions;
} CompFor;

/* One call argument. */
typedef struct Argument {
    enum { ARG_POSITIONAL, ARG_STAR, ARG_KEYWORD, ARG_DOUBLE_STAR } kind;
    Name *name; /* ARG_KEYWORD */
    Expr *value;
    Span span; /* with the `name=`, `*` or `**` */
} Argument;

typedef struct Arguments {
    Argument *items;
    size_t count;
} Arguments;

typedef enum CompKind { COMP_LIST, COMP_SET, COMP_DICT, COMP_GENERATOR } CompKind;

typedef enum ExprKind {
    EXPR_NONE,
    EXPR_TRUE,
    EXPR_FALSE,
    EXPR_ELLIPSIS,
    EXPR_INT,
    EXPR_BIG_INT, /* beyond 64 bits */
    EXPR_FLOAT,
    EXPR_STRING,
    EXPR_BYTES,
    EXPR_FSTRING,   /* parts: EXPR_STRING and EXPR_FORMATTED */
    EXPR_FORMATTED, /* one `{value!conversion:spec}` of an f-string */
    EXPR_NAME,
    EXPR_TUPLE,
    EXPR_LIST,
    EXPR_SET,
    EXPR_DICT, /* keys[i] NULL: `**values[i]` */
    EXPR_UNARY,
    EXPR_NOT,
    EXPR_BINARY,
    EXPR_AND,
    EXPR_OR,
    EXPR_COMPARE,
    EXPR_IF, /* body if test else orelse */
    EXPR_CALL,
    EXPR_ATTRIBUTE,
    EXPR_SUBSCRIPT,
    EXPR_SLICE, /* only inside a subscript */
    EXPR_STARRED,
    EXPR_LAMBDA,
    EXPR_WALRUS,
    EXPR_COMP,
    EXPR_YIELD,
    EXPR_YIELD_FROM
} ExprKind;

struct Expr {
    ExprKind kind;
    bool parenthesized; /* written in its own parentheses */
    Span span;
    union {
        int64_t integer;
        double number;
        struct {
            const char *bytes; /* NUL-terminated; may hold NULs */
            size_t length;
        } string;    /* STRING, BYTES; BIG_INT: its digits */
        Exprs items; /* FSTRING, TUPLE, LIST, SET, AND, OR */
        struct {
            Expr *value;
            Expr *spec;      /* an FSTRING or NULL */
            char conversion; /* 'r', 's', 'a' or 0 */
        } formatted;
        Name *name;
        struct {
            Expr **keys, **values;
            size_t count;
        } dict;
        struct {
            UnaryOp op;
            Expr *operand;
        } unary;
        struct {
            BinaryOp op;
            Expr *left, *right;
        } binary;
        struct { /* a < b <= c: operands a, b, c and ops <, <= */
            Exprs operands;
            CompareOp *ops;
        } compare;
        struct {
            Expr *test, *body, *orelse;
        } conditional;
        struct {
            Expr *callee;
            Arguments arguments;
        } call;
        struct {
            Expr *object;
            Name *name;
            Span name_span;
        } attribute;
        struct {
            Expr *object, *index;
        } subscript;
        struct {
            Expr *start, *stop, *step;
        } slice;
        Expr *value;           /* NOT, STARRED, YIELD (or NULL), YIELD_FROM */
        FunctionDef *function; /* LAMBDA */
        struct {
            Expr *target; /* a NAME */
            Expr *value;
        } walrus;
        struct {
            CompKind kind;
            Expr *element; /* the key of a dict comprehension */
            Expr *value;   /* dict comprehension only */
            CompFor *fors;
            size_t for_count;
        } comp;
    } as;
};

typedef struct Parameter {
    Name *name;
    Span span;
    Expr *annotation;
    Expr *default_value;
} Parameter;

/* A def or lambda. Parameters stand in order: positional, keyword-only, *args, **kwargs. */
struct FunctionDef {
    Name *name; /* "<lambda>" for lambdas */
    Span name_span;
    Parameter *parameters;
    size_t positional_count; /* positional-only ones included */
    size_t positional_only_count;
    size_t keyword_only_count;
    bool has_varargs, has_kwargs;
    bool is_lambda;
    Expr *returns; /* annotation */
    Block body;    /* lambda: one STMT_RETURN */
    Span body_span;
    Exprs decorators;
};

typedef struct ClassDef {
    Name *name;
    Span name_span;
    Arguments bases; /* bases and keywords */
    Block body;
    Exprs decorators;
} ClassDef;

typedef struct ImportAlias {
    Name *name; /* dotted for `import a.b`; "*" for a star import */
    Name *as;   /* NULL: none */
    Span span;
} ImportAlias;

typedef struct ExceptClause {
    Expr *type; /* NULL: bare except */
    Name *name; /* NULL: none */
    Span span;
    Block body;
} ExceptClause;

typedef struct WithItem {
    Expr *context;
    Expr *target; /* NULL: none */
} WithItem;

typedef enum PatternKind {
    PATTERN_VALUE,    /* equal to `value`; None, True and False: that very object */
    PATTERN_CAPTURE,  /* anything; `name` NULL: the wildcard */
    PATTERN_STAR,     /* only in a SEQUENCE: the rest as a list */
    PATTERN_SEQUENCE, /* items */
    PATTERN_MAPPING,  /* values[i] is the key of items[i]; `name`: **name */
    PATTERN_CLASS,    /* value(items...), the last ones for the attributes `names` */
    PATTERN_OR,       /* one of items */
    PATTERN_AS,       /* items[0] as name */
} PatternKind;

typedef struct Pattern {
    PatternKind kind;
    uint32_t slot; /* of its frame, where what it is compared with lies; scope analysis sets it */
    Span span;
    Name *name;
    Expr *value;
    Exprs values;
    struct Pattern **items;
    size_t count;
    Name **names; /* CLASS: of its last `name_count` items */
    size_t name_count;
} Pattern;

typedef struct MatchCase {
    uint32_t slot; /* the first case's: where the subject lies */
    Pattern *pattern;
    Expr *guard; /* NULL: none */
    Block body;
} MatchCase;

typedef enum StmtKind {
    STMT_EXPR,
    STMT_ASSIGN,     /* targets = ... = value */
    STMT_AUG_ASSIGN, /* target op= value */
    STMT_ANN_ASSIGN, /* target: annotation [= value] */
    STMT_RETURN,
    STMT_DELETE,
    STMT_PASS,
    STMT_BREAK,
    STMT_CONTINUE,
    STMT_RAISE,
    STMT_ASSERT,
    STMT_GLOBAL,
    STMT_NONLOCAL,
    STMT_IMPORT,
    STMT_FROM_IMPORT,
    STMT_IF,
    STMT_WHILE,
    STMT_FOR,
    STMT_TRY,
    STMT_WITH,
    STMT_MATCH,
    STMT_DEF,
    STMT_CLASS
} StmtKind;

struct Stmt {
    StmtKind kind;
    Span span; /* compound statements: the header line only */
    union {
        Expr *expr; /* EXPR, RETURN (or NULL) */
        struct {
            Exprs targets;
            Expr *value;
        } assign;
        struct {
            BinaryOp op;
            Expr *target, *value;
        } aug_assign;
        struct {
            Expr *target, *annotation, *value;
        } ann_assign;
        Exprs targets; /* DELETE */
        struct {
            Expr *exception, *cause;
        } raise;
        struct {
            Expr *test, *message;
        } assertion;
        struct {
            Name **items;
            Span *spans;
            size_t count;
        } names; /* GLOBAL, NONLOCAL */
        struct {
            Name *module;   /* FROM_IMPORT; NULL for `from . import` */
            uint32_t level; /* leading dots */
            ImportAlias *items;
            size_t count;
            Span module_span;
        } import;
        struct {
            Expr *test;
            Block body, orelse;
        } branch; /* IF, WHILE; elif is an IF alone in orelse */
        struct {
            Expr *target, *iterable;
            Block body, orelse;
        } loop; /* FOR */
        struct {
            Block body, orelse, finally;
            ExceptClause *clauses;
            size_t clause_count;
        } try;
        struct {
            WithItem *items;
            size_t count;
            Block body;
        } with;
        struct {
            Expr *subject;
            MatchCase *cases;
            size_t count;
        } match;
        FunctionDef *function;
        ClassDef *class;
    } as;
};

typedef struct ModuleAst {
    uint16_t file;
    Block body;
} ModuleAst;

/* An S-expression of the tree, one statement a line, for tests and --emit=ast. */
void ast_print(const ModuleAst *module, Buf *out);
const char *binary_op_text(BinaryOp op);
const char *compare_op_text(CompareOp op);

#endif
