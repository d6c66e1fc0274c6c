/* What the files of code generation share.
 *
 * An Emitter builds one Code. It tracks the stack's depth as it emits, so that max_stack and the
 * depths of handlers are exact. Blocks (loops, try, with, handlers) are a stack of records on the
 * C stack: leaving them by return, break or continue emits their exits in place. */
#ifndef NNC_FRONTEND_COMPILE_INTERNAL_H
#define NNC_FRONTEND_COMPILE_INTERNAL_H

#include "frontend/compile.h"
#include "frontend/scope.h"

/* One module. */
typedef struct Unit {
    Compiler *compiler;
    uint16_t file;
    NameMap global_index; /* name -> slot */
    VEC(Name *) globals;
    bool string_annotations;
    bool failed;
    uint64_t emitted; /* instructions so far, limited */
} Unit;

typedef enum BlockKind {
    BLOCK_LOOP,
    BLOCK_PENDING,        /* a finally that runs while a return value waits on the stack */
    BLOCK_TRY,            /* only a range */
    BLOCK_FINALLY,        /* leaving runs `finally` */
    BLOCK_FINALLY_RAISED, /* inside a finally that runs because of an exception */
    BLOCK_WITH,
    BLOCK_HANDLER,     /* inside an except clause: the exception is being handled */
    BLOCK_HANDLER_NAME /* its `as` name is to be cleared */
} BlockKind;

typedef struct EmitBlock {
    BlockKind kind;
    struct EmitBlock *outer;
    /* Loops */
    uint32_t break_label, continue_label;
    bool has_iterator;
    /* Kinds from TRY on: the instructions covered */
    uint32_t handler_label, depth, range_begin;
    const Stmt *try; /* FINALLY */
    Name *name;      /* HANDLER_NAME */
    Span span;
} EmitBlock;

typedef struct Emitter {
    Unit *unit;
    struct Emitter *outer;
    Scope *scope; /* the innermost; scope->frame is the code's own */
    Code *code;
    EmitBlock *blocks;
    Span span; /* of what is being compiled */
    uint32_t depth, max_depth;
    VEC(Instruction) instructions;
    VEC(CodeSpan) spans;
    VEC(Const) consts;
    VEC(Name *) names;
    NameMap name_index;
    VEC(HandlerRange) handlers; /* targets are labels until the end */
    VEC(uint32_t) labels;       /* label -> instruction */
} Emitter;

/* compile_emit.c */
void emit(Emitter *emitter, Opcode op, int a, uint32_t b, int64_t c);
static inline void emit0(Emitter *emitter, Opcode op) {
    emit(emitter, op, 0, 0, 0);
}
static inline void emit_c(Emitter *emitter, Opcode op, int64_t c) {
    emit(emitter, op, 0, 0, c);
}
void emit_none(Emitter *emitter);
void emit_int(Emitter *emitter, int64_t value);
void emit_const(Emitter *emitter, Const value);
void emit_string(Emitter *emitter, const char *bytes, size_t length);
uint32_t emit_add_const(Emitter *emitter, Const value);
uint32_t emit_add_name(Emitter *emitter, Name *name);
void emit_name_op(Emitter *emitter, Opcode op, Name *name); /* names[c] */
void emit_cached(Emitter *emitter, Opcode op, Name *name);  /* names[c], b a cache index */
uint32_t emit_label(Emitter *emitter);                      /* a new label */
void emit_place(Emitter *emitter, uint32_t label);          /* the label is here */
/* The instruction that jumps here has pushed one value more than the code before here. */
void emit_grow(Emitter *emitter);
void emit_jump(Emitter *emitter, Opcode op, int a, uint32_t b, uint32_t label);
void emit_open(Emitter *emitter, EmitBlock *block);  /* the block's range begins here */
void emit_close(Emitter *emitter, EmitBlock *block); /* and ends here */
void emit_push_block(Emitter *emitter, EmitBlock *block);
void emit_pop_block(Emitter *emitter);
void emit_finish(Emitter *emitter);
void emitter_free(Emitter *emitter);
void compile_error(Emitter *emitter, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* compile_name.c */
void compile_load(Emitter *emitter, Name *name);
void compile_store(Emitter *emitter, Name *name);
void compile_delete(Emitter *emitter, Name *name);
uint32_t compile_global_slot(Emitter *emitter, Name *name);
void compile_target(Emitter *emitter, const Expr *target); /* (x --) */

/* compile_expr.c */
void compile_expr(Emitter *emitter, const Expr *expr);
void compile_condition(Emitter *emitter, const Expr *expr, bool jump_if, uint32_t label);
bool compile_constant(const Expr *expr, Const *out);          /* a literal, or a tuple of them */
void compile_items(Emitter *emitter, Exprs items, Opcode op); /* TUPLE, LIST or SET */

/* compile_call.c */
void compile_call(Emitter *emitter, const Expr *expr);
void compile_comp(Emitter *emitter, const Expr *expr);
void compile_spread(Emitter *emitter, Arguments arguments); /* ( -- list dict) */

/* compile_def.c */
void compile_function(Emitter *emitter, const FunctionDef *function); /* ( -- function) */
void compile_class(Emitter *emitter, const ClassDef *class);          /* ( -- class) */
void compile_annotation(Emitter *emitter, const Expr *annotation);
Code *compile_nested(Emitter *outer, Scope *scope, Span span, void (*body)(Emitter *, const void *),
                     const void *context);

/* compile_stmt.c, compile_try.c */
void compile_block(Emitter *emitter, Block block);
void compile_try(Emitter *emitter, const Stmt *stmt);
void compile_with(Emitter *emitter, const Stmt *stmt, size_t index);
void compile_match(Emitter *emitter, const Stmt *stmt); /* compile_match.c */
/* Emits the exits of the blocks inside `target` (NULL: all), keeping a value on top of the stack
 * when `value`; then everything is as before, for the unreachable rest. */
void compile_leave(Emitter *emitter, const EmitBlock *target, bool value);
/* True when the block starts with a docstring; `*doc` is set then. */
bool compile_docstring(Block block, const Expr **doc);

#endif
