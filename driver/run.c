/* `nnc run FILE`: the program's output is what python3 would print. */
#include <signal.h>
#include <stdio.h>

#include "driver/driver.h"
#include "frontend/frontend.h"

/* The one thing a signal handler can reach. A second Ctrl-C ends the process at once. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    interrupted = 1;
}

static void watch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

int run_command(const Options *options, Sources *sources) {
    uint16_t file = sources_read(sources, options->input);
    if (!file) return EXIT_INPUT;
    Arena arena = {0};
    FrontendOptions frontend = {
        .file = file,
        .name = identifier_from(&arena, path_stem(&arena, options->input)),
        .args = options->script_args,
        .arg_count = options->script_arg_count,
        .step_limit = options->max_steps < 0 ? 0 : options->max_steps,
        .verbose = options->verbose,
        .vector = vector_unit(options),
        .precision = options->precision,
        .autocast = options->autocast,
        .out = stdout,
        .ends = !FREES_AT_END,
        .interrupted = &interrupted,
    };
    watch_interrupts();
    int status = frontend_run(&frontend, sources);
    if (fflush(stdout) != 0 && status == EXIT_OK) status = EXIT_INPUT;
    arena_free(&arena);
    return status;
}
