/* What the driver's files share. */
#ifndef NNC_DRIVER_DRIVER_H
#define NNC_DRIVER_DRIVER_H

#include "driver/options.h"
#include "ir/program.h"

enum { EXIT_OK = 0, EXIT_INPUT = 1, EXIT_USAGE = 2 };

/* A command ends with its process, whose memory the system takes faster than free() would. Where
 * leaks are looked for, all is freed. */
#ifdef NDEBUG
enum { FREES_AT_END = false };
#else
enum { FREES_AT_END = true };
#endif

/* `nnc FILE`: the exit status. */
int compile_command(const Options *options, Sources *sources, Arena *arena);
/* `nnc bench FILE`. */
int bench_command(const Options *options, Sources *sources, Arena *arena);
/* A new directory for what is needed for a moment only. NULL when reported. */
char *temporary_directory(Sources *sources, Arena *arena);
/* Runs a program with the words to its end; its output goes to the file, or with NULL is ours.
 * False when it can't be run (reported) or fails. */
bool run_program(Sources *sources, char *const *words, const char *output);
/* `nnc run FILE`. */
int run_command(const Options *options, Sources *sources);

/* Reads --weights and gives every param and buffer of the program its values. False when reported.
 */
bool weights_load(Program *program, const char *path, Sources *sources, Arena *arena);

/* "dir/lenet.nn" -> "lenet". */
char *path_stem(Arena *arena, const char *path);
/* A C identifier made of any text: other characters become '_', a digit gets one before it. */
char *identifier_from(Arena *arena, const char *text);
/* The vector unit as codegen names it: NULL is the machine's own. */
const char *vector_unit(const Options *options);

#endif
