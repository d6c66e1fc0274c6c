/* What the files of the kernel builder share. */
#ifndef NNC_CODEGEN_KERNEL_INTERNAL_H
#define NNC_CODEGEN_KERNEL_INTERNAL_H

#include "codegen/kernel.h"

/* A value of its own, appended as a LET to the block. */
KVal *kernel_new_value(KBuilder *b, KOp op, KKind kind, int lanes, KBlock *block);
void kernel_append(KBlock *block, KStmt *stmt);
KStmt *kernel_new_stmt(KBuilder *b, KStmtKind kind);
/* A pure operation: found among the shared ones, or made in the outermost block possible. The
 * template's op, kind, lanes, operands, imm and shuffle say what it is. */
KVal *kernel_pure(KBuilder *b, const KVal *what);
static inline bool kval_has_range(const KVal *value) {
    return value->lo != INT64_MIN && value->hi != INT64_MAX;
}
void kval_set_range(KVal *value, int64_t lo, int64_t hi);
/* Ranges of integer operations (codegen/kernel_range.c): sets lo and hi when they are known. */
void kernel_infer_range(KVal *value);
/* Removes values that nothing reads. */
void kernel_drop_dead(Kernel *kernel, Arena *arena);
/* Removes buffers that nothing reads or writes, but for results; the others are numbered anew. */
void kernel_drop_buffers(Kernel *kernel, Arena *arena);
const char *kop_name(KOp op);
const char *kkind_name(KKind kind);
/* The double function's name: "atan2". */
const char *klibm_name(int64_t function);

/* kernel_half.c: a half's bits, I32, as a number; a number that is a half's as its bits. */
KVal *kernel_widen_half(KBuilder *b, DType dtype, KVal *half);
KVal *kernel_narrow_half(KBuilder *b, DType dtype, KVal *x);

#endif
