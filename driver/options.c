/* Parses the command line against one table.
 *
 * An option is spelled `--name=value`, `--name value`, or for the short ones `-ovalue` or `-o
 * value`, as clang has them. `@file` is replaced by the words of the file, `--` ends the options,
 * the last of repeated options counts. */
#include "driver/options.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "codegen/cuda/nvrtc.h"
#include "driver/version.h"
#include "passes/pass.h"
#include "support/checked.h"
#include "support/file.h"

typedef enum ValueKind {
    VALUE_NONE,
    VALUE_SEPARATE, /* --name=value or --name value */
    VALUE_OPTIONAL, /* --name or --name=value */
    VALUE_JOINED    /* -Ovalue only */
} ValueKind;

typedef struct Parser {
    Options *options;
    Arena *arena;
    VEC(char *) words;
    size_t next;
    ParseResult result;
} Parser;

typedef struct OptionRow {
    const char *name;
    ValueKind kind;
    const char *value_name; /* shown in --help */
    const char *help;
    void (*apply)(Parser *parser, const char *value);
} OptionRow;

static const char *const emit_names[EMIT_COUNT] = {
    "c", "ir", "json", "dot", "obj", "asm", "llvm-ir", "exe", "kernels", "schedules"};

__attribute__((format(printf, 2, 3))) static void usage_error(Parser *parser, const char *format,
                                                              ...) {
    va_list args;
    va_start(args, format);
    fputs("nnc: error: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    parser->result = PARSE_USAGE;
}

/* One row's effect. */
#define APPLY(name) static void apply_##name(Parser *parser, const char *value)
#define SET_TEXT(name)                                                                             \
    APPLY(name) {                                                                                  \
        parser->options->name = value;                                                             \
    }
#define SET_FLAG(name)                                                                             \
    APPLY(name) {                                                                                  \
        (void)value;                                                                               \
        parser->options->name = true;                                                              \
    }

SET_TEXT(output)
SET_TEXT(weights)
SET_TEXT(module)
SET_TEXT(march)
SET_TEXT(schedules)
SET_TEXT(depfile_target)
SET_FLAG(standalone)
SET_FLAG(no_train)
SET_FLAG(debug_info)
SET_FLAG(verbose)
SET_FLAG(depfile)
SET_FLAG(train)
SET_FLAG(json)
SET_FLAG(warnings_as_errors)

APPLY(depfile_path) {
    parser->options->depfile = true;
    parser->options->depfile_path = value;
}

APPLY(emit) {
    for (const char *at = value; *at;) {
        size_t length = strcspn(at, ",");
        int found = -1;
        for (int i = 0; i < EMIT_COUNT; i++)
            if (strlen(emit_names[i]) == length && memcmp(emit_names[i], at, length) == 0)
                found = i;
        if (found < 0) {
            usage_error(parser,
                        "unknown output '%.*s'; --emit takes c, ir, json, dot, obj, asm, "
                        "llvm-ir, exe, kernels, schedules",
                        (int)length, at);
            return;
        }
        if (!parser->options->emit[found]) parser->options->emit_count++;
        parser->options->emit[found] = true;
        at += length;
        if (*at == ',') at++;
    }
}

APPLY(input_types) {
    VEC_PUSH(parser->options->input_types, value);
}

static int compare_batches(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

APPLY(batches) {
    Options *options = parser->options;
    options->batches.count = 0;
    const char *at = value;
    bool more = true;
    while (more) {
        char *end;
        errno = 0;
        long long batch = isdigit((unsigned char)*at) ? strtoll(at, &end, 10) : 0;
        if (batch < 1 || errno || (*end && *end != ',')) {
            usage_error(parser, "--batch takes one or more sizes from 1 on, as in 1,128, not '%s'",
                        value);
            return;
        }
        VEC_PUSH(options->batches, batch);
        more = *end == ',';
        at = end + 1;
    }
    qsort(options->batches.items, options->batches.count, sizeof(int64_t), compare_batches);
    for (size_t i = 1; i < options->batches.count; i++)
        if (options->batches.items[i] == options->batches.items[i - 1])
            usage_error(parser, "--batch names %lld twice", (long long)options->batches.items[i]);
}

APPLY(prefix) {
    bool good = isalpha((unsigned char)value[0]) || value[0] == '_';
    for (const char *at = value; *at && good; at++)
        good = isalnum((unsigned char)*at) || *at == '_';
    if (!good) usage_error(parser, "--prefix '%s' is not a C identifier", value);
    parser->options->prefix = value;
}

APPLY(vector) {
    static const char *const known[] = {"native", "none",       "sse2", "avx2",
                                        "avx512", "avx512bf16", "amx",  "neon"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(value, known[i]) == 0) {
            parser->options->vector = known[i];
            return;
        }
    usage_error(parser,
                "unknown vector unit '%s'; --vector takes native, none, sse2, avx2, avx512, "
                "avx512bf16, amx, neon",
                value);
}

APPLY(precision) {
    Precision precision;
    if (precision_from_name(value, &precision))
        parser->options->precision = arena_copy(parser->arena, &precision, 1, sizeof precision);
    else
        usage_error(parser,
                    "unknown precision '%s'; --precision takes strict, highest, high, medium",
                    value);
}

APPLY(autocast) {
    DType dtype = strcmp(value, "fp16") == 0 ? DT_F16 : DT_BF16;
    if (dtype == DT_F16 || strcmp(value, "bf16") == 0)
        parser->options->autocast = arena_copy(parser->arena, &dtype, 1, sizeof dtype);
    else
        usage_error(parser, "unknown type '%s'; --autocast takes bf16, fp16", value);
}

APPLY(target) {
    const char *devices = strncmp(value, "cuda", 4) == 0 ? value + 4 : NULL;
    bool listed = devices && *devices == ':';
    if (devices && *devices && !(listed && nvrtc_is_list(devices + 1))) devices = NULL;
    parser->options->devices = devices ? devices + listed : NULL;
    if (!devices && strcmp(value, "cpu") != 0)
        usage_error(parser,
                    "--target takes cpu, cuda, or cuda with devices, as in "
                    "cuda:sm_80,sm_90a, not '%s'",
                    value);
}

/* "1.5 GiB": a number and a unit. False: it isn't. */
static bool parse_bytes(const char *text, size_t *bytes) {
    static const struct {
        const char *name;
        double size;
    } units[] = {{"", 1},     {"B", 1},         {"kB", 1e3},      {"KB", 1e3},     {"MB", 1e6},
                 {"GB", 1e9}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || !(number > 0)) return false;
    end += strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        double size = number * units[i].size;
        *bytes = (size_t)(size < 1e18 ? size : 1e18);
        return true;
    }
    return false;
}

APPLY(recompute) {
    Recompute *recompute = &parser->options->recompute;
    if (strcmp(value, "none") == 0)
        recompute->mode = RECOMPUTE_NONE;
    else if (strcmp(value, "auto") == 0)
        recompute->mode = RECOMPUTE_AUTO;
    else if (parse_bytes(value, &recompute->bytes))
        recompute->mode = RECOMPUTE_FIT;
    else
        usage_error(parser, "--recompute takes none, auto or a size as 200MB or 1.5GiB, not '%s'",
                    value);
}

APPLY(level) {
    if (strlen(value) != 1 || value[0] < '0' || value[0] > '3')
        usage_error(parser, "unknown optimization level '-O%s'; -O0 to -O3", value);
    else
        parser->options->level = value[0] - '0';
}

APPLY(max_steps) {
    char *end = NULL;
    parser->options->max_steps = strtoll(value, &end, 10);
    if (end == value || *end || parser->options->max_steps < 0)
        usage_error(parser, "--max-steps takes a number, not '%s'", value);
}

APPLY(threads) {
    enum { MOST = 1024 };
    Options *options = parser->options;
    if (options->split == 0) options->split = CODEGEN_SPLIT;
    if (!value) return;
    char *end = NULL;
    long threads = strtol(value, &end, 10);
    if (end == value || *end || threads < 1 || threads > MOST)
        usage_error(parser, "--threads takes a number from 1 to %d, not '%s'", MOST, value);
    options->threads = (int)threads;
}

APPLY(tune) {
    parser->options->tune = true;
    parser->options->tune_file = value;
    if (value && !*value) usage_error(parser, "--tune=FILE needs the file's name");
}

APPLY(tune_time) {
    char *end = NULL;
    double seconds = strtod(value, &end);
    if (end == value || *end || !(seconds > 0 && seconds <= 1e6))
        usage_error(parser, "--tune-time takes a number of seconds, not '%s'", value);
    parser->options->tune_seconds = seconds;
}

APPLY(split) {
    char *end = NULL;
    parser->options->split = strtoll(value, &end, 10);
    if (end == value || *end || parser->options->split < 1)
        usage_error(parser, "--split takes a number of cycles from 1 on, not '%s'", value);
}

APPLY(color) {
    if (strcmp(value, "always") == 0)
        parser->options->color = COLOR_ALWAYS;
    else if (strcmp(value, "never") == 0)
        parser->options->color = COLOR_NEVER;
    else if (strcmp(value, "auto") == 0)
        parser->options->color = COLOR_AUTO;
    else
        usage_error(parser, "--color takes auto, always or never, not '%s'", value);
}

APPLY(dump) {
    const char *pass = strncmp(value, "after:", 6) == 0 ? value + 6 : NULL;
    if (!pass || (strcmp(pass, "all") != 0 && !pass_find(pass)))
        usage_error(parser, "--dump takes after:PASS or after:all, not '%s'; see --print-passes",
                    value);
    parser->options->dump = value;
}

APPLY(passes) {
    Buf error = {0};
    if (!passes_check_list(value, &error)) usage_error(parser, "--passes: %s", buf_text(&error));
    buf_free(&error);
    parser->options->passes = value;
}

APPLY(diagnostics_format) {
    if (strcmp(value, "json") == 0)
        parser->options->json_diagnostics = true;
    else if (strcmp(value, "text") != 0)
        usage_error(parser, "--diagnostics-format takes text or json, not '%s'", value);
}

static void print_help(void);

APPLY(help) {
    (void)value;
    print_help();
    parser->result = PARSE_DONE;
}

APPLY(version) {
    (void)value;
    puts("nnc " NNC_VERSION);
    parser->result = PARSE_DONE;
}

APPLY(print_passes) {
    (void)value;
    for (const PassInfo *pass = pass_table(); pass->name; pass++)
        printf("%-12s %s\n", pass->name, pass->doc);
    parser->result = PARSE_DONE;
}

static const OptionRow rows[] = {
    {"-o", VALUE_SEPARATE, "FILE",
     "write the output to FILE ('-': standard output); FILE.cu: as CUDA C++", apply_output},
    {"--emit", VALUE_SEPARATE, "KIND[,KIND]",
     "what to write: c (default), ir, json, dot, obj, asm, llvm-ir, exe, kernels,\n"
     "                             schedules",
     apply_emit},
    {"--weights", VALUE_SEPARATE, "FILE", "take the parameters from a safetensors file",
     apply_weights},
    {"--input", VALUE_SEPARATE, "NAME=TYPE",
     "the type of an argument of forward: --input 'x=f32[1,1,32,32]'", apply_input_types},
    {"--batch", VALUE_SEPARATE, "N[,N]",
     "the batch of forward: its inputs' first dimension (default: the program's);\n"
     "                             several make PREFIX_forward_bN for each, over the same structs",
     apply_batches},
    {"--module", VALUE_SEPARATE, "EXPR", "the network to compile: a name or call, 'Net(10)'",
     apply_module},
    {"--prefix", VALUE_SEPARATE, "NAME", "prefix of every public C name (default: the file's name)",
     apply_prefix},
    {"--standalone", VALUE_NONE, NULL, "copy the runtime that is used into the C file",
     apply_standalone},
    {"--threads", VALUE_OPTIONAL, "[=N]",
     "functions can run on several threads: PREFIX_start(); bench, exe: on N", apply_threads},
    {"--split", VALUE_SEPARATE, "CYCLES",
     "--threads, which share what takes that many processor cycles (default: 12000)", apply_split},
    {"--no-train", VALUE_NONE, NULL, "leave the training functions out", apply_no_train},
    {"--vector", VALUE_SEPARATE, "UNIT",
     "one vector unit: native, none, sse2, avx2, avx512, avx512bf16, amx,\n"
     "                             neon (default for C files: baseline, AVX2 and AVX-512, and "
     "with\n"
     "                             --precision=medium AVX512-BF16; chosen when it starts)",
     apply_vector},
    {"--precision", VALUE_SEPARATE, "CLASS",
     "of products of float32 tensors: strict, highest, high, medium (default: the\n"
     "                             program's torch.set_float32_matmul_precision(), else highest)",
     apply_precision},
    {"--recompute", VALUE_SEPARATE, "HOW",
     "what backward computes again instead of keeping it: none (default), auto (what\n"
     "                             takes little time), or a size for the working memory: 200MB, "
     "1.5GiB",
     apply_recompute},
    {"--schedules", VALUE_SEPARATE, "FILE",
     "run products and convolutions as FILE says, where it does", apply_schedules},
    {"--tune", VALUE_OPTIONAL, "[=FILE]",
     "measure schedules on this machine, use the best, and keep them in FILE", apply_tune},
    {"--tune-time", VALUE_SEPARATE, "SECONDS", "about how long --tune may take (default: 60)",
     apply_tune_time},

    {"--autocast", VALUE_SEPARATE, "TYPE",
     "as if the program stood in torch.autocast: products of bf16 or fp16 numbers", apply_autocast},
    {"-march", VALUE_SEPARATE, "CPU",
     "the processor for --emit=obj|asm|llvm-ir|exe (default: native)", apply_march},
    {"--target", VALUE_SEPARATE, "TARGET",
     "cpu (default), or cuda: kernels for GPUs, as binaries in a C file that needs CUDA's\n"
     "                             driver alone; cuda:sm_80,sm_90a: for these (FILE.cu: as source)",
     apply_target},
    {"--train", VALUE_NONE, NULL, "bench: the whole train step, not forward", apply_train},
    {"--json", VALUE_NONE, NULL, "bench: print JSON", apply_json},
    {"-O", VALUE_JOINED, "0..3", "optimization level (default 2)", apply_level},
    {"-g", VALUE_NONE, NULL, "debug information in --emit=obj|exe", apply_debug_info},
    {"--passes", VALUE_SEPARATE, "LIST", "run just these passes, comma separated", apply_passes},
    {"--dump", VALUE_SEPARATE, "after:PASS", "print the graphs after a pass ('after:all': each)",
     apply_dump},
    {"--print-passes", VALUE_NONE, NULL, "list the passes and exit", apply_print_passes},
    {"-MD", VALUE_NONE, NULL, "write a make rule with every file read, to OUTPUT.d", apply_depfile},
    {"-MF", VALUE_SEPARATE, "FILE", "as -MD, to FILE", apply_depfile_path},
    {"-MT", VALUE_SEPARATE, "TARGET", "the rule's target (default: the output)",
     apply_depfile_target},
    {"--max-steps", VALUE_SEPARATE, "N",
     "evaluation steps before giving up when compiling (0: no limit)", apply_max_steps},
    {"-Werror", VALUE_NONE, NULL, "treat warnings as errors", apply_warnings_as_errors},
    {"--color", VALUE_SEPARATE, "WHEN", "colour in messages: auto, always, never", apply_color},
    {"--diagnostics-format", VALUE_SEPARATE, "FORM", "text, or json: one object a line",
     apply_diagnostics_format},
    {"-v", VALUE_NONE, NULL, "say what is done, and what it costs", apply_verbose},
    {"--help", VALUE_NONE, NULL, "this text", apply_help},
    {"-h", VALUE_NONE, NULL, NULL, apply_help},
    {"--version", VALUE_NONE, NULL, "the version", apply_version},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows };

static void print_help(void) {
    puts("nnc: compiles a network written as a PyTorch module to C, and runs it\n"
         "\n"
         "usage:\n"
         "  nnc [options] FILE.nn -o FILE.c     the network as C, with FILE.h beside it\n"
         "  nnc run [options] FILE.nn [ARGS]    run the program: prints what python3 would\n"
         "  nnc bench [options] FILE.nn         time the network's kernels on this machine\n"
         "\n"
         "examples:\n"
         "  nnc lenet.nn -o lenet.c\n"
         "  nnc lenet.nn --weights lenet.safetensors --emit=exe -o lenet\n"
         "  nnc lenet.nn --emit=ir -o -\n"
         "  nnc bench lenet.nn --train           (-o PROGRAM keeps the program that times)\n"
         "\n"
         "options:");
    for (int i = 0; i < ROW_COUNT; i++) {
        if (!rows[i].help) continue;
        const char *joint =
            rows[i].kind == VALUE_SEPARATE ? (rows[i].name[1] == '-' ? "=" : " ") : "";
        char left[64];
        snprintf(left, sizeof left, "%s%s%s", rows[i].name, joint,
                 rows[i].value_name ? rows[i].value_name : "");
        printf("  %-26s %s\n", left, rows[i].help);
    }
    puts("\nexit status: 0, 1 when the input has errors, 2 when the command line has");
}

/* The words of `@file`: separated by blanks, "..." and '...' keep them, \ takes the next as it is.
 */
static void read_response_file(Parser *parser, const char *path) {
    Buf text = {0};
    Buf error = {0};
    if (!file_read(path, &text, &error)) usage_error(parser, "@%s: %s", path, buf_text(&error));
    Buf word = {0};
    bool in_word = false;
    char quote = 0;
    for (size_t i = 0; i <= text.size; i++) {
        char c = i < text.size ? text.data[i] : ' ';
        if (quote ? c == quote : (c == '"' || c == '\'')) {
            quote = quote ? 0 : c;
            in_word = true;
        } else if (c == '\\' && i + 1 < text.size) {
            buf_putc(&word, text.data[++i]);
            in_word = true;
        } else if (!quote && isspace((unsigned char)c)) {
            if (in_word) VEC_PUSH(parser->words, arena_strdup(parser->arena, buf_text(&word)));
            buf_clear(&word);
            in_word = false;
        } else {
            buf_putc(&word, c);
            in_word = true;
        }
    }
    if (quote) usage_error(parser, "@%s: a %c is not closed", path, quote);
    buf_free(&word);
    buf_free(&text);
    buf_free(&error);
}

static void unknown_option(Parser *parser, const char *word) {
    const char *names[ROW_COUNT];
    for (int i = 0; i < ROW_COUNT; i++)
        names[i] = rows[i].name;
    char *name = arena_strndup(parser->arena, word, strcspn(word, "="));
    const char *near = nearest_word(name, names, ROW_COUNT);
    if (near)
        usage_error(parser, "unknown option '%s'; did you mean '%s'?", name, near);
    else
        usage_error(parser, "unknown option '%s'; see nnc --help", name);
}

/* The row of an option word; *value is what is joined to it, or NULL. */
static const OptionRow *find_row(const char *word, const char **value) {
    *value = NULL;
    for (int i = 0; i < ROW_COUNT; i++) {
        size_t length = strlen(rows[i].name);
        if (strncmp(word, rows[i].name, length) != 0) continue;
        if (word[length] == 0) return &rows[i];
        if ((rows[i].kind == VALUE_SEPARATE || rows[i].kind == VALUE_OPTIONAL) &&
            word[length] == '=') {
            *value = word + length + 1;
            return &rows[i];
        }
        bool joined = rows[i].kind == VALUE_JOINED ||
                      (rows[i].kind == VALUE_SEPARATE && length == 2 && word[1] == 'o');
        if (joined) {
            *value = word + length;
            return &rows[i];
        }
    }
    return NULL;
}

static void parse_option(Parser *parser, const char *word) {
    const char *value;
    const OptionRow *row = find_row(word, &value);
    if (!row) {
        unknown_option(parser, word);
        return;
    }
    if (row->kind == VALUE_SEPARATE && !value) {
        if (parser->next == parser->words.count) {
            usage_error(parser, "%s needs a value: %s", row->name, row->help);
            return;
        }
        value = parser->words.items[parser->next++];
    }
    row->apply(parser, row->kind == VALUE_JOINED && !value ? "" : value);
}

static void parse_words(Parser *parser) {
    Options *options = parser->options;
    bool only_files = false;
    while (parser->next < parser->words.count && parser->result == PARSE_OK) {
        const char *word = parser->words.items[parser->next++];
        if (!only_files && strcmp(word, "--") == 0) {
            only_files = true;
        } else if (!only_files && word[0] == '-' && word[1]) {
            parse_option(parser, word);
        } else if (parser->next == 1 && strcmp(word, "run") == 0) {
            options->command = COMMAND_RUN;
        } else if (parser->next == 1 && strcmp(word, "bench") == 0) {
            options->command = COMMAND_BENCH;
        } else if (options->input) {
            usage_error(parser, "more than one input: '%s' and '%s'", options->input, word);
        } else {
            options->input = word;
            if (options->command == COMMAND_RUN) {
                // Everything after the file is the program's own.
                options->script_args = &parser->words.items[parser->next];
                options->script_arg_count = (int)(parser->words.count - parser->next);
                parser->next = parser->words.count;
            }
        }
    }
}

/* What only makes sense for programs, `nnc bench`'s above all, and what doesn't. */
static void check_program(Parser *parser) {
    const Options *options = parser->options;
    bool bench = options->command == COMMAND_BENCH, exe = bench || options->emit[EMIT_EXE];
    if (!bench && (options->train || options->json))
        usage_error(parser, "%s goes with nnc bench", options->train ? "--train" : "--json");
    if (bench && options->emit_count)
        usage_error(parser, "nnc bench makes a program: leave --emit out");
    if (options->devices && options->command != COMMAND_COMPILE)
        usage_error(parser, "--target=cuda goes with --emit=c, obj and exe");
    if (bench && options->output && options->json)
        usage_error(parser, "with -o nnc bench only makes the program: give --json to that");
    if (!exe && options->threads)
        usage_error(parser,
                    "--threads=%d goes with nnc bench and --emit=exe; who calls a file's functions "
                    "gives them threads: --threads",
                    options->threads);
    if (options->tune && options->schedules)
        usage_error(parser, "--tune finds the schedules that --schedules reads: leave one out");
    if (exe && options->split && !options->threads)
        usage_error(parser, "a program needs to know how many: --threads=N");
}

ParseResult options_parse(Options *options, Arena *arena, int argc, char **argv) {
    *options = (Options){.level = 2, .max_steps = -1, .tune_seconds = 60};
    Parser parser = {.options = options, .arena = arena};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '@' && argv[i][1])
            read_response_file(&parser, argv[i] + 1);
        else
            VEC_PUSH(parser.words, argv[i]);
    }
    if (parser.result == PARSE_OK) parse_words(&parser);
    if (parser.result == PARSE_OK && !options->input)
        usage_error(&parser, "no input file; see nnc --help");
    if (parser.result == PARSE_OK) check_program(&parser);
    if (options->emit_count == 0) {
        options->emit[EMIT_C] = true;
        options->emit_count = 1;
    }
    // script_args points into the words: they live as long as the arena does.
    options->script_args =
        arena_copy(arena, options->script_args, (size_t)options->script_arg_count, sizeof(char *));
    VEC_FREE(parser.words);
    return parser.result;
}
