/* Reading .gz files: a small decompressor, so that programs need no library for the datasets that
 * come compressed. A stream is a filter over an NnInput. */
#ifndef NN_INFLATE_H
#define NN_INFLATE_H

#include "runtime/base.h"

enum { NN_WINDOW = 32768, NN_CODE_BITS = 15 };

/* A canonical Huffman code: how many codes have each length, and the symbols in code order. */
typedef struct NnHuffman {
    uint16_t count[NN_CODE_BITS + 1];
    uint16_t symbol[288];
} NnHuffman;

typedef struct NnInflate {
    NnInput *from;
    uint32_t bits; /* not yet used, lowest first */
    int bit_count;
    enum { NN_INFLATE_BLOCK, NN_INFLATE_STORED, NN_INFLATE_CODES, NN_INFLATE_END } state;
    bool last;               /* the block being read is the last */
    bool failed;             /* the stream is broken; what came before is right */
    uint32_t stored;         /* bytes left of a stored block */
    uint32_t copy, distance; /* a match being copied */
    uint32_t crc;            /* complemented */
    uint64_t total;          /* bytes made */
    NnHuffman literals, distances;
    unsigned char window[NN_WINDOW];
} NnInflate;

/* Reads the gzip header. The input must outlive the stream. */
NN_API bool nn_inflate_open(NnInflate *stream, NnInput *from, NnError *error);
/* An NnInput's filter: `user` is the NnInflate. Fewer bytes than asked: the end, or a broken
 * stream when `failed` is set (also for a wrong checksum). */
NN_API size_t nn_inflate_read(void *user, void *out, size_t size);

#endif
