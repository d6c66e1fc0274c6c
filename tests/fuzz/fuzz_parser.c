/* Any bytes through lexer, parser and compiler: no crash, no leak, no refusal without a message;
 * what was compiled comes back from an image. */
#include "frontend/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void complete_all(Compiler *compiler, Code *code) {
    image_complete(compiler, code);
    for (uint32_t i = 0; i < code->const_count; i++)
        if (code->consts[i].kind == CONST_CODE) complete_all(compiler, code->consts[i].as.code);
}

static void check_image(Compiler *compiler, const Code *code) {
    ImageWriter writer = {.interns = compiler->interns};
    uint32_t number = image_add(&writer, code);
    Image image = image_view(&writer);
    Code *read = image_code(compiler, &image, number, code->file);
    complete_all(compiler, read);
    Buf before = {0}, after = {0};
    code_print(code, &before);
    code_print(read, &after);
    if (strcmp(buf_text(&before), buf_text(&after)) != 0) abort();
    buf_free(&before);
    buf_free(&after);
    image_writer_free(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Arena arena = {0};
    Sources sources;
    Interns interns;
    Buf log = {0};
    sources_init(&sources);
    interns_init(&interns);
    sources.log = &log;
    Compiler compiler = {&arena, &sources, &interns};
    uint16_t file = sources_add(&sources, "fuzz.nn", (const char *)data, size);
    const Code *code = file ? compile_module(&compiler, file) : NULL;
    if (code) check_image(&compiler, code);
    if (!code && sources.errors == 0) abort(); /* refused without a message */
    buf_free(&log);
    interns_free(&interns);
    sources_free(&sources);
    arena_free(&arena);
    return 0;
}
