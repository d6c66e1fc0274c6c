/* Reading .gz files: a small decompressor, so that programs need no library for the datasets that
 * come compressed. A stream is a filter over an NnInput. */
#ifndef NN_INFLATE_H
#define NN_INFLATE_H

#include "runtime/base.h"

enum {
    NN_WINDOW = 32768,   /* how far back a match may reach */
    NN_UNPACKED = 65536, /* of what was made, kept: the window and what is still to be taken */
    NN_PACKED = 4096,    /* of the input, read ahead */
    NN_CODE_BITS = 15,
    NN_FAST_BITS = 10
};

/* A canonical Huffman code: how many codes have each length, and the symbols in code order. Codes
 * of up to NN_FAST_BITS bits are found in one look: symbol * 16 + length, 0 for longer ones. */
typedef struct NnHuffman {
    uint16_t count[NN_CODE_BITS + 1];
    uint16_t symbol[288];
    uint16_t fast[1 << NN_FAST_BITS];
} NnHuffman;

typedef struct NnInflate {
    NnInput *from;
    unsigned char packed[NN_PACKED];
    size_t packed_at, packed_size;
    uint64_t bits; /* not yet used, lowest first; zeros above */
    int bit_count;
    enum { NN_INFLATE_BLOCK, NN_INFLATE_STORED, NN_INFLATE_CODES, NN_INFLATE_END } state;
    bool last;       /* the block being read is the last */
    bool failed;     /* the stream is broken; what came before is right */
    uint32_t stored; /* bytes left of a stored block */
    uint32_t crc;    /* complemented, of what was made up to `summed` */
    uint64_t total;  /* bytes made up to `summed` */
    uint32_t crc_table[8][256];
    NnHuffman literals, distances;
    unsigned char unpacked[NN_UNPACKED];
    size_t end, taken, summed; /* in `unpacked`: what was made, given out, and is in the sums */
} NnInflate;

/* Reads the gzip header. The input must outlive the stream. */
NN_API bool nn_inflate_open(NnInflate *stream, NnInput *from, NnError *error);
/* An NnInput's filter: `user` is the NnInflate. Fewer bytes than asked: the end, or a broken
 * stream when `failed` is set (also for a wrong checksum). */
NN_API size_t nn_inflate_read(void *user, void *out, size_t size);

#endif
