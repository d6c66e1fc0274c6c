/* nnc's main: parses the command line and starts the command. */
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

#include "driver/driver.h"

/* Memory comes in large steps and stays: the many small ones, and giving back what the next pass
 * asks for again, would hold up all threads, which share one address space. The first step of the
 * heap is of huge pages: a thousand small ones take the kernel as long as tracing a small network
 * takes. The heap's first page is in use before they can be asked for, so they begin behind it. */
static void keep_memory(void) {
#ifdef __GLIBC__
    enum { PAGE = 1 << 12, HUGE_PAGE = 1 << 21, STEP = 1 << 24, MOST = 1 << 25 };
    (void)sbrk((intptr_t)((-(uintptr_t)sbrk(0) - PAGE) % HUGE_PAGE));
    (void)mallopt(M_TOP_PAD, STEP);
    (void)mallopt(M_TRIM_THRESHOLD, MOST);
    (void)mallopt(M_MMAP_THRESHOLD, MOST);
    char *first = malloc(1);
    if (first) (void)madvise(first - (uintptr_t)first % PAGE + PAGE, STEP, MADV_HUGEPAGE);
    free(first);
#endif
}

int main(int argc, char **argv) {
    keep_memory();
    Arena arena = {0};
    Options options;
    int status;
    switch (options_parse(&options, &arena, argc, argv)) {
    case PARSE_DONE:
        status = EXIT_OK;
        break;
    case PARSE_USAGE:
        status = EXIT_USAGE;
        break;
    default: {
        Sources sources;
        sources_init(&sources);
        sources.out = stderr;
        sources.color = options.color;
        sources.json = options.json_diagnostics;
        sources.warnings_as_errors = options.warnings_as_errors;
        if (options.command == COMMAND_RUN)
            status = run_command(&options, &sources);
        else if (options.command == COMMAND_BENCH)
            status = bench_command(&options, &sources, &arena);
        else
            status = compile_command(&options, &sources, &arena);
        if (FREES_AT_END) sources_free(&sources);
    }
    }
    if (!FREES_AT_END) return status;
    VEC_FREE(options.input_types);
    VEC_FREE(options.batches);
    arena_free(&arena);
    return status;
}
