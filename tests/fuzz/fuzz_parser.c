/* Any bytes through lexer, parser and compiler: no crash, no leak, no refusal without a message;
 * lazy and eager compilation agree. */
#include "frontend/compile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t any_slot(void *context, Name *name) {
    (void)context;
    return name->id;
}

/* Compiles the lazy bodies too. */
static bool compile_all(Compiler *compiler, Code *code) {
    bool ok = !code->origin || compile_body(compiler, code, any_slot, NULL);
    for (uint32_t i = 0; ok && i < code->const_count; i++)
        if (code->consts[i].kind == CONST_CODE) ok = compile_all(compiler, code->consts[i].as.code);
    return ok;
}

static bool compile_text(const uint8_t *data, size_t size, bool lazy) {
    Arena arena = {0};
    Sources sources;
    Interns interns;
    Buf log = {0}, listing = {0};
    sources_init(&sources);
    interns_init(&interns);
    sources.log = &log;
    Compiler compiler = {&arena, &sources, &interns};
    uint16_t file = sources_add(&sources, "fuzz.nn", (const char *)data, size);
    Code *code = file ? compile_module(&compiler, file, lazy) : NULL;
    bool ok = code && compile_all(&compiler, code);
    if (ok) code_print(code, &listing);
    if (!ok && sources.errors == 0) abort(); /* refused without a message */
    buf_free(&log);
    buf_free(&listing);
    interns_free(&interns);
    sources_free(&sources);
    arena_free(&arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool eager = compile_text(data, size, false);
    bool lazy = compile_text(data, size, true);
    if (eager && !lazy) abort();
    return 0;
}
