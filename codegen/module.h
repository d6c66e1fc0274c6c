/* A program laid out as a C module: structs with their fields' names, functions with their plans.
 * Made by codegen_c(), printed by codegen/c/file_header.c and file_source.c. */
#ifndef NNC_CODEGEN_MODULE_H
#define NNC_CODEGEN_MODULE_H

#include "codegen/c/file.h"
#include "codegen/codegen.h"

typedef struct ModuleField {
    const char *ident; /* unique in its struct */
    const char *name;  /* as in the program: "conv1.weight" */
    Type type;
} ModuleField;

/* A struct of the header; absent when it has no fields. */
typedef struct ModuleStruct {
    const char *type_name; /* "LenetParams" */
    ModuleField *fields;
    int count;
} ModuleStruct;

enum { MODULE_MAX_VARIANTS = 4 };

typedef struct ModuleFunction {
    FunctionKind kind;
    int64_t batch;                       /* as ProgramFunction */
    const char *name;                    /* "train_step", "forward_b128" */
    const Graph *traced;                 /* the program's graph */
    Plan *plans[MODULE_MAX_VARIANTS];    /* one a variant; init has the first only */
    Graph *graph;                        /* optimized */
    void *prepared[MODULE_MAX_VARIANTS]; /* embedded weights: the prepared block's bytes */
    const Fusion *fusion;
    Arena arena;                       /* of the fusion */
    Arena arenas[MODULE_MAX_VARIANTS]; /* of the plans */
} ModuleFunction;

typedef struct Module {
    Arena *arena;
    const Program *program;
    const CodegenOptions *options;
    const char *prefix, *type_prefix, *macro_prefix; /* lenet, Lenet, LENET */
    const char *header;                              /* what the source includes */
    ModuleStruct params; /* params, then buffers; one field for tied entries */
    ModuleStruct grads;  /* of params; absent unless there is a backward function */
    ModuleStruct states;
    ModuleStruct in, out, target;
    ModuleStruct train_in; /* as `in`, with the train step's shapes */
    bool same_in;          /* those are forward's */
    /* The train step's other parameters: hypers by slot, then a pointer for each result. */
    ModuleField *hypers;
    ModuleStruct results;
    const int *param_field, *buffer_field; /* by slot: index in params.fields */
    ModuleFunction *functions;             /* by kind, then as in the program */
    int function_count;
    bool has_key;
    const Target *variants[MODULE_MAX_VARIANTS];
    int variant_count;
    bool tiles; /* the last variant has kernels for a matrix unit */
    size_t arena_bytes, arena_lower_bound, prepared_bytes;
    size_t worker_bytes; /* of a thread: its scratch memory */
    FileParts parts;
} Module;

/* Names of structs and fields only. False with a message. */
bool module_lay_out(Module *module, const Program *program, const CodegenOptions *options,
                    Arena *arena, Buf *error);
/* Lays out and plans. False with a message. */
bool module_init(Module *module, const Program *program, const CodegenOptions *options,
                 Arena *arena, Buf *error);
void module_free(Module *module);
/* The first function of that kind, or NULL. */
const ModuleFunction *module_first(const Module *module, FunctionKind kind);
/* Gives what several forward functions prepare alike one place, and the rest places side by side:
 * all of them are ready after one prepare. */
void module_share_prepared(Module *module);
/* Runs the prepare steps of the forward functions on the program's weights and keeps the results,
 * so that they become constants. */
void module_embed(Module *module);

/* The C expressions of a function's graph inputs and outputs: fields of its parameters. */
const char **module_inputs(Module *module, const ModuleFunction *function, int variant);
const char **module_outputs(Module *module, const ModuleFunction *function);
/* Whether the file chooses among variants when it runs. */
bool module_dispatches(const Module *module);
/* Whether the context knows which variant prepared it: another one can't read that. */
bool module_keeps_isa(const Module *module);
/* Whether there are weights outside of the code: params or buffers, not embedded. */
bool module_has_params(const Module *module);
/* Whether the source is C++: CUDA's. */
bool module_is_cplusplus(const Module *module);
/* Whether training is part of it: the train struct exists. */
bool module_has_train(const Module *module);

/* Whether functions may run on several threads. */
bool module_has_threads(const Module *module);

/* The public function's prototype, then `end` (";" or " {"). In definitions parameters are
 * numbered, in the header named. */
void module_print_prototype(Emitter *e, const Module *module, const ModuleFunction *function,
                            bool named, const char *end);
/* A constant table of NnTensor: the struct's fields, by offset. */
void module_print_tensors(Emitter *e, const ModuleStruct *structure, const char *table);
/* Of a program on several threads: memory for the workers, and the end of main(): what the
 * expression `work` returns is the status. `started` comes before how many workers there are. */
void module_print_workers(Emitter *e, const Module *module);
void module_print_team(Emitter *e, const Module *module, const char *work, const char *started);
void module_print_header(Emitter *e, const Module *module);
void module_print_source(Emitter *e, Module *module);
/* The source for GPUs (codegen/cuda/file.c). False with a message. */
bool module_print_cuda(Emitter *e, Module *module, Buf *error);
/* What the two sources share: functions for the caller's memory alone (first values, weight files),
 * and where a function's values are. */
void module_print_host_functions(Emitter *e, Module *module);
FilePlaces module_places(Module *module, const ModuleFunction *function, int variant);
/* Whether the text has the word (our own names only are looked for). */
bool module_has_word(const char *text, const char *word);
/* What made the file and what it needs, as its first comment; with the list of kernels or not. */
void module_print_comment(Emitter *e, const Module *module, bool kernels);
/* The identifier in capitals, other than those of the `count` fields before. */
const char *module_macro(const Module *module, const ModuleField *fields, int count,
                         const char *ident);
/* False with a message when some schedule of the options' file is impossible. */
bool module_follows_schedules(const Module *module, Buf *error);
/* One line a kernel call, by function. */
void module_report(const Module *module, CodegenReport *report);

#endif
