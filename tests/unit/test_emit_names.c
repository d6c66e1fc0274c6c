/* Two hundred hostile names in every place that takes one: the emitted C compiles without a
 * warning, and is the same code as with harmless names, but for the public names. */
#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>

#include "codegen/codegen.h"
#include "ir/build.h"
#include "support/file.h"

enum { NAMES = 200 };

static const char *const hostile[] = {
    "*/",
    "/*",
    "*/ int x; /*",
    "//",
    "\"",
    "'",
    "\\",
    "\\\n",
    "\n#include \"/etc/passwd\"\n",
    "\");system(\"true\");(\"",
    "%s%n%d",
    "?\?/",
    "a?\?/",
    "\x1b[31m",
    "\r\n",
    "\t",
    "a b",
    "a-b",
    "a.b",
    "a_b",
    "a/b",
    "a\\b",
    "0",
    "00",
    "9lives",
    "",
    " ",
    "_",
    "__",
    "_A",
    "__attribute__",
    "\xc3\xa9t\xc3\xa9",
    "\xe6\x9d\x83\xe9\x87\x8d",
    "\xf0\x9f\x98\x80",
    "\xe2\x80\xae",
    "\xff\xfe",
    "main",
    "exit",
    "memmove",
    "memcpy",
    "printf",
    "malloc",
    "free",
    "expf",
    "tanh",
    "NAN",
    "INFINITY",
    "NULL",
    "EOF",
    "M_PI",
    "M_E",
    "INT32_MAX",
    "INT64_C",
    "UINT8_MAX",
    "SIZE_MAX",
    "HUGE_VAL",
    "FP_NAN",
    "BUFSIZ",
    "SEEK_SET",
    "OVERFLOW",
    "linux",
    "unix",
    "errno",
    "stdin",
    "stdout",
    "stderr",
    "offsetof",
    "assert",
    "signbit",
    "isnan",
    "bool",
    "true",
    "false",
    "int",
    "float",
    "double",
    "char",
    "void",
    "long",
    "short",
    "signed",
    "unsigned",
    "const",
    "volatile",
    "static",
    "extern",
    "register",
    "auto",
    "restrict",
    "inline",
    "struct",
    "union",
    "enum",
    "typedef",
    "sizeof",
    "if",
    "else",
    "for",
    "while",
    "do",
    "switch",
    "case",
    "default",
    "break",
    "continue",
    "goto",
    "return",
    "_Alignas",
    "_Bool",
    "_Generic",
    "class",
    "new",
    "delete",
    "this",
    "template",
    "typename",
    "namespace",
    "using",
    "operator",
    "private",
    "public",
    "protected",
    "virtual",
    "friend",
    "explicit",
    "mutable",
    "try",
    "catch",
    "throw",
    "nullptr",
    "constexpr",
    "decltype",
    "noexcept",
    "alignas",
    "alignof",
    "and",
    "or",
    "not",
    "xor",
    "bitand",
    "compl",
    "and_eq",
    "export",
    "concept",
    "requires",
    "co_await",
    "typeof",
    "asm",
    "__asm__",
    "int64_t",
    "int32_t",
    "uint8_t",
    "size_t",
    "uintptr_t",
    "wchar_t",
    "float_t",
    "in",
    "out",
    "train",
    "target",
    "ctx",
    "params",
    "arena",
    "prepared",
    "seed",
    "grad",
    "key",
    "memory",
    "states",
    "grads",
    "kernel_x",
    "constant_0",
    "forward",
    "backward",
    "train_step",
    "prepare",
    "isa",
    "context_memory",
    "tensors",
    "hyper_0",
    "result_0",
    "x0",
    "v1",
    "NnTensor",
    "NN_API",
    "nn_fail",
    "<script>",
    "&amp;",
    "$(rm -rf x)",
    "`id`",
    "#define int long",
    "#",
    "##",
    "@",
    "\x01\x02",
    "\x7f",
    "a\"b'c\\d*/e",
    "TARGET_AVX2",
    "__m256",
    "float8",
    "vec",
    "I",
    "EINTR",
    "LENET_H",
};

static const char *name_of(Arena *arena, int index, bool harmless) {
    enum { COUNT = sizeof hostile / sizeof *hostile };
    if (harmless) return arena_printf(arena, "p%d", index);
    if (index < COUNT) return hostile[index];
    char *text = arena_alloc(arena, 400); /* long ones, different at the end only */
    memset(text, 'x', 300);
    sprintf(text + 300, "%d", index);
    return text;
}

/* output = x * (sum of 200 params), a train step that scales every param; each name is a param's,
 * a state's or the like. */
static Program *build(Arena *arena, bool harmless) {
    Program *program = ARENA_NEW(arena, Program);
    Type type = type_make(DT_F32, 1, (const int64_t[]){3});
    program->arena = arena;
    program->name = harmless ? "net" : "*/ main \"";
    program->source_path = harmless ? "net.nn" : "a*/\n#error \"\\\n.nn";
    program->sources = ARENA_NEW(arena, Sources);
    sources_init(program->sources);
    Graph *forward = graph_new(arena, name_of(arena, 0, harmless));
    Graph *train = graph_new(arena, name_of(arena, 1, harmless));
    const char *x_name = name_of(arena, 2, harmless), *lr = name_of(arena, 40, harmless);
    Node *x = graph_input(forward, x_name, type, ROLE_DATA, 0), *sum = x;
    Node *rate = graph_input(train, lr, type_scalar(DT_F32), ROLE_HYPER, 0);
    Node *scale = build_broadcast(train, rate, 1, type.dim), *total = scale;
    for (int i = 0; i < NAMES; i++) {
        const char *name = name_of(arena, i, harmless);
        Node *param = graph_input(forward, name, type, ROLE_PARAM, i);
        sum = build_binary(forward, OP_add, sum, param);
        sum->name = name;
        Node *old = graph_input(train, name, type, ROLE_PARAM, i);
        Node *state = graph_input(train, name, type, ROLE_STATE, i);
        Node *updated = build_binary(train, OP_mul, old, build_binary(train, OP_add, state, scale));
        updated->name = name;
        total = build_binary(train, OP_add, total, updated);
        graph_output(train, name, updated, OUT_UPDATE, 1 + 2 * i);
        VEC_PUSH(program->params, (ProgramEntry){.key = name, .type = type, .tied_to = -1});
        VEC_PUSH(program->states, (ProgramEntry){.key = name, .type = type, .tied_to = -1});
    }
    graph_output(forward, x_name, sum, OUT_RESULT, -1);
    graph_output(train, lr, build_reduce(train, OP_reduce_sum, total, (const int[]){0}, 1),
                 OUT_RESULT, -1);
    VEC_PUSH(program->inputs, (ProgramField){x_name, type});
    VEC_PUSH(program->outputs, (ProgramField){x_name, type});
    VEC_PUSH(program->hypers, (ProgramHyper){lr, DT_F32, 0.5});
    VEC_PUSH(program->functions, (ProgramFunction){FUNCTION_FORWARD, forward, 0});
    VEC_PUSH(program->functions, (ProgramFunction){FUNCTION_TRAIN_STEP, train, 0});
    return program;
}

static void release(Program *program) {
    for (size_t i = 0; i < program->functions.count; i++)
        graph_free(program->functions.items[i].graph);
    VEC_FREE(program->functions);
    VEC_FREE(program->params);
    VEC_FREE(program->states);
    VEC_FREE(program->inputs);
    VEC_FREE(program->outputs);
    VEC_FREE(program->hypers);
    sources_free(program->sources);
}

/* Skips white space and comments; the next token's end. */
static const char *next_token(const char **at) {
    const char *c = *at;
    for (;;) {
        while (isspace((unsigned char)*c))
            c++;
        if (c[0] == '/' && c[1] == '*') {
            c = strstr(c + 2, "*/");
            cr_assert_not_null(c);
            c += 2;
        } else {
            break;
        }
    }
    *at = c;
    if (*c == '"') {
        for (c++; *c != '"'; c++)
            c += *c == '\\';
        return c + 1;
    }
    if (!isalnum((unsigned char)*c) && *c != '_') return *c ? c + 1 : c;
    while (isalnum((unsigned char)*c) || *c == '_')
        c++;
    return c;
}

/* The same tokens, where identifiers and strings may differ if they always differ in the same way.
 */
static void check_same_code(Arena *arena, const char *a, const char *b) {
    enum { LIMIT = 8192 };
    const char **from = ARENA_ARRAY(arena, const char *, LIMIT);
    const char **to = ARENA_ARRAY(arena, const char *, LIMIT);
    int count = 0, renamed = 0;
    for (;;) {
        const char *a_end = next_token(&a), *b_end = next_token(&b);
        if (!*a || !*b) break;
        char *left = arena_strndup(arena, a, (size_t)(a_end - a));
        char *right = arena_strndup(arena, b, (size_t)(b_end - b));
        a = a_end;
        b = b_end;
        if (strcmp(left, right) == 0) continue;
        bool word = isalpha((unsigned char)*left) || *left == '"';
        cr_assert(word && (isalpha((unsigned char)*right) || *right == '"'), "%s / %s", left,
                  right);
        int row = 0;
        while (row < count && strcmp(from[row], left) != 0)
            row++;
        cr_assert_lt(row, LIMIT);
        if (row == count) {
            from[count] = left;
            to[count++] = right;
            renamed++;
        }
        if (*left != '"') cr_assert_str_eq(to[row], right, "%s is %s and %s", left, to[row], right);
    }
    cr_assert_eq(*a, '\0');
    cr_assert_eq(*b, '\0');
    cr_assert_gt(renamed, NAMES / 2);
}

Test(emit, hostile_names) {
    Arena arena = {0};
    Buf source[2] = {0}, header[2] = {0}, main_text = {0}, error = {0};
    char directory[] = "/tmp/nnc-names-XXXXXX";
    cr_assert_not_null(mkdtemp(directory));
    for (int harmless = 0; harmless < 2; harmless++) {
        Program *program = build(&arena, harmless);
        CodegenOptions options = {.prefix = program->name,
                                  .header = "names.h",
                                  .vector = "avx2",
                                  .level = 3,
                                  .standalone = true,
                                  .version = harmless ? "1" : "*/\"\\",
                                  .flags = harmless ? "-o x" : "-o */\n#error"};
        cr_assert(codegen_c(program, &options, &source[harmless], &header[harmless], NULL, &error),
                  "%s", buf_text(&error));
        if (!harmless) cr_assert(codegen_main(program, &options, &main_text, &error));
        release(program);
    }
    const char *files[][2] = {{"names.c", buf_text(&source[0])},
                              {"names.h", buf_text(&header[0])},
                              {"main.c", buf_text(&main_text)}};
    for (int i = 0; i < 3; i++) {
        char *path = arena_printf(&arena, "%s/%s", directory, files[i][0]);
        cr_assert(file_write(path, files[i][1], strlen(files[i][1]), &error));
    }
    const char *commands[] = {
        "cd %s && gcc -std=c11 -Wall -Wextra -Wpedantic -Werror -c names.c main.c",
        "cd %s && clang -std=c11 -Wall -Wextra -Wpedantic -Werror -c names.c main.c",
        "cd %s && cp names.h n.cc && g++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -c n.cc",
        "cd %s && clang++ -std=c++17 -Wall -Wextra -Wpedantic -Werror -c n.cc",
        "cd %s && gcc names.o main.o -lm -o names && ./names --help > text",
        "rm -r %s"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char command[256];
        snprintf(command, sizeof command, commands[i], directory);
        cr_expect_eq(system(command), 0, "%s", command);
    }
    check_same_code(&arena, buf_text(&source[0]), buf_text(&source[1]));
    for (int i = 0; i < 2; i++) {
        buf_free(&source[i]);
        buf_free(&header[i]);
    }
    buf_free(&main_text);
    arena_free(&arena);
}
