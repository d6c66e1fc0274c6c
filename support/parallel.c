/* Threads live for one parallel_for(): starting one takes some ten microseconds, and pieces of work
 * take milliseconds. Each takes the next piece that nobody has taken. */
#define _GNU_SOURCE /* sched_getaffinity() */
#include "support/parallel.h"

#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef CPU_COUNT
typedef cpu_set_t Processors;
#else
typedef int Processors;
#endif

typedef struct Pieces {
    atomic_int next, workers;
    int count;
    void (*work)(void *context, int index, int worker);
    void *context;
    Processors all; /* that this process may run on */
} Pieces;

static void take_pieces(Pieces *pieces) {
    int worker = atomic_fetch_add(&pieces->workers, 1);
    for (;;) {
        int index = atomic_fetch_add(&pieces->next, 1);
        if (index >= pieces->count) return;
        pieces->work(pieces->context, index, worker);
    }
}

#ifdef CPU_COUNT
/* Asking for all of a machine's, as sysconf() does, opens files. */
static int find_processors(Processors *all) {
    if (sched_getaffinity(0, sizeof *all, all) == 0) return CPU_COUNT(all);
    CPU_ZERO(all);
    return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void *help(void *argument) {
    Pieces *pieces = argument;
    (void)sched_setaffinity(0, sizeof pieces->all, &pieces->all);
    take_pieces(pieces);
    return NULL;
}

/* Linux may leave a new thread waiting for its maker's processor until the next tick finds another
 * one idle, which is milliseconds. So it starts on another one, from where it may go anywhere. */
static bool start_helper(pthread_t *thread, Pieces *pieces) {
    Processors others = pieces->all;
    int here = sched_getcpu();
    if (here >= 0 && here < CPU_SETSIZE) CPU_CLR((size_t)here, &others);
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return false;
    bool good = (CPU_COUNT(&others) == 0 ||
                 pthread_attr_setaffinity_np(&attributes, sizeof others, &others) == 0) &&
                pthread_create(thread, &attributes, help, pieces) == 0;
    pthread_attr_destroy(&attributes);
    return good;
}

/* One that never got its processor, which others keep, needn't wait for it any longer. */
static void join_helper(pthread_t thread, const Pieces *pieces) {
    (void)pthread_setaffinity_np(thread, sizeof pieces->all, &pieces->all);
    pthread_join(thread, NULL);
}
#else
static int find_processors(Processors *all) {
    *all = (int)sysconf(_SC_NPROCESSORS_ONLN);
    return *all;
}

static void *help(void *pieces) {
    take_pieces(pieces);
    return NULL;
}

static bool start_helper(pthread_t *thread, Pieces *pieces) {
    return pthread_create(thread, NULL, help, pieces) == 0;
}

static void join_helper(pthread_t thread, const Pieces *pieces) {
    (void)pieces;
    pthread_join(thread, NULL);
}
#endif

void parallel_for(int count, void (*work)(void *context, int index, int worker), void *context) {
    Pieces pieces = {.count = count, .work = work, .context = context};
    int wanted = find_processors(&pieces.all);
    if (wanted > count) wanted = count;
    if (wanted > PARALLEL_MAX) wanted = PARALLEL_MAX;
    pthread_t threads[PARALLEL_MAX];
    int started = 0;
    while (started < wanted - 1 && start_helper(&threads[started], &pieces))
        started++;
    take_pieces(&pieces);
    for (int i = 0; i < started; i++)
        join_helper(threads[i], &pieces);
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
