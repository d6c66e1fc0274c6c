/* Weights as safetensors files: strict reading, atomic writing.
 *
 * A file is a little-endian u64 header size, a JSON header, and the tensors' bytes. The reader
 * accepts only what the format allows: a header of at most NN_SAFETENSORS_HEADER_MAX bytes, a type,
 * a shape and an offset pair for each tensor, shape times size equal to the bytes, ranges without
 * gaps or overlaps that fill the file. */
#ifndef NN_SAFETENSORS_H
#define NN_SAFETENSORS_H

#include "runtime/base.h"

enum { NN_SAFETENSORS_HEADER_MAX = 100000000, NN_NAME_MAX = 4096, NN_TENSORS_MAX = 1000000 };

/* One tensor of a file. */
typedef struct NnEntry {
    char name[NN_NAME_MAX]; /* UTF-8, NUL-terminated */
    char type[8];           /* the file's own spelling: "F32", "BF16" */
    NnDType dtype;          /* valid when `known` */
    bool known;             /* the type is one of ours */
    int rank;
    int64_t dim[NN_MAX_RANK];
    uint64_t begin, end; /* bytes, from the start of the data */
} NnEntry;

/* A type as files spell it. */
NN_API const char *nn_safetensors_type(NnDType dtype);

/* Called for each tensor of the header, in the file's order; false (with a message) stops. */
typedef bool NnEntryVisit(void *user, const NnEntry *entry, NnError *error);

/* Reads and checks a header. On success the input stands at the data, whose size is in `data_size`.
 * `file_size` is the size of all of the input. Gaps and overlaps are the caller's to check, with
 * nn_ranges_check, because only it has memory for the entries. */
NN_API bool nn_safetensors_header(NnInput *input, uint64_t file_size, NnEntryVisit *visit,
                                  void *user, uint64_t *data_size, NnError *error);

typedef struct NnRange {
    uint64_t begin, end;
} NnRange;

/* Sorts the ranges and checks that they fill 0..size exactly. */
NN_API bool nn_ranges_check(NnRange *ranges, int count, uint64_t size, NnError *error);

/* Reads every tensor of the table into the struct at `base`. Names in the file that the table
 * lacks, missing names, and wrong types or shapes are errors; nothing is written then, but overlaps
 * and read errors may leave the struct partly filled. `ranges` is scratch, one a table row. */
NN_API bool nn_safetensors_load(const char *path, void *base, const NnTensor *tensors, int count,
                                NnRange *ranges, NnError *error);
/* The same from memory. */
NN_API bool nn_safetensors_parse(const void *bytes, size_t size, void *base,
                                 const NnTensor *tensors, int count, NnRange *ranges,
                                 NnError *error);

/* Writes the tensors to a temporary file beside `path`, syncs it and renames it over. On failure
 * `path` is as it was. */
NN_API bool nn_safetensors_save(const char *path, const void *base, const NnTensor *tensors,
                                int count, NnError *error);

#endif
