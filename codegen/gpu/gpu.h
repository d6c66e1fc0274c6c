/* Lowering for GPUs: from a fused group to one kernel of many threads.
 *
 * What is computed at an index comes from where the CPU's kernels have it: merged spaces, flattened
 * members, formulas, contraction dims, epilogues. What differs is who computes which index, and
 * through which memory. A schedule says it, as integers:
 *
 *   elementwise   thread t of block b has the elements b * threads * elements + t + i * threads
 *   reduction     a team of threads shares a row; its running values meet by exchange within warps
 *                 and through shared memory beyond; a softmax is such a row, read once a pass
 *   contraction   a block has a tile of the result, rows of operand A by columns of operand B, each
 *                 thread `registers` of them; `depth` summed elements of both operands at a time
 *                 are copied to shared memory (padding and strides are settled there), in `stages`,
 *                 and multiplied by threads or by matrix units
 *   window, other a thread has a point of the result; where data says what is written, each thread
 *                 owns elements of the result and makes those of the writes that are to them, in
 *                 order; a block sorts a row
 *
 * What has no such lowering, or might end by a fault where threads meet, is one thread's: the CPU's
 * kernel in scalars. Sums have one order for a schedule, so results are the same on every run. */
#ifndef NNC_CODEGEN_GPU_GPU_H
#define NNC_CODEGEN_GPU_GPU_H

#include "codegen/lower.h"

/* How products of a contraction are made: one by one, or by matrix units, of numbers that are split
 * into two of TF32, of TF32 numbers, of bfloat16 numbers. */
typedef enum GpuProducts { GPU_FMA, GPU_TF32X3, GPU_TF32, GPU_BF16 } GpuProducts;

typedef struct GpuSchedule {
    int threads;  /* of a block: whole warps, or 1: the CPU's kernel */
    int elements; /* elementwise: of a thread */
    int team;     /* reductions: threads that share a row, a power of two */
    GpuProducts products;
    bool apart;    /* matrix units start each step's sums from zero, which float32 adds */
    int across[2]; /* contractions: threads along the rows and the columns of a block's tile; with
                      matrix units, warps */
    int registers[2]; /* sums of a thread along them */
    int depth;        /* summed elements that are multiplied at a time */
    int stages;       /* so many times them in shared memory, most on their way */
} GpuSchedule;

enum { GPU_MAX_SCHEDULES = 9 };

/* The schedules that suit the group, the best by the model first; how many there are: one or more.
 */
int gpu_schedules(const Group *group, LowerContext *context, GpuSchedule out[GPU_MAX_SCHEDULES]);
/* The kernel under one of them. */
Kernel *gpu_lower(const Group *group, LowerContext *context, const GpuSchedule *schedule);
/* The kernel under the best of them. */
Kernel *gpu_lower_group(const Group *group, LowerContext *context);
/* "256 threads, 4 elements each". */
void gpu_schedule_print(Buf *out, const Group *group, const GpuSchedule *schedule);

#endif
