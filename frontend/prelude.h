/* The modules written in the language itself, embedded when nnc is built. */
#ifndef NNC_FRONTEND_PRELUDE_H
#define NNC_FRONTEND_PRELUDE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct PreludeFile {
    const char *module; /* "torch.optim.sgd" */
    const char *path;   /* "<prelude>/torch/optim/sgd.nn" */
    const unsigned char *text;
    size_t size;
    bool package; /* from an __init__.nn */
} PreludeFile;

extern const PreludeFile prelude_files[];
extern const size_t prelude_file_count;

#endif
