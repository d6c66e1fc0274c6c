/* Pieces of a generated file: its kernels, its constants, and the bodies that call kernels.
 *
 * A file holds each distinct kernel once, whatever functions use it, and each distinct constant
 * once. Kernels are called kernel_NAME and constants constant_N: no name of the input can clash
 * with them or with the C library's. */
#ifndef NNC_CODEGEN_C_FILE_H
#define NNC_CODEGEN_C_FILE_H

#include "codegen/c/print.h"
#include "codegen/emit.h"
#include "codegen/plan.h"
#include "support/source.h"

typedef struct FileConstant {
    const void *bytes; /* not owned */
    Type type;
} FileConstant;

/* A kernel as it was given, and as the file has it. */
typedef struct FileKernel {
    const Kernel *code; /* of the kernel and its twins */
    const Kernel *kernel;
} FileKernel;

/* What tells most of a file's kernels apart at a glance. */
typedef struct FileMark {
    uint64_t name; /* hashed */
    size_t body_size;
} FileMark;

typedef struct FileParts {
    Arena *arena;
    bool attributes;             /* kernels of several targets: each states its own */
    VEC(const Kernel *) kernels; /* renamed: the name is the C function's */
    VEC(FileMark) marks;         /* of the kernels */
    VEC(FileKernel) added;
    Uses *uses;        /* of the kernels' texts */
    Uses *device_uses; /* of those that are not in the file: it has their binaries */
    Buf scratch;
    VEC(FileConstant) constants;
} FileParts;

void file_parts_free(FileParts *parts);
/* Whether one function does for both kernels, which have their texts. */
bool file_kernels_equal(const Kernel *a, const Kernel *b);
/* The kernel as it stands in the file: an equal one that is there already, or this one renamed. One
 * that has no text yet is printed. */
const Kernel *file_add_kernel(FileParts *parts, const Kernel *kernel);
/* The number of the constant that holds these elements. */
size_t file_add_constant(FileParts *parts, const Type *type, const void *bytes);

/* The prelude and all kernels, each under its target's guard. */
void file_print_kernels(Emitter *e, const FileParts *parts);
/* The constants as static arrays. */
void file_print_constants(Emitter *e, const FileParts *parts);

/* C expressions for the places of a plan. Those of inputs and outputs have their elements' type. */
typedef struct FilePlaces {
    const char *const *inputs;  /* by graph input */
    const char *const *outputs; /* by graph output */
    const char *arena;          /* unsigned char * */
    const char *prepared;       /* unsigned char *, or NULL: prepared values are constants */
    const void *prepared_bytes; /* when `prepared` is NULL: the block itself */
    bool ticks;                 /* after each step, nn_tick(its number among those written down) */
    const char *constants;      /* const void *const *, or NULL: constants are arrays of the file */
    bool cplusplus;             /* C++, not C */
    bool launches;              /* CUDA: kernels run on `stream`, constants are in `memory` */
    bool threads;               /* there are `team` and `part`, and steps meet */
    FileParts *parts;
} FilePlaces;

/* Our own text as a whole line, broken after commas where it is too long. */
void file_print_wrapped(Emitter *e, const char *text);
/* Bytes of scratch memory that each worker needs for the steps. */
size_t file_worker_bytes(const PlanSteps *steps);
/* The calls and copies in order. After a fault comes the statement `fault`; NULL: the step's number
 * from 1 is returned. */
void file_print_steps(Emitter *e, const PlanSteps *steps, const FilePlaces *places,
                      const char *fault);

#endif
