/* random_mt: PyTorch's CPU stream (ir/random.h) as a kernel. */
#ifndef NNC_CODEGEN_LOWER_MT_H
#define NNC_CODEGEN_LOWER_MT_H

#include "codegen/lower_internal.h"

typedef enum MtForm {
    MT_BITS,
    MT_UNIT,    /* in [0, 1) */
    MT_UNIFORM, /* in [low, high) */
    MT_BERNOULLI,
} MtForm;

/* Numbers that the pass over the stream writes: to[offset..offset + count). */
typedef struct MtFill {
    KBuf *to;
    MtForm form;
    int64_t offset, start, count; /* start: the first one's first word, in the stream */
    int words;                    /* a number takes: 2 give 53 bits */
    double low, high;
} MtFill;

/* A node of normal numbers: what it makes them from. */
typedef struct MtNormal {
    const Node *node;
    KBuf *units;
} MtNormal;

Kernel *lower_mt(const Group *group, const Target *target, LowerContext *context);

/* codegen/lower_normal.c. Appends the fills that the node needs, at most two. */
MtNormal mt_normal_plan(KBuilder *b, const Node *node, MtFill *fills, int *fill_count);
/* Behind the pass. */
void mt_normal_finish(KBuilder *b, const MtNormal *normal);

#endif
