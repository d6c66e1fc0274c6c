/* Frames and generators: what the interpreter loop, calls and generators share. */
#ifndef NNC_FRONTEND_INTERP_H
#define NNC_FRONTEND_INTERP_H

#include "frontend/bytecode.h"
#include "frontend/vm_internal.h"

/* What a Code needs at run time: its constants and names as values. Hangs on code->vm. */
typedef struct CodeData {
    Value *consts;
    Str **names;
    Str **slot_names; /* NULL entries: temporaries */
} CodeData;

typedef struct Generator Generator;

struct Frame {
    Frame *prev;
    const Code *code;
    CodeData *data;
    const Instruction *ip; /* the instruction under way */
    ModuleObj *module;
    Function *function; /* owned; NULL for modules */
    Value *slots;       /* locals, then captured cells */
    Value *sp;          /* operand stack, the next free place */
    Dict *namespace;    /* of a class body, owned */
    Value instance;     /* of a constructor call: what it gives instead of None; owned */
    Generator *generator;
    bool entry; /* its end leaves vm_run */
};

struct Generator {
    GcObj gc;
    Frame *frame; /* NULL: finished */
    Str *name, *qualname;
    bool running, started;
    Value handled; /* the exception its body is handling */
};

typedef struct StackChunk {
    struct StackChunk *prev, *next;
    size_t used, size;
    max_align_t data[];
} StackChunk;

/* frame.c */
/* Makes the names and constants of a code from an image. */
void code_ready(Vm *vm, const Code *code);
CodeData *code_data(Vm *vm, const Code *code);
Frame *frame_new(Vm *vm, Function *function, ModuleObj *module, const Code *code, bool heap);
void frame_free(Vm *vm, Frame *frame);
void frame_clear_values(Frame *frame);
bool arguments_bind(Vm *vm, Function *function, const Value *args, int nargs, const Tuple *kwnames,
                    Value *slots);
Value *frame_stack_base(Frame *frame);

/* call.c */
/* What a call leads to. */
typedef enum CallKind { CALL_DONE, CALL_FRAME, CALL_FAILED } CallKind;
CallKind start_call(Vm *vm, Value callee, const Value *args, int nargs, const Tuple *kwnames,
                    Frame **made, Value *result);
static inline bool time_to_check(Vm *vm) {
    return vm->steps++ > vm->step_limit - 1 || *vm->interrupted || vm->gc_count > vm->gc_threshold;
}

/* interp.c: runs `frame` (already linked as vm->frame) to its end or next yield. */
Value vm_run(Vm *vm, Frame *frame);
Value run_class_body(Vm *vm, Function *body, Dict *namespace);

/* interp_ops.c */
Value load_global(Vm *vm, Frame *frame, size_t index);
Value load_name(Vm *vm, Frame *frame, Str *name, int global);
bool store_name(Vm *vm, Frame *frame, Str *name, Value v);
Value unbound(Vm *vm, Frame *frame, int32_t slot);
bool unpack(Vm *vm, Value iterable, int before, int after, bool star, Value *sp);
Value make_function(Vm *vm, Frame *frame, const Code *code, unsigned flags, Value *sp);
Value make_class(Vm *vm, Function *body, Str *name, const Value *bases, int count, Value kwargs);
Value call_spread(Vm *vm, Value callable, Value list, Value dict);
bool merge_keywords(Vm *vm, Value callable, Dict *into, Value mapping);
bool spread_mapping(Vm *vm, Dict *into, Value mapping);
bool spread_into(Vm *vm, Value callable, List *into, Value iterable);
Value is_or_in(Vm *vm, int op, Value a, Value b);
Value compare_values(Vm *vm, int op, Value a, Value b);
bool build_map(Vm *vm, Value *sp, int count, Value *out);
Value build_set(Vm *vm, Value *sp, int count, const Instruction *in);
Value format_value(Vm *vm, Value v, int conversion, Value spec);
Value join_strings(Vm *vm, const Value *parts, size_t count);
Value raise_exception(Vm *vm, Value exception, Value cause);
bool with_enter(Vm *vm, Value manager, Value *exit, Value *entered);
bool annotate(Vm *vm, Frame *frame, Str *name, Value annotation);

/* interp_match.c; false: raised */
bool match_sequence(Vm *vm, Value v, size_t count, bool more, Value *out);
bool match_keys(Vm *vm, Value v, const Value *keys, size_t count, bool rest, Value *out);
bool match_class(Vm *vm, Value v, Value cls, size_t count, const Tuple *names, Value *out);

/* generator.c */
Value generator_new(Vm *vm, Frame *frame);
Value yield_from(Vm *vm, Value iterator, Value sent, bool *done);

/* import.c */
Value import_dotted(Vm *vm, Frame *frame, Str *name, int level, bool leaf);
Value import_from(Vm *vm, Value module, Str *name);
bool import_star(Vm *vm, Frame *frame, Value module);
/* What a package of the prelude loads when it is first asked for; null, perhaps without an error.
 */
Value module_lazy(Vm *vm, ModuleObj *module, Str *name);
/* The names that a module has, those not yet loaded too; returns how many of `room`. */
size_t module_words(Vm *vm, const ModuleObj *module, const char **words, size_t room);

#endif
