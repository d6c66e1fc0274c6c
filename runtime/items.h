/* Items for a network's input, from a file of any of the formats that commands read. */
#ifndef NN_ITEMS_H
#define NN_ITEMS_H

#include "runtime/idx.h"
#include "runtime/npy.h"

typedef enum NnItemFormat {
    NN_FORMAT_AUTO,
    NN_FORMAT_RAW,
    NN_FORMAT_NPY,
    NN_FORMAT_IDX
} NnItemFormat;

/* What becomes of IDX images that are smaller than the network's; others are resized always. */
typedef enum NnItemFit { NN_FIT_PAD, NN_FIT_RESIZE } NnItemFit;

enum { NN_ITEMS_PIXELS = 1 << 17 };

/* An open file. Not to be moved while open. */
typedef struct NnItems {
    const NnTensor *input; /* what items are for */
    FILE *file;
    unsigned char head[6]; /* bytes read to recognize the format */
    size_t head_size, head_used;
    NnInput raw, bytes; /* the file; the same decompressed */
    NnInflate inflate;
    NnItemFormat format;
    NnIdx idx;
    NnDType dtype; /* of the file's elements; IDX has its own */
    bool swapped;
    double scale;          /* of bytes that become floats */
    int64_t count;         /* items in the file; -1: until its end */
    int64_t height, width; /* of an IDX image of another size than the network's; else 0 */
    bool resized;          /* it is; else it is padded */
    int64_t elements;      /* of an item in the file */
    size_t element_size;   /* bytes of one in the file */
    /* For resizing: a row or column, then the image with its rows resized. */
    double pixels[NN_ITEMS_PIXELS];
} NnItems;

/* Opens a file ("-": standard input) and checks that its items fit the input. */
NN_API bool nn_items_open(NnItems *items, const char *path, NnItemFormat format, NnItemFit fit,
                          const NnTensor *input, double scale, NnError *error);
/* Reads the next item to `out`, in the input's type. `end` is set (and false returned without a
 * message) when there is none. */
NN_API bool nn_items_next(NnItems *items, void *out, bool *end, NnError *error);
/* Reads an item and drops it. */
NN_API bool nn_items_skip(NnItems *items, bool *end, NnError *error);
NN_API void nn_items_close(NnItems *items);

#endif
