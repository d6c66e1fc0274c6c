#define _GNU_SOURCE
#include "runtime/threads.h"

#include <string.h>

static unsigned char *nn_align(unsigned char *memory) {
    return memory + (64 - (uintptr_t)memory % 64) % 64;
}

NN_API void *nn_own(const NnTeam *team, NnPart part, void *first, size_t offset) {
    if (part.index == 0) return first;
    unsigned char *worker = team->workers + (size_t)(part.index - 1) * team->stride;
    return nn_align(worker) + NN_WORKER_BYTES + offset;
}

#if defined(NNC_NO_THREADS)

NN_API int nn_start(void *workers, size_t stride, int count) {
    (void)workers, (void)stride, (void)count;
    return 0;
}

NN_API void nn_stop(void *workers, size_t stride, int count) {
    (void)workers, (void)stride, (void)count;
}

NN_API int nn_run(void *workers, size_t stride, int count, NnStep step, const void *call) {
    (void)workers, (void)stride, (void)count;
    NnTeam team = {1, 0, NULL, NULL, 0};
    return step(call, &team, (NnPart){0, 1});
}

NN_API void nn_give_up(NnTeam *team) {
    team->failed = 1;
}

NN_API int nn_meet(NnTeam *team) {
    return team->failed;
}

#elif defined(NNC_OPENMP)

#include <omp.h>

NN_API int nn_start(void *workers, size_t stride, int count) {
    (void)workers, (void)stride;
    return count > 0 ? count : 0;
}

NN_API void nn_stop(void *workers, size_t stride, int count) {
    (void)workers, (void)stride, (void)count;
}

NN_API int nn_run(void *workers, size_t stride, int count, NnStep step, const void *call) {
    NnTeam team = {1, 0, NULL, workers, stride};
    if (count == 0) return step(call, &team, (NnPart){0, 1});
    int failed = 0;
#pragma omp parallel num_threads(count + 1)
    {
#pragma omp single
        team.count = omp_get_num_threads();
        int result = step(call, &team, (NnPart){omp_get_thread_num(), team.count});
        if (omp_get_thread_num() == 0) failed = result;
    }
    return failed;
}

NN_API void nn_give_up(NnTeam *team) {
#pragma omp atomic write
    team->failed = 1;
}

NN_API int nn_meet(NnTeam *team) {
    int failed;
    if (team->count > 1) {
#pragma omp barrier
    }
#pragma omp atomic read
    failed = team->failed;
    return failed;
}

#else

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* In the first worker's memory. What all threads write lies apart from what they read. */
typedef struct NnCrew {
    atomic_uint generation; /* of meetings */
    char apart[124];
    atomic_int arrived; /* at the next meeting */
    char apart_too[124];
    atomic_int sleepers;
    atomic_int count; /* threads, the caller's among them */
    atomic_int failed;
    int spins, stops;
    pid_t process;
    NnStep step;
    const void *call;
    NnTeam *team;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} NnCrew;

typedef struct NnWorker {
    pthread_t thread;
    NnCrew *crew;
    int number; /* from 1 on */
    int cpu;    /* to stay on, or -1 */
} NnWorker;

_Static_assert(sizeof(NnWorker) + sizeof(NnCrew) + 64 <= NN_WORKER_BYTES, "too little memory");

static NnWorker *nn_worker(void *workers, size_t stride, int index) {
    return (NnWorker *)(void *)nn_align((unsigned char *)workers + (size_t)index * stride);
}

static NnCrew *nn_crew(void *workers) {
    return (NnCrew *)(void *)nn_align((unsigned char *)(nn_worker(workers, 0, 0) + 1));
}

static void nn_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void nn_sleep(NnCrew *crew, unsigned generation) {
    pthread_mutex_lock(&crew->mutex);
    atomic_fetch_add(&crew->sleepers, 1);
    while (atomic_load(&crew->generation) == generation)
        pthread_cond_wait(&crew->wake, &crew->mutex);
    atomic_fetch_sub(&crew->sleepers, 1);
    pthread_mutex_unlock(&crew->mutex);
}

static void nn_gather(NnCrew *crew) {
    unsigned generation = atomic_load_explicit(&crew->generation, memory_order_relaxed);
    if (atomic_fetch_add(&crew->arrived, 1) + 1 == atomic_load(&crew->count)) {
        atomic_store_explicit(&crew->arrived, 0, memory_order_relaxed);
        atomic_store(&crew->generation, generation + 1);
        if (atomic_load(&crew->sleepers) == 0) return;
        pthread_mutex_lock(&crew->mutex);
        pthread_cond_broadcast(&crew->wake);
        pthread_mutex_unlock(&crew->mutex);
        return;
    }
    for (int i = 0; i < crew->spins; i++) {
        if (atomic_load_explicit(&crew->generation, memory_order_acquire) != generation) return;
        nn_pause();
    }
    nn_sleep(crew, generation);
}

NN_API void nn_give_up(NnTeam *team) {
    if (team->crew)
        atomic_store(&team->crew->failed, 1);
    else
        team->failed = 1;
}

NN_API int nn_meet(NnTeam *team) {
    if (!team->crew) return team->failed;
    nn_gather(team->crew);
    return atomic_load_explicit(&team->crew->failed, memory_order_relaxed);
}

static void *nn_work(void *argument) {
    NnWorker *worker = argument;
    NnCrew *crew = worker->crew;
#if defined(CPU_SETSIZE) && !defined(NNC_NO_PINNING)
    if (worker->cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET((unsigned)worker->cpu, &set);
        (void)sched_setaffinity(0, sizeof set, &set); /* only faster */
    }
#endif
    for (;;) {
        nn_gather(crew);
        if (crew->stops) return NULL;
        NnTeam *team = crew->team;
        (void)crew->step(crew->call, team, (NnPart){worker->number, team->count});
        nn_gather(crew);
    }
}

/* Processors that this process may use, and where each worker stays: beside the caller's. With
 * more threads than processors the system places them, and nobody looks while he waits. */
static int nn_place(void *workers, size_t stride, int count) {
#if defined(CPU_SETSIZE)
    cpu_set_t set;
    int cpus[CPU_SETSIZE], found = 0, here = 0, now = sched_getcpu();
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET((unsigned)cpu, &set)) continue;
        if (cpu == now) here = found;
        cpus[found++] = cpu;
    }
    for (int i = 0; i < count && count < found; i++)
        nn_worker(workers, stride, i)->cpu = cpus[(here + 1 + i) % found];
    return found;
#else
    (void)workers, (void)stride, (void)count;
    long found = sysconf(_SC_NPROCESSORS_ONLN);
    return found < 1 ? 1 : (int)found;
#endif
}

static void nn_forget(NnCrew *crew) {
    (void)pthread_cond_destroy(&crew->wake);
    (void)pthread_mutex_destroy(&crew->mutex);
}

NN_API int nn_start(void *workers, size_t stride, int count) {
    enum { SPINS = 4000 };
    if (count < 1) return 0;
    NnCrew *crew = nn_crew(workers);
    memset(crew, 0, sizeof *crew);
    atomic_init(&crew->generation, 0);
    atomic_init(&crew->arrived, 0);
    atomic_init(&crew->sleepers, 0);
    atomic_init(&crew->count, count + 1);
    atomic_init(&crew->failed, 0);
    for (int i = 0; i < count; i++)
        *nn_worker(workers, stride, i) = (NnWorker){.crew = crew, .number = i + 1, .cpu = -1};
    crew->spins = count < nn_place(workers, stride, count) ? SPINS : 0;
    crew->process = getpid();
    if (pthread_mutex_init(&crew->mutex, NULL) != 0) return 0;
    if (pthread_cond_init(&crew->wake, NULL) != 0) return 0;
    int started = 0;
    while (started < count) {
        NnWorker *worker = nn_worker(workers, stride, started);
        if (pthread_create(&worker->thread, NULL, nn_work, worker) != 0) break;
        started++;
    }
    atomic_store(&crew->count, started + 1);
    if (started == 0) nn_forget(crew);
    return started;
}

NN_API void nn_stop(void *workers, size_t stride, int count) {
    if (count < 1) return;
    NnCrew *crew = nn_crew(workers);
    if (crew->process != getpid()) return; /* a fork has no workers */
    crew->stops = 1;
    nn_gather(crew);
    for (int i = 0; i < count; i++)
        (void)pthread_join(nn_worker(workers, stride, i)->thread, NULL);
    nn_forget(crew);
}

NN_API int nn_run(void *workers, size_t stride, int count, NnStep step, const void *call) {
    NnCrew *crew = count > 0 ? nn_crew(workers) : NULL;
    if (crew && crew->process != getpid()) crew = NULL; /* a fork has no workers */
    NnTeam team = {crew ? count + 1 : 1, 0, crew, workers, stride};
    if (!crew) return step(call, &team, (NnPart){0, 1});
    crew->step = step;
    crew->call = call;
    crew->team = &team;
    atomic_store_explicit(&crew->failed, 0, memory_order_relaxed);
    nn_gather(crew);
    int failed = step(call, &team, (NnPart){0, team.count});
    nn_gather(crew);
    return failed;
}

#endif
