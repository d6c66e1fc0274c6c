/* Independent pieces of work on all processors. */
#ifndef NNC_SUPPORT_PARALLEL_H
#define NNC_SUPPORT_PARALLEL_H

#include <pthread.h>
#include <stdbool.h>

enum { PARALLEL_MAX = 16 }; /* workers */

/* Calls work(context, i, worker) once for every i in [0, count), started in that order, and returns
 * when all are done. Pieces run at the same time: one must not write what another one reads or
 * writes, so each has an arena of its own, or shares it with those that the same worker does. On
 * one processor, or when no thread can be made, they run here one after the other. */
void parallel_for(int count, void (*work)(void *context, int index, int worker), void *context);

/* What a piece made that later pieces build on: they wait until it is open. */
typedef struct Gate {
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    bool open;
} Gate;

Gate gate_shut(void);
void gate_open(Gate *gate);
void gate_wait(Gate *gate);
bool gate_is_open(Gate *gate);

#endif
