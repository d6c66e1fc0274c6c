/* What codegen offers: a Program as C text, and a Graph as something that runs now.
 *
 * Both go the same way: passes -> fuse -> lower each group to a Kernel (kernel IR) under a Schedule
 * -> plan memory -> print as C, or translate or interpret the kernels, or compile the printed C.
 * The tiers give the same bits because they execute the same kernels. */
#ifndef NNC_CODEGEN_CODEGEN_H
#define NNC_CODEGEN_CODEGEN_H

#include "codegen/native/native.h"
#include "ir/program.h"
#include "passes/pass.h"
#include "support/buf.h"

/* What is shared by threads must make up for their meetings, of which each takes a microsecond or
 * less. */
enum { CODEGEN_SPLIT = 12000 };

typedef struct CodegenOptions {
    const char *prefix; /* of every public symbol: "lenet" */
    const char *header; /* name that the source includes: "lenet.h"; NULL: PREFIX.h */
    const char *vector; /* "none", "sse2", "avx2", "avx512", "neon"; NULL: "native" */
    bool cuda;          /* for GPUs: the source is CUDA C++, or C if there are */
    const char
        *devices;  /* whose kernels it holds as binaries: "sm_80,sm_90a"; "": the usual ones */
    bool dispatch; /* emit baseline, v3 and v4 kernels and choose at init (x86-64) */
    int level;     /* -O0..3: 0 = no passes and no fusion */
    int64_t split; /* functions may run on several threads, which share kernels of so many
                      processor cycles; 0: no threads */
    int threads;   /* of programs; 0: one */
    Precision precision;                  /* of products of float32 values */
    const struct ScheduleBook *schedules; /* that come before the model's choices, or NULL */
    int candidates;      /* schedules of each contraction that the report tells of, for tuning */
    Recompute recompute; /* of the train step and of backward */
    bool standalone;     /* the runtime pieces used are copied into the file */
    bool ticks;          /* after each kernel of a function nn_tick(its number) is called */
    bool embed_weights;  /* program->weights become const arrays; forward needs no LenetParams */
    const char *version; /* for the header comment */
    const char *flags;   /* for the header comment */
    const char *passes;  /* --passes list or NULL */
    const char *dump;    /* --dump=after:PASS or NULL; text goes to dump_out */
    Buf *dump_out;
} CodegenOptions;

/* How a kernel runs a contraction; keys and schedules as files have them. */
typedef struct CodegenChoice {
    const char *kernel, *key, *schedule;
    const char *const *others; /* to be compared with it, the model's choice first */
    int other_count;
} CodegenChoice;

/* What the emitted program needs and costs; for -v, the report and tests. */
typedef struct CodegenReport {
    size_t arena_bytes, arena_lower_bound;
    int kernel_count;
    Buf kernels;  /* one line a kernel, by function: name, shapes, GFLOP, schedule */
    Arena *arena; /* NULL: without what follows */
    VEC(CodegenChoice) choices;
} CodegenReport;

/* The prefix of public names that is made of a wish, with which it may clash or not be C. */
const char *codegen_prefix(Arena *arena, const char *name);
/* Writes NAME.c and NAME.h. False with a message. */
bool codegen_c(const Program *program, const CodegenOptions *options, Buf *source, Buf *header,
               CodegenReport *report, Buf *error);
/* A main() for --emit=exe: reads inputs (.npy, IDX, raw floats), prints results as PyTorch does. */
bool codegen_main(const Program *program, const CodegenOptions *options, Buf *source, Buf *error);

/* The same three texts for a program that times forward or the train step, kernel by kernel: it
 * takes --json. `report` may be NULL. False with a message. */
bool codegen_bench(const Program *program, const CodegenOptions *options, bool train, Buf *source,
                   Buf *header, Buf *main_text, CodegenReport *report, Buf *error);

/* A graph that runs now; inputs and outputs are buffers in graph order, row-major. */
typedef struct Executable Executable;
/* NULL with a message on failure. The graph need not outlive the call. */
Executable *executable_new(const Graph *graph, const CodegenOptions *options, Buf *error);
/* OUT_UPDATE outputs may be given the very buffer of the input that they replace.
 * False with a message for data-dependent faults (an index out of range). */
bool executable_run(Executable *executable, const void *const *inputs, void *const *outputs,
                    Buf *error);
/* Where in the source the fault of the last failed run was recorded. */
Span executable_fault(const Executable *executable);
/* Compiles the kernels of several together, and loads them: in the background, while they run in
 * the first tier. They must outlive it. */
typedef struct Compilation Compilation;
Compilation *compilation_start(Executable *const *executables, int count);
bool compilation_is_done(const Compilation *compilation);
/* Waits for its end and frees it; later runs use the code. False with a message when there is no
 * compiler: the first tier goes on. */
bool compilation_finish(Compilation *compilation, NativeReport *report, Buf *error);
/* Stops it and frees it. */
void compilation_abandon(Compilation *compilation);
/* Starts and finishes one. */
bool executable_compile(Executable *const *executables, int count, NativeReport *report,
                        Buf *error);
bool executable_is_compiled(const Executable *executable);
/* Whether its first tier is machine code, after a run. */
bool executable_is_translated(const Executable *executable);
/* Multiplications and additions of one run: decides what is worth compiling. */
double executable_flops(const Executable *executable);
void executable_free(Executable *executable);

#endif
