/* The modules written in the language itself, compiled when nnc is built. */
#ifndef NNC_FRONTEND_PRELUDE_H
#define NNC_FRONTEND_PRELUDE_H

#include <stdbool.h>
#include <stddef.h>

#include "frontend/image.h"

typedef struct PreludeFile {
    const char *module; /* "torch.optim.sgd" */
    const char *path;   /* "<prelude>/torch/optim/sgd.nn" */
    const char *text;
    size_t size;
    uint32_t code; /* of prelude_image */
    bool package;  /* from an __init__.nn */
} PreludeFile;

extern const PreludeFile prelude_files[];
extern const size_t prelude_file_count;
extern const Image prelude_image;

#endif
