/* Tunes schedules: programs that time a function are made, each with another candidate for every
 * contraction, and run in turns. So kernels are measured where they work, with operands as cold as
 * they are there, and what else the machine does meets all candidates alike.
 *
 * A candidate takes the place of the model's choice where it is clearly faster, and keeps it when a
 * second comparison, of the chosen schedules together, says so again. */
#include "driver/tune.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codegen/native/native.h"
#include "support/checked.h"
#include "support/clock.h"
#include "support/file.h"

enum { MOST_CANDIDATES = 10, FIRST_PASSES = 3, MOST_PASSES = 5 };

static const double CLEARLY = 0.97;    /* of the model's time, to be chosen */
static const double STILL = 0.985;     /* to be kept */
static const double CLOCK_MS = 1e-4;   /* less can't be told */
static const double RUN_SECONDS = 0.2; /* of a program, if the function takes less */

/* A program that times the function with one candidate for each contraction. */
typedef struct Trial {
    char *path;
    double *ms; /* [choice][pass] of the kernels */
    double whole[MOST_PASSES];
} Trial;

typedef struct Tuning {
    const Options *options;
    const CodegenOptions *codegen;
    Sources *sources;
    Arena *arena;
    const char *directory, *output; /* what programs print */
    Program program;                /* of the function that is being tuned */
    bool train;
    const char *name;     /* of the function */
    CodegenReport report; /* its kernels, with candidates */
    Trial trials[MOST_CANDIDATES + 1];
    int trial_count, passes;
    VEC(BookLine) lines; /* found so far, of all functions */
    double seconds;      /* for each function */
    bool shows;          /* standard error is a terminal: it shows how far things are */
} Tuning;

static bool fail(Sources *sources, const Buf *error) {
    report(sources, SEVERITY_ERROR, (Span){0}, "%s", buf_text(error));
    return false;
}

ScheduleBook *book_read(const char *path, Sources *sources) {
    Buf text = {0}, error = {0};
    ScheduleBook *book = NULL;
    if (!file_read(path, &text, &error))
        fail(sources, &error);
    else if (!(book = schedule_book_parse(path, buf_text(&text), text.size, &error)))
        fail(sources, &error);
    buf_free(&text);
    buf_free(&error);
    return book;
}

/* ---- programs ---- */

static const BookLine *found_line(const Tuning *t, const char *key) {
    for (size_t i = 0; i < t->lines.count; i++)
        if (strcmp(t->lines.items[i].key, key) == 0) return &t->lines.items[i];
    return NULL;
}

/* Candidate `number` for each contraction, or the model's where there are fewer; what has been
 * found for other functions stays. */
static ScheduleBook *make_book(const Tuning *t, int number) {
    size_t count = t->report.choices.count;
    BookLine *lines = xcalloc(count + 1, sizeof *lines);
    Buf text = {0}, error = {0};
    for (size_t i = 0; i < count; i++) {
        const CodegenChoice *choice = &t->report.choices.items[i];
        const BookLine *found = found_line(t, choice->key);
        int other = number < choice->other_count ? number : 0;
        lines[i] = (BookLine){choice->key, found ? found->schedule : choice->others[other]};
    }
    schedule_book_print(&text, NULL, lines, count);
    ScheduleBook *book = schedule_book_parse("--tune", buf_text(&text), text.size, &error);
    NNC_CHECK(book, "%s", buf_text(&error));
    buf_free(&text);
    buf_free(&error);
    free(lines);
    return book;
}

/* As `nnc bench` makes it: weights are no constants, the vectors are this machine's. */
static bool build_program(Tuning *t, const ScheduleBook *book, const char *path,
                          CodegenReport *noted) {
    Buf source = {0}, header = {0}, main_text = {0}, error = {0};
    CodegenOptions codegen = *t->codegen;
    codegen.header = arena_printf(t->arena, "%s.h", codegen.prefix);
    codegen.dispatch = codegen.embed_weights = false;
    codegen.standalone = true;
    codegen.dump = NULL;
    codegen.schedules = book;
    codegen.candidates = noted ? MOST_CANDIDATES : 0;
    if (codegen.threads == 0) codegen.split = 0;
    bool good =
        codegen_bench(&t->program, &codegen, t->train, &source, &header, &main_text, noted, &error);
    NativeFile files[] = {{codegen.header, buf_text(&header)},
                          {"network.c", buf_text(&source)},
                          {"main.c", buf_text(&main_text)}};
    ToolchainJob job = {.kind = TOOLCHAIN_EXECUTABLE,
                        .files = files,
                        .file_count = sizeof files / sizeof *files,
                        .output = path,
                        .march = t->options->march,
                        .level = t->options->level};
    NativeReport native = {0};
    good = good && (!path || native_build(&job, &native, &error));
    if (!good) fail(t->sources, &error);
    buf_free(&source);
    buf_free(&header);
    buf_free(&main_text);
    buf_free(&error);
    return good;
}

static bool add_trial(Tuning *t, int number) {
    Trial *trial = &t->trials[t->trial_count];
    *trial =
        (Trial){.path = arena_printf(t->arena, "%s/%s-%d", t->directory, t->name, t->trial_count),
                .ms = ARENA_ARRAY(t->arena, double, t->report.choices.count *MOST_PASSES + 1)};
    t->trial_count++;
    ScheduleBook *book = make_book(t, number);
    bool good = build_program(t, book, trial->path, NULL);
    schedule_book_free(book);
    return good;
}

/* ---- measuring ---- */

static double number_of(const cJSON *object, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

/* The medians that a program printed. */
static bool read_times(const Tuning *t, Trial *trial, int pass) {
    Buf text = {0}, error = {0};
    bool good = file_read(t->output, &text, &error) || fail(t->sources, &error);
    cJSON *root = good ? cJSON_Parse(buf_text(&text)) : NULL;
    const cJSON *kernels = cJSON_GetObjectItemCaseSensitive(root, "kernels"), *kernel;
    trial->whole[pass] = number_of(root, "median_ms");
    for (size_t i = 0; i < t->report.choices.count; i++) {
        cJSON_ArrayForEach(kernel, kernels) {
            const char *name =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(kernel, "name"));
            double *place = &trial->ms[i * MOST_PASSES + (size_t)pass];
            if (name && strcmp(name, t->report.choices.items[i].kernel) == 0)
                *place = number_of(kernel, "median_ms");
        }
    }
    cJSON_Delete(root);
    buf_free(&text);
    buf_free(&error);
    return good && trial->whole[pass] > 0;
}

static bool run_trial(const Tuning *t, Trial *trial, int pass) {
    char json[] = "--json";
    char *words[] = {trial->path, json, arena_printf(t->arena, "--seconds=%.1f", RUN_SECONDS),
                     NULL};
    if (run_program(t->sources, words, t->output) && read_times(t, trial, pass)) return true;
    Buf error = {0};
    buf_printf(&error, "--tune: the program that times %s fails here", t->name);
    fail(t->sources, &error);
    buf_free(&error);
    return false;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *samples, int count) {
    double sorted[MOST_PASSES];
    memcpy(sorted, samples, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, ascending);
    return sorted[count / 2];
}

static void show(const Tuning *t, const char *what, int done, int all) {
    if (t->shows) fprintf(stderr, "\rnnc: tuning %s: %s %d of %d ", t->name, what, done, all);
    if (t->shows && done == all) fprintf(stderr, "\r%*s\r", 60, "");
}

static bool measure(Tuning *t, Trial *const *trials, int count, int passes) {
    for (int pass = 0; pass < passes; pass++)
        for (int i = 0; i < count; i++) {
            show(t, "measuring", pass * count + i + 1, passes * count);
            if (!run_trial(t, trials[i], pass)) return false;
        }
    t->passes = passes;
    return true;
}

/* ---- choosing ---- */

/* Of all kernels that hold the contraction. */
static double time_of(const Tuning *t, const Trial *trial, const char *key) {
    double sum = 0;
    for (size_t i = 0; i < t->report.choices.count; i++)
        if (strcmp(t->report.choices.items[i].key, key) == 0)
            sum += median(trial->ms + i * MOST_PASSES, t->passes);
    return sum;
}

/* The candidate that is clearly faster than the model's and all others; else 0. */
static int choose(const Tuning *t, const CodegenChoice *choice) {
    int best = 0;
    double least = time_of(t, &t->trials[0], choice->key) * CLEARLY - CLOCK_MS;
    for (int i = 1; i < t->trial_count && i < choice->other_count; i++) {
        double time = time_of(t, &t->trials[i], choice->key);
        if (time < least) least = time, best = i;
    }
    return best;
}

static void tell_choice(const CodegenChoice *choice, int chosen, double before, double after) {
    fprintf(stderr, "nnc:   %s: %.4f ms by %s\nnnc:   %*s  %.4f ms by %s\n", choice->kernel, before,
            choice->others[0], (int)strlen(choice->kernel), "", after, choice->others[chosen]);
}

/* Compares what was chosen with the model's choices once more. Lines are added for all. */
static bool settle(Tuning *t, int *chosen) {
    size_t count = t->report.choices.count, first = t->lines.count;
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        const CodegenChoice *choice = &t->report.choices.items[i];
        if (found_line(t, choice->key)) continue;
        chosen[i] = choose(t, choice);
        any |= chosen[i] > 0;
        VEC_PUSH(t->lines, (BookLine){choice->key, choice->others[chosen[i]]});
    }
    if (any && !add_trial(t, 0)) return false;
    Trial *turns[] = {&t->trials[0], &t->trials[t->trial_count - 1]};
    if (any && !measure(t, turns, 2, MOST_PASSES)) return false;
    double before = median(turns[0]->whole, t->passes), after = median(turns[1]->whole, t->passes);
    int changed = 0, lines = 0;
    for (size_t i = 0, line = first; i < count; i++) {
        const CodegenChoice *choice = &t->report.choices.items[i];
        if (line == t->lines.count || t->lines.items[line].key != choice->key) continue;
        double old = time_of(t, turns[0], choice->key), new = time_of(t, turns[1], choice->key);
        bool kept = chosen[i] > 0 && after < before && new < old *STILL;
        if (kept) tell_choice(choice, chosen[i], old, new);
        if (!kept) t->lines.items[line].schedule = choice->others[0];
        changed += kept;
        lines++;
        line++;
    }
    fprintf(stderr,
            "nnc: tuned %s: %.4f ms by the model's schedules, %.4f ms with %d of %d changed\n",
            t->name, before, changed ? after : before, changed, lines);
    return true;
}

/* ---- functions ---- */

/* The function alone, and what gives weights their first values. */
static void take_function(Tuning *t, const Program *program, size_t number) {
    const ProgramFunction *function = &program->functions.items[number];
    t->program = *program;
    memset(&t->program.functions, 0, sizeof t->program.functions);
    VEC_PUSH(t->program.functions, *function);
    for (size_t i = 0; i < program->functions.count; i++)
        if (program->functions.items[i].kind == FUNCTION_INIT)
            VEC_PUSH(t->program.functions, program->functions.items[i]);
    t->train = function->kind == FUNCTION_TRAIN_STEP;
    t->name = t->train ? "train_step" : "forward";
    if (function->batch)
        t->name = arena_printf(t->arena, "%s_b%lld", t->name, (long long)function->batch);
    t->trial_count = 0;
    t->report.choices.count = 0;
}

/* How many candidates there is time for: a program has to be built, and run a few times. */
static int count_trials(const Tuning *t, double seconds) {
    int most = 1;
    for (size_t i = 0; i < t->report.choices.count; i++)
        if (t->report.choices.items[i].other_count > most)
            most = t->report.choices.items[i].other_count;
    double fit = t->seconds / seconds;
    return fit < 2 ? most < 2 ? most : 2 : fit < most ? (int)fit : most;
}

static bool tune_function(Tuning *t) {
    if (!build_program(t, NULL, NULL, &t->report)) return false;
    double start = clock_seconds();
    if (!add_trial(t, 0)) return false;
    double built = clock_seconds();
    if (!run_trial(t, &t->trials[0], 0)) return false;
    double ran = clock_seconds();
    int trials = count_trials(t, built - start + FIRST_PASSES * (ran - built));
    Trial *turns[MOST_CANDIDATES];
    fprintf(stderr, "nnc: tuning %s: %d schedules for each of %zu contractions\n", t->name, trials,
            t->report.choices.count);
    for (int i = 0; i < trials; i++) {
        show(t, "building", i + 1, trials);
        if (i > 0 && !add_trial(t, i)) return false;
        turns[i] = &t->trials[i];
    }
    int *chosen = ARENA_ARRAY(t->arena, int, t->report.choices.count);
    return measure(t, turns, trials, FIRST_PASSES) && settle(t, chosen);
}

static void remove_programs(const Tuning *t) {
    for (int i = 0; i < t->trial_count; i++)
        (void)unlink(t->trials[i].path);
    (void)unlink(t->output);
}

static bool tune_functions(Tuning *t, const Program *program) {
    int count = 0;
    for (int pass = 0; pass < 2; pass++) { /* to count them, to tune them */
        for (size_t i = 0; i < program->functions.count; i++) {
            FunctionKind kind = program->functions.items[i].kind;
            bool timed =
                kind == FUNCTION_TRAIN_STEP || (kind == FUNCTION_FORWARD && !t->options->train);
            if (!timed) continue;
            if (pass == 0) {
                count++;
                continue;
            }
            t->seconds = t->options->tune_seconds / count;
            take_function(t, program, i);
            bool good = tune_function(t);
            remove_programs(t);
            VEC_FREE(t->program.functions);
            if (!good) return false;
        }
    }
    return true;
}

/* Beside what the file says of other contractions. */
static ScheduleBook *keep(const Tuning *t, const ScheduleBook *old) {
    const char *path = t->options->tune_file;
    Buf text = {0}, error = {0};
    ScheduleBook *book = NULL;
    schedule_book_print(&text, old, t->lines.items, t->lines.count);
    if (path && !file_write(path, text.data, text.size, &error))
        fail(t->sources, &error);
    else
        book = schedule_book_parse("--tune", buf_text(&text), text.size, &error);
    buf_free(&text);
    buf_free(&error);
    return book;
}

ScheduleBook *tune(const Options *options, const Program *program, const CodegenOptions *codegen,
                   Sources *sources, Arena *arena) {
    Tuning t = {.options = options, .codegen = codegen, .sources = sources, .arena = arena};
    ScheduleBook *old = NULL, *book = NULL;
    bool there = options->tune_file && access(options->tune_file, F_OK) == 0;
    if (there && !(old = book_read(options->tune_file, sources))) return NULL;
    t.directory = temporary_directory(sources, arena);
    if (t.directory) {
        t.output = arena_printf(arena, "%s/output", t.directory);
        t.report.arena = arena;
        t.shows = isatty(STDERR_FILENO);
        if (tune_functions(&t, program)) book = keep(&t, old);
        (void)rmdir(t.directory);
    }
    VEC_FREE(t.lines);
    VEC_FREE(t.report.choices);
    buf_free(&t.report.kernels);
    schedule_book_free(old);
    return book;
}
