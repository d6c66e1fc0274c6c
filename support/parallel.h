/* Independent pieces of work on all processors. */
#ifndef NNC_SUPPORT_PARALLEL_H
#define NNC_SUPPORT_PARALLEL_H

/* Calls work(context, i) once for every i in [0, count), in no particular order, and returns when
 * all are done. Pieces run at the same time: one must not write what another one reads or writes,
 * so each has an arena of its own. On one processor, or when no thread can be made, they run here
 * one after the other. */
void parallel_for(int count, void (*work)(void *context, int index), void *context);

#endif
