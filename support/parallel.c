/* Threads live for one parallel_for(): starting one takes some ten microseconds, and pieces of work
 * take milliseconds. Each takes the next piece that nobody has taken. */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "support/parallel.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

typedef struct Pieces {
    atomic_int next, workers;
    int count;
    void (*work)(void *context, int index, int worker);
    void *context;
} Pieces;

static void *take_pieces(void *argument) {
    Pieces *pieces = argument;
    int worker = atomic_fetch_add(&pieces->workers, 1);
    for (;;) {
        int index = atomic_fetch_add(&pieces->next, 1);
        if (index >= pieces->count) return NULL;
        pieces->work(pieces->context, index, worker);
    }
}

/* Those that this process may run on; asking for all of them opens files. */
static int processors(void) {
#ifdef CPU_COUNT
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

void parallel_for(int count, void (*work)(void *context, int index, int worker), void *context) {
    Pieces pieces = {.count = count, .work = work, .context = context};
    int wanted = processors();
    if (wanted > count) wanted = count;
    if (wanted > PARALLEL_MAX) wanted = PARALLEL_MAX;
    pthread_t threads[PARALLEL_MAX];
    int started = 0;
    while (started < wanted - 1 &&
           pthread_create(&threads[started], NULL, take_pieces, &pieces) == 0)
        started++;
    take_pieces(&pieces);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

Gate gate_shut(void) {
    return (Gate){PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false};
}

void gate_open(Gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->opened);
    pthread_mutex_unlock(&gate->mutex);
}

bool gate_is_open(Gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    bool open = gate->open;
    pthread_mutex_unlock(&gate->mutex);
    return open;
}

void gate_wait(Gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}
