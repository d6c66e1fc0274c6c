/* The progress line. */
#define _POSIX_C_SOURCE 200809L

#include "runtime/progress.h"

#include <time.h>
#include <unistd.h>

static double progress_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

NN_API NnProgress nn_progress_start(FILE *out, int epochs, int64_t steps, int64_t items) {
    NnProgress progress = {.out = out, .epochs = epochs, .steps = steps, .items = items};
    progress.terminal = isatty(fileno(out));
    progress.start = progress_now();
    return progress;
}

static void progress_show(NnProgress *progress, int epoch, int64_t step, double loss, double now) {
    double seconds = now - progress->start;
    double done = (double)(epoch - 1) * (double)progress->steps + (double)step;
    double all = (double)progress->epochs * (double)progress->steps;
    double rate = done / (double)progress->steps * (double)progress->items / seconds;
    long left = (long)(seconds * (all - done) / done + 0.5);
    char text[160];
    int length = snprintf(text, sizeof text,
                          "epoch %d/%d  step %lld/%lld  loss %.4f  %.0f images/s  %ld:%02ld left",
                          epoch, progress->epochs, (long long)step, (long long)progress->steps,
                          loss, rate, left / 60, left % 60);
    if (progress->terminal) {
        fprintf(progress->out, "\r%-*s", progress->width, text);
        progress->width = length;
        fflush(progress->out);
    } else {
        fprintf(progress->out, "%s\n", text);
    }
}

NN_API void nn_progress_step(NnProgress *progress, int epoch, int64_t step, double loss) {
    double now = progress_now();
    bool last = step == progress->steps;
    double pause = progress->terminal ? 0.1 : 5.0;
    if (!last && now - progress->shown < pause) return;
    progress->shown = now;
    progress_show(progress, epoch, step, loss, now);
}

NN_API void nn_progress_end(NnProgress *progress) {
    if (progress->terminal && progress->width > 0) fputc('\n', progress->out);
    progress->width = 0;
}
