/* Build tool: compiles the prelude's files to one C file of their image and their texts.
 *
 *   nnc_prelude ROOT OUTPUT FILE...
 *
 * A file's module name is its path below ROOT: torch/optim/sgd.nn is torch.optim.sgd, and
 * torch/__init__.nn is torch. Errors in them, and warnings, are errors of the build. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/image.h"
#include "support/file.h"

typedef struct Module {
    const char *path; /* below ROOT */
    const Source *source;
    uint32_t code;
} Module;

/* A line of the text in each of the C file. */
static void put_string(Buf *out, const char *text, size_t size) {
    buf_putc(out, '"');
    for (size_t i = 0; i < size; i++) {
        buf_put_c_char(out, text[i]);
        if (text[i] == '\n' && i + 1 < size) buf_puts(out, "\"\n\"");
    }
    buf_putc(out, '"');
}

/* "torch.optim.sgd", with whether it is a package. */
static void put_module(Buf *out, const Module *module, size_t number) {
    char name[512];
    size_t size = strlen(module->path) - strlen(".nn");
    bool package = size >= 8 && memcmp(module->path + size - 8, "__init__", 8) == 0;
    if (package && size > 8) size -= strlen("/__init__");
    snprintf(name, sizeof name, "%.*s", (int)size, module->path);
    for (char *p = name; *p; p++)
        if (*p == '/') *p = '.';
    buf_printf(out, "    {\"%s\", \"<prelude>/%s\", text_%zu, %zu, %" PRIu32 ", %d},\n", name,
               module->path, number, module->source->size, module->code, package);
}

/* A table of rows, eight a line; it has one at least. */
#define PUT_TABLE(out, type, vec, format, ...)                                                     \
    do {                                                                                           \
        buf_printf(out, "static const %s[] = {", type);                                            \
        for (size_t i = 0; i < (vec).count; i++) {                                                 \
            if (i % 8 == 0) buf_putc(out, '\n');                                                   \
            buf_printf(out, format ",", __VA_ARGS__);                                              \
        }                                                                                          \
        buf_puts(out, "\n};\n");                                                                   \
    } while (0)

static void put_codes(Buf *out, const ImageWriter *w) {
    buf_puts(out, "static const ImageCode codes[] = {\n");
    for (size_t i = 0; i < w->codes.count; i++) {
        const ImageCode *c = &w->codes.items[i];
        const uint32_t plain[] = {c->name,
                                  c->qualified_name,
                                  c->begin,
                                  c->end,
                                  c->flags,
                                  c->positional_count,
                                  c->positional_only_count,
                                  c->keyword_only_count,
                                  c->parameter_count,
                                  c->local_count,
                                  c->free_count,
                                  c->max_stack,
                                  c->cache_count};
        buf_putc(out, '{');
        for (size_t k = 0; k < sizeof plain / sizeof *plain; k++)
            buf_printf(out, "%" PRIu32 ",", plain[k]);
        buf_printf(out, "%d,", c->class_cell);
        buf_printf(out, "%" PRIu32 ",%" PRIu32 ",%" PRIu32, c->doc, c->slot_names, c->captures);
        const ImageList lists[] = {c->instructions, c->consts, c->names, c->handlers,
                                   c->module_names};
        for (size_t k = 0; k < sizeof lists / sizeof *lists; k++)
            buf_printf(out, ",{%" PRIu32 ",%" PRIu32 "}", lists[k].first, lists[k].count);
        buf_puts(out, "},\n");
    }
    buf_puts(out, "};\n");
}

static void put_image(Buf *out, const ImageWriter *w) {
    buf_puts(out, "static const char text[] =\n");
    put_string(out, w->text.data, w->text.size);
    buf_puts(out, ";\n");
    PUT_TABLE(out, "ImageText texts", w->texts, "{%" PRIu32 ",%" PRIu32 ",%" PRIu64 "U}",
              w->texts.items[i].at, w->texts.items[i].length, w->texts.items[i].hash);
    PUT_TABLE(out, "uint32_t numbers", w->numbers, "%" PRIu32, w->numbers.items[i]);
    PUT_TABLE(out, "ImageConst consts", w->consts, "{%" PRIu32 ",%" PRIu32 ",%" PRId64 "}",
              w->consts.items[i].kind, w->consts.items[i].count, w->consts.items[i].value);
    PUT_TABLE(out, "Instruction instructions", w->instructions, "{%d,%d,%d,%" PRId32 "}",
              w->instructions.items[i].op, w->instructions.items[i].a, w->instructions.items[i].b,
              w->instructions.items[i].c);
    PUT_TABLE(out, "CodeSpan spans", w->spans, "{%" PRIu32 ",%" PRIu32 "}", w->spans.items[i].begin,
              w->spans.items[i].end);
    PUT_TABLE(out, "HandlerRange handlers", w->handlers,
              "{%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 "}", w->handlers.items[i].begin,
              w->handlers.items[i].end, w->handlers.items[i].target, w->handlers.items[i].depth);
    put_codes(out, w);
    buf_puts(out,
             "const Image prelude_image = {text, texts, numbers, consts, codes, instructions,\n"
             "                             spans, handlers};\n");
}

/* Reads and compiles one file. False after errors, which were reported. */
static bool add_module(Compiler *compiler, ImageWriter *writer, const char *root, const char *file,
                       Module *module) {
    Sources *sources = compiler->sources;
    uint16_t id = sources_read(sources, file);
    const Code *code = id ? compile_module(compiler, id) : NULL;
    if (!code || sources->warnings) return false;
    *module = (Module){file + strlen(root) + 1, sources_get(sources, id), image_add(writer, code)};
    return true;
}

static void put_modules(Buf *out, const Module *modules, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "static const char text_%zu[] =\n", i);
        put_string(out, modules[i].source->text, modules[i].source->size);
        buf_puts(out, ";\n");
    }
    buf_puts(out, "const PreludeFile prelude_files[] = {\n");
    for (size_t i = 0; i < count; i++)
        put_module(out, &modules[i], i);
    buf_printf(out, "};\nconst size_t prelude_file_count = %zu;\n", count);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: nnc_prelude ROOT OUTPUT FILE...\n");
        return 2;
    }
    Arena arena = {0};
    Sources sources;
    Interns interns;
    sources_init(&sources);
    interns_init(&interns);
    sources.out = stderr;
    Compiler compiler = {&arena, &sources, &interns};
    ImageWriter writer = {.interns = &interns};
    size_t count = (size_t)argc - 3;
    Module *modules = ARENA_ARRAY(&arena, Module, count);
    bool ok = true;
    for (size_t i = 0; i < count; i++)
        ok = add_module(&compiler, &writer, argv[1], argv[3 + i], &modules[i]) && ok;
    Buf out = {0}, error = {0};
    if (ok) {
        buf_puts(&out, "#include \"frontend/prelude.h\"\n");
        put_image(&out, &writer);
        put_modules(&out, modules, count);
        ok = file_write(argv[2], out.data, out.size, &error);
        if (!ok) fprintf(stderr, "nnc_prelude: %s\n", buf_text(&error));
    }
    buf_free(&out);
    buf_free(&error);
    image_writer_free(&writer);
    interns_free(&interns);
    sources_free(&sources);
    arena_free(&arena);
    return ok ? 0 : 1;
}
