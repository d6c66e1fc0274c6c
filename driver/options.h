/* The command line: one table of options, from which parsing, --help and "did you mean" come. */
#ifndef NNC_DRIVER_OPTIONS_H
#define NNC_DRIVER_OPTIONS_H

#include <stdbool.h>

#include "ir/precision.h"
#include "ir/type.h"
#include "passes/pass.h"
#include "support/arena.h"
#include "support/buf.h"
#include "support/source.h"

typedef enum Command { COMMAND_COMPILE, COMMAND_RUN, COMMAND_BENCH } Command;

/* What --emit may name; several in one run, each to its own file. */
typedef enum EmitKind {
    EMIT_C, /* NAME.c and NAME.h */
    EMIT_IR,
    EMIT_JSON,
    EMIT_DOT,
    EMIT_OBJ,
    EMIT_ASM,
    EMIT_LLVM_IR,
    EMIT_EXE,
    EMIT_KERNELS,   /* the list of kernels, a line each */
    EMIT_SCHEDULES, /* how contractions are run, as --schedules reads it */
    EMIT_COUNT
} EmitKind;

typedef struct Options {
    Command command;
    const char *input;  /* path or "-" */
    char **script_args; /* run: arguments after the file */
    int script_arg_count;
    const char *output; /* -o; NULL: from the input's name */
    bool emit[EMIT_COUNT];
    int emit_count;
    const char *weights;           /* --weights */
    VEC(const char *) input_types; /* --input NAME=TYPE */
    VEC(int64_t) batches;          /* --batch, in ascending order */
    const char *module;            /* --module */
    const char *prefix;            /* --prefix */
    const char *vector;            /* --vector; NULL: not given */
    const Precision *precision;    /* --precision; NULL: the program's */
    const DType *autocast;         /* --autocast; NULL: off */
    Recompute recompute;           /* --recompute */
    const char *march;             /* -march */
    const char *schedules;         /* --schedules */
    bool tune;                     /* --tune */
    const char *tune_file;         /* --tune=FILE; NULL: not said */
    double tune_seconds;           /* --tune-time */
    const char *devices;           /* --target=cuda[:DEVICES]; NULL: the CPU */
    const char *passes, *dump;
    bool standalone, no_train, debug_info, verbose;
    bool train, json;           /* bench: --train, --json */
    long long split;            /* --threads, --split; 0: neither */
    int threads;                /* --threads=N; 0: not said */
    int level;                  /* -O */
    bool depfile;               /* -MD */
    const char *depfile_path;   /* -MF */
    const char *depfile_target; /* -MT */
    long long max_steps;        /* --max-steps; -1: the default */
    ColorMode color;
    bool json_diagnostics, warnings_as_errors;
} Options;

/* What to do after parsing. */
typedef enum ParseResult {
    PARSE_OK,
    PARSE_DONE, /* --help, --version: all is said, exit 0 */
    PARSE_USAGE /* an error was printed: exit 2 */
} ParseResult;

ParseResult options_parse(Options *options, Arena *arena, int argc, char **argv);

#endif
