/* Every module of the prelude compiles, bodies included, without errors or warnings. */
#include "frontend/compile.h"
#include "frontend/prelude.h"

#include <criterion/criterion.h>

static uint32_t any_slot(void *context, Name *name) {
    (void)context;
    return name->id;
}

static bool compile_all(Compiler *compiler, Code *code) {
    bool ok = !code->origin || compile_body(compiler, code, any_slot, NULL);
    for (uint32_t i = 0; i < code->const_count; i++)
        if (code->consts[i].kind == CONST_CODE)
            ok = compile_all(compiler, code->consts[i].as.code) && ok;
    return ok;
}

Test(prelude, every_body_compiles) {
    cr_assert_gt(prelude_file_count, 20);
    for (size_t i = 0; i < prelude_file_count; i++) {
        Arena arena = {0};
        Sources sources;
        Interns interns;
        Buf log = {0};
        sources_init(&sources);
        interns_init(&interns);
        sources.log = &log;
        Compiler compiler = {&arena, &sources, &interns};
        const PreludeFile *prelude = &prelude_files[i];
        uint16_t file =
            sources_add(&sources, prelude->path, (const char *)prelude->text, prelude->size);
        Code *code = compile_module(&compiler, file, true);
        cr_expect(code && compile_all(&compiler, code) && sources.warnings == 0, "%s",
                  buf_text(&log));
        buf_free(&log);
        interns_free(&interns);
        sources_free(&sources);
        arena_free(&arena);
    }
}
