/* Threads live for one parallel_for(): starting one takes some ten microseconds, and pieces of work
 * take milliseconds. Each takes the next piece that nobody has taken. */
#include "support/parallel.h"

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

void parallel_for(int count, void (*work)(void *context, int index, int worker), void *context) {
    Pieces pieces = {.count = count, .work = work, .context = context};
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int wanted = processors < count ? (int)processors : count;
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

void gate_wait(Gate *gate) {
    pthread_mutex_lock(&gate->mutex);
    while (!gate->open)
        pthread_cond_wait(&gate->opened, &gate->mutex);
    pthread_mutex_unlock(&gate->mutex);
}
