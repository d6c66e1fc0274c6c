/* `nnc FILE`: frontend, then every output that was asked for. Outputs are written at the end, each
 * through a temporary file, so that an error leaves none behind. */
#include <string.h>
#include <sys/stat.h>

#include "codegen/codegen.h"
#include "codegen/native/native.h"
#include "codegen/schedule_book.h"
#include "driver/driver.h"
#include "driver/tune.h"
#include "driver/version.h"
#include "frontend/frontend.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "support/clock.h"
#include "support/file.h"

typedef struct Compile {
    const Options *options;
    Sources *sources;
    Arena *arena;
    Program *program;
    const char *prefix;
    CodegenOptions codegen;
    CodegenReport report;
    Buf source, header; /* the network as C, once made */
    Buf dump;
    ScheduleBook *book;        /* of --schedules or --tune, or NULL */
    VEC(const char *) written; /* outputs that are there already */
} Compile;

static const char *const suffixes[EMIT_COUNT] = {
    ".c", ".ir", ".json", ".dot", ".o", ".s", ".ll", "", ".kernels", ".schedules.json"};

static bool fail(Compile *compile, const Buf *error) {
    report(compile->sources, SEVERITY_ERROR, (Span){0}, "%s", buf_text(error));
    return false;
}

/* Where an output goes: -o when there is one output, else the input's name with its suffix. */
static const char *output_path(const Compile *compile, EmitKind kind) {
    const Options *options = compile->options;
    if (options->output && options->emit_count == 1) return options->output;
    const char *base = options->output ? options->output : options->input;
    if (strcmp(base, "-") == 0) return "-";
    const char *slash = strrchr(base, '/');
    int directory = options->output && slash ? (int)(slash + 1 - base) : 0;
    return arena_printf(compile->arena, "%.*s%s%s", directory, base,
                        path_stem(compile->arena, base), suffixes[kind]);
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), size = strlen(end);
    return length > size && strcmp(text + length - size, end) == 0;
}

/* Whether the source is to be CUDA C++: it is called so. */
static bool is_cplusplus(const Compile *compile) {
    return compile->options->emit[EMIT_C] && ends_with(output_path(compile, EMIT_C), ".cu");
}

static bool is_cuda(const Compile *compile) {
    return compile->options->devices || is_cplusplus(compile);
}

/* "out/lenet.c" -> "out/lenet.h". */
static const char *header_path(const Compile *compile, const char *source_path) {
    size_t length = strlen(source_path);
    if (ends_with(source_path, ".c")) length -= 2;
    if (ends_with(source_path, ".cu")) length -= 3;
    return arena_printf(compile->arena, "%.*s.h", (int)length, source_path);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool write_output(Compile *compile, const char *path, const Buf *text) {
    Buf error = {0};
    bool good = file_write(path, text->data, text->size, &error) || fail(compile, &error);
    if (good) VEC_PUSH(compile->written, path);
    buf_free(&error);
    return good;
}

/* After an error no output stays, whatever was written before it. */
static void remove_outputs(const Compile *compile) {
    for (size_t i = 0; i < compile->written.count; i++) {
        struct stat info;
        const char *path = compile->written.items[i];
        if (strcmp(path, "-") == 0 || stat(path, &info) != 0 || !S_ISREG(info.st_mode)) continue;
        (void)remove(path);
    }
}

static void set_codegen_options(Compile *compile) {
    const Options *options = compile->options;
    const char *path = output_path(compile, EMIT_C);
    bool named = options->emit[EMIT_C] && strcmp(path, "-") != 0;
    compile->codegen = (CodegenOptions){
        .prefix = compile->prefix,
        .header = named ? base_name(header_path(compile, path))
                        : arena_printf(compile->arena, "%s.h", compile->prefix),
        .vector = vector_unit(options),
        .cuda = is_cuda(compile),
        .devices = is_cplusplus(compile) ? NULL : options->devices,
        // A C file travels: it holds kernels for several machines unless one was named.
        .dispatch =
            !options->vector && !options->march && !is_cuda(compile) &&
            (options->emit[EMIT_C] || (options->emit[EMIT_SCHEDULES] && options->emit_count == 1)),
        .level = options->level,
        .split = options->split,
        .threads = options->threads,
        .precision = options->precision ? *options->precision : compile->program->precision,
        .recompute = options->recompute,
        .standalone = options->standalone || options->emit[EMIT_EXE],
        .embed_weights = options->weights != NULL,
        .schedules = compile->book,
        .version = NNC_VERSION,
        .flags = "",
        .passes = options->passes,
        .dump = options->dump,
        .dump_out = &compile->dump,
    };
}

/* Makes the C text, once. */
static bool need_c(Compile *compile) {
    if (compile->source.size) return true;
    set_codegen_options(compile);
    const Options *options = compile->options;
    Buf error = {0};
    if (options->emit[EMIT_SCHEDULES]) compile->report.arena = compile->arena;
    bool told = options->verbose || options->emit[EMIT_KERNELS] || options->emit[EMIT_SCHEDULES];
    bool good = codegen_c(compile->program, &compile->codegen, &compile->source, &compile->header,
                          told ? &compile->report : NULL, &error) ||
                fail(compile, &error);
    buf_free(&error);
    return good;
}

static bool emit_c(Compile *compile) {
    const char *path = output_path(compile, EMIT_C);
    if (!need_c(compile)) return false;
    if (strcmp(path, "-") != 0 &&
        !write_output(compile, header_path(compile, path), &compile->header))
        return false;
    return write_output(compile, path, &compile->source);
}

/* The functions as they leave the passes. */
static void run_passes(Compile *compile, Program *after) {
    const Options *options = compile->options;
    *after = *compile->program;
    memset(&after->functions, 0, sizeof after->functions);
    for (size_t i = 0; i < compile->program->functions.count; i++) {
        ProgramFunction function = compile->program->functions.items[i];
        PassContext context = {.arena = compile->arena,
                               .inference = function.kind == FUNCTION_FORWARD};
        function.graph = passes_run(function.graph, options->level, options->passes, &context);
        VEC_PUSH(after->functions, function);
    }
}

static void free_functions(Program *program) {
    for (size_t i = 0; i < program->functions.count; i++)
        graph_free(program->functions.items[i].graph);
    VEC_FREE(program->functions);
}

/* The program as recorded, or as --passes leave it. */
static void put_program(Compile *compile, EmitKind kind, Buf *text) {
    Program after = {0}, *shown = compile->program;
    if (compile->options->passes) {
        run_passes(compile, &after);
        shown = &after;
    }
    if (kind == EMIT_IR) program_print(text, shown);
    if (kind == EMIT_JSON) program_json(text, shown);
    for (size_t i = 0; kind == EMIT_DOT && i < shown->functions.count; i++)
        graph_dot(text, shown->functions.items[i].graph);
    free_functions(&after);
}

static void put_schedules(const Compile *compile, Buf *text) {
    size_t count = compile->report.choices.count;
    BookLine *lines = ARENA_ARRAY(compile->arena, BookLine, count);
    for (size_t i = 0; i < count; i++) {
        const CodegenChoice *choice = &compile->report.choices.items[i];
        lines[i] = (BookLine){choice->key, choice->schedule};
    }
    schedule_book_print(text, NULL, lines, count);
}

static bool emit_text(Compile *compile, EmitKind kind) {
    Buf text = {0};
    bool of_kernels = kind == EMIT_KERNELS || kind == EMIT_SCHEDULES;
    if (of_kernels && !need_c(compile)) return false;
    if (kind == EMIT_KERNELS) {
        buf_add(&text, compile->report.kernels.data, compile->report.kernels.size);
    } else if (kind == EMIT_SCHEDULES) {
        put_schedules(compile, &text);
    } else {
        put_program(compile, kind, &text);
    }
    bool good = write_output(compile, output_path(compile, kind), &text);
    buf_free(&text);
    return good;
}

static ToolchainKind native_kind(EmitKind kind) {
    switch (kind) {
    case EMIT_OBJ:
        return TOOLCHAIN_OBJECT;
    case EMIT_ASM:
        return TOOLCHAIN_ASSEMBLY;
    case EMIT_LLVM_IR:
        return TOOLCHAIN_LLVM_IR;
    default:
        return TOOLCHAIN_EXECUTABLE;
    }
}

/* A plugin that is there and fails is worth a word; one that isn't there, when asked. */
static void tell_native(const Compile *compile, const NativeReport *native) {
    if (native->plugin_failed)
        report(compile->sources, SEVERITY_WARNING, (Span){0}, "%s; %s served", native->reason,
               native->compiler);
    if (!compile->options->verbose) return;
    fprintf(stderr, "nnc: %s served%s%s: %.1f ms", native->compiler, native->reason[0] ? ", " : "",
            native->reason, native->total * 1e3);
    if (!native->reason[0])
        fprintf(stderr, " (parsing %.1f, optimizing %.1f, generating code %.1f)",
                native->parse * 1e3, native->optimize * 1e3, native->generate * 1e3);
    fputc('\n', stderr);
}

/* The texts of a program: to use the network, or to time it. */
static bool need_program(Compile *compile, Buf *main_text) {
    Buf error = {0};
    bool good;
    if (compile->options->command == COMMAND_BENCH) {
        set_codegen_options(compile);
        good = codegen_bench(compile->program, &compile->codegen, compile->options->train,
                             &compile->source, &compile->header, main_text, NULL, &error) ||
               fail(compile, &error);
    } else {
        good = need_c(compile) &&
               (codegen_main(compile->program, &compile->codegen, main_text, &error) ||
                fail(compile, &error));
    }
    buf_free(&error);
    return good;
}

static bool emit_native(Compile *compile, EmitKind kind) {
    Buf main_text = {0};
    Buf error = {0};
    bool executable = kind == EMIT_EXE;
    bool good = executable ? need_program(compile, &main_text) : need_c(compile);
    NativeFile files[3] = {
        {compile->codegen.header, buf_text(&compile->header)},
        {arena_printf(compile->arena, "%s.c", compile->prefix), buf_text(&compile->source)},
    };
    if (executable)
        files[2] = (NativeFile){arena_printf(compile->arena, "%s_main.c", compile->prefix),
                                buf_text(&main_text)};
    ToolchainJob job = {
        .kind = native_kind(kind),
        .files = files,
        .file_count = executable ? 3 : 2,
        .output = output_path(compile, kind),
        .march = compile->options->march,
        .level = compile->options->level,
        .debug_info = compile->options->debug_info,
        .verbose = compile->options->verbose,
    };
    NativeReport native = {0};
    good = good && (native_build(&job, &native, &error) || fail(compile, &error));
    if (good) tell_native(compile, &native);
    if (good) VEC_PUSH(compile->written, job.output);
    // An object is for linking with a caller's program, which needs the header.
    if (good && kind == EMIT_OBJ && strcmp(job.output, "-") != 0) {
        size_t length = strlen(job.output);
        good = write_output(compile,
                            arena_printf(compile->arena, "%.*s.h",
                                         (int)(ends_with(job.output, ".o") ? length - 2 : length),
                                         job.output),
                            &compile->header);
    }
    buf_free(&main_text);
    buf_free(&error);
    return good;
}

static void put_make_name(Buf *rule, const char *name) {
    for (const char *at = name; *at; at++) {
        if (*at == ' ' || *at == '#') buf_putc(rule, '\\');
        if (*at == '$') buf_putc(rule, '$');
        buf_putc(rule, *at);
    }
}

/* A make rule: the output depends on every file that was read. */
static bool emit_depfile(Compile *compile) {
    const Options *options = compile->options;
    EmitKind first = EMIT_C;
    while (!options->emit[first])
        first++;
    const char *target = output_path(compile, first);
    Buf rule = {0};
    put_make_name(&rule, options->depfile_target ? options->depfile_target : target);
    buf_puts(&rule, ":");
    for (size_t i = 1; i < compile->sources->files.count; i++) {
        const Source *source = compile->sources->files.items[i];
        if (source->builtin) continue;
        buf_puts(&rule, " \\\n  ");
        put_make_name(&rule, source->path);
    }
    const char *others[] = {options->weights, options->schedules};
    for (int i = 0; i < 2; i++) {
        if (!others[i]) continue;
        buf_puts(&rule, " \\\n  ");
        put_make_name(&rule, others[i]);
    }
    buf_puts(&rule, "\n");
    const char *path = options->depfile_path ? options->depfile_path
                                             : arena_printf(compile->arena, "%s.d", target);
    bool good = write_output(compile, path, &rule);
    buf_free(&rule);
    return good;
}

static bool emit_all(Compile *compile) {
    for (int kind = 0; kind < EMIT_COUNT; kind++) {
        if (!compile->options->emit[kind]) continue;
        bool good;
        if (kind == EMIT_C)
            good = emit_c(compile);
        else if (kind == EMIT_OBJ || kind == EMIT_ASM || kind == EMIT_LLVM_IR || kind == EMIT_EXE)
            good = emit_native(compile, (EmitKind)kind);
        else
            good = emit_text(compile, (EmitKind)kind);
        if (!good) return false;
    }
    if (compile->options->dump && !need_c(compile)) return false;
    if (compile->dump.size) fwrite(compile->dump.data, 1, compile->dump.size, stdout);
    return !compile->options->depfile || emit_depfile(compile);
}

static void tell_costs(const Compile *compile, double start, double traced, double end) {
    fprintf(stderr, "nnc: traced in %.1f ms, compiled in %.1f ms\n", (traced - start) * 1e3,
            (end - traced) * 1e3);
    if (!compile->source.size) return;
    fprintf(stderr, "nnc: %d kernels, arena %zu bytes (liveness needs at least %zu)\n%s",
            compile->report.kernel_count, compile->report.arena_bytes,
            compile->report.arena_lower_bound, buf_text(&compile->report.kernels));
}

static void tell_prefix(const Compile *compile) {
    const char *wish = compile->options->prefix;
    const char *prefix = wish ? codegen_prefix(compile->arena, wish) : NULL;
    if (wish && strcmp(wish, prefix) != 0)
        report(compile->sources, SEVERITY_WARNING, (Span){0},
               "--prefix=%s could clash with names that C or nnc uses: public names start with "
               "%s_ instead",
               wish, prefix);
}

/* Whether what was asked of a file for GPUs exists. */
static bool check_cuda(Compile *compile) {
    const Options *options = compile->options;
    bool cplusplus = is_cplusplus(compile);
    const char *lacks = options->split                     ? "--threads"
                        : options->standalone && cplusplus ? "--standalone"
                        : options->schedules               ? "--schedules"
                        : options->tune                    ? "--tune"
                                                           : NULL;
    bool named = cplusplus && options->devices && *options->devices;
    if (!is_cuda(compile) || (!lacks && !named)) return true;
    Buf error = {0};
    if (lacks)
        buf_printf(&error, "a %s file has no %s", cplusplus ? ".cu" : "--target=cuda", lacks);
    else
        buf_puts(&error, "a .cu file is for all devices: nvcc is told which, by -arch");
    fail(compile, &error);
    buf_free(&error);
    return false;
}

static bool need_schedules(Compile *compile) {
    const Options *options = compile->options;
    bool good = true;
    if (options->schedules) {
        compile->book = book_read(options->schedules, compile->sources);
        good = compile->book != NULL;
    } else if (options->tune) {
        set_codegen_options(compile);
        compile->book =
            tune(options, compile->program, &compile->codegen, compile->sources, compile->arena);
        good = compile->book != NULL;
    }
    return good;
}

int compile_command(const Options *options, Sources *sources, Arena *arena) {
    double start = clock_seconds();
    uint16_t file = sources_read(sources, options->input);
    if (!file) return EXIT_INPUT;
    Compile compile = {.options = options, .sources = sources, .arena = arena};
    char *name = identifier_from(arena, path_stem(arena, options->input));
    compile.prefix = options->prefix ? options->prefix : name;
    FrontendOptions frontend = {
        .file = file,
        .name = name,
        .module = options->module,
        .input_types = options->input_types.items,
        .input_type_count = (int)options->input_types.count,
        .batches = options->batches.items,
        .batch_count = (int)options->batches.count,
        .autocast = options->autocast,
        .step_limit = options->max_steps,
        .no_train = options->no_train || options->weights, /* with its weights it only infers */
        .verbose = options->verbose,
        .out = stdout,
        .ends = !FREES_AT_END,
    };
    compile.program = frontend_compile(&frontend, sources, arena);
    double traced = clock_seconds();
    if (compile.program) tell_prefix(&compile);
    bool good = compile.program && sources->errors == 0;
    if (good && options->weights)
        good = weights_load(compile.program, options->weights, sources, arena);
    if (good && sources->warnings && sources->warnings_as_errors) good = false;
    good = good && check_cuda(&compile) && need_schedules(&compile) && emit_all(&compile);
    if (!good) remove_outputs(&compile);
    if (good && options->verbose) tell_costs(&compile, start, traced, clock_seconds());
    if (!FREES_AT_END) return good ? EXIT_OK : EXIT_INPUT;
    if (compile.program) program_release(compile.program);
    buf_free(&compile.source);
    buf_free(&compile.header);
    buf_free(&compile.dump);
    VEC_FREE(compile.written);
    VEC_FREE(compile.report.choices);
    schedule_book_free(compile.book);
    buf_free(&compile.report.kernels);
    return good ? EXIT_OK : EXIT_INPUT;
}
