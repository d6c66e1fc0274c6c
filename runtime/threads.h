/* A network's step on several threads.
 *
 * All of them run the same function, each with its part: a thread's number and how many there are.
 * What is cut up among them is cut evenly by these, always alike. They meet where one needs what
 * another wrote. Workers wait between the steps: for a moment they look, then they sleep.
 *
 * NNC_NO_THREADS leaves threads out; NNC_OPENMP takes those of OpenMP. Else it is POSIX threads,
 * which stay on processors that the process may use, unless there is NNC_NO_PINNING. */
#ifndef NN_THREADS_H
#define NN_THREADS_H

#include <stddef.h>
#include <stdint.h>

#ifndef NN_API
#define NN_API
#endif

/* For functions that a file which holds this text may leave unused. */
#if defined(__GNUC__)
#define NN_SPARE static inline __attribute__((unused))
#else
#define NN_SPARE static inline
#endif

typedef struct NnPart {
    int index, count;
} NnPart;

/* The part's units, of that many: from, and up to. */
NN_SPARE int64_t nn_from(NnPart part, int64_t units) {
    return units * part.index / part.count;
}

NN_SPARE int64_t nn_to(NnPart part, int64_t units) {
    return units * (part.index + 1) / part.count;
}

/* The threads of one step. */
typedef struct NnTeam {
    int count;
    int failed;             /* unless there is a crew, which knows it then */
    struct NnCrew *crew;    /* what the workers share, or NULL */
    unsigned char *workers; /* the caller's memory for them: `stride` bytes each */
    size_t stride;
} NnTeam;

/* Bytes that each worker needs for itself, before its scratch memory. */
enum { NN_WORKER_BYTES = 1024 };

/* A step: 0, or 1 when it failed. */
typedef int (*NnStep)(const void *call, NnTeam *team, NnPart part);

/* Starts workers in the caller's memory: count times `stride` bytes. How many there are then. */
NN_API int nn_start(void *workers, size_t stride, int count);
NN_API void nn_stop(void *workers, size_t stride, int count);
/* Runs the step on this thread and the workers: what the step returns. */
NN_API int nn_run(void *workers, size_t stride, int count, NnStep step, const void *call);
/* Says that the step fails: all know it after they met. */
NN_API void nn_give_up(NnTeam *team);
/* Waits for all threads of the team. Whether the step has failed. */
NN_API int nn_meet(NnTeam *team);
/* Scratch memory of a thread: the first one's is given, a worker's lies at the offset. */
NN_API void *nn_own(const NnTeam *team, NnPart part, void *first, size_t offset);

#endif
