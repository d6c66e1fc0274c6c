/* The prelude's image holds what compiling its texts gives: every code, with its places. */
#include "frontend/prelude.h"

#include <criterion/criterion.h>
#include <string.h>

static bool same_bytes(const void *a, const void *b, size_t size) {
    return size == 0 || memcmp(a, b, size) == 0;
}

static bool same_code(Compiler *compiler, const Code *a, Code *b);

static bool same_const(Compiler *compiler, const Const *a, const Const *b) {
    if (a->kind != b->kind) return false;
    switch (a->kind) {
    case CONST_INT:
        return a->as.integer == b->as.integer;
    case CONST_FLOAT:
        return same_bytes(&a->as.number, &b->as.number, sizeof(double));
    case CONST_BIG_INT:
    case CONST_STRING:
    case CONST_BYTES: /* NUL-terminated */
        return a->as.string.length == b->as.string.length &&
               same_bytes(a->as.string.bytes, b->as.string.bytes, a->as.string.length + 1);
    case CONST_TUPLE: {
        bool same = a->as.tuple.count == b->as.tuple.count;
        for (size_t i = 0; same && i < a->as.tuple.count; i++)
            same = same_const(compiler, &a->as.tuple.items[i], &b->as.tuple.items[i]);
        return same;
    }
    case CONST_CODE:
        return same_code(compiler, a->as.code, b->as.code);
    default:
        return true;
    }
}

static bool same_header(Compiler *compiler, const Code *a, const Code *b) {
    return a->name == b->name && a->qualified_name == b->qualified_name && a->file == b->file &&
           a->span.file == b->span.file && a->span.begin == b->span.begin &&
           a->span.end == b->span.end && a->flags == b->flags &&
           a->positional_count == b->positional_count &&
           a->positional_only_count == b->positional_only_count &&
           a->keyword_only_count == b->keyword_only_count &&
           a->parameter_count == b->parameter_count && a->local_count == b->local_count &&
           a->free_count == b->free_count && a->max_stack == b->max_stack &&
           a->cache_count == b->cache_count && a->class_cell == b->class_cell &&
           !a->doc == !b->doc && (!a->doc || same_const(compiler, a->doc, b->doc)) &&
           a->instruction_count == b->instruction_count && a->const_count == b->const_count &&
           a->name_count == b->name_count && a->handler_count == b->handler_count &&
           a->module_name_count == b->module_name_count;
}

static bool same_code(Compiler *compiler, const Code *a, Code *b) {
    if (!same_header(compiler, a, b)) return false;
    image_complete(compiler, b);
    size_t slots = (size_t)a->local_count + a->free_count;
    bool same =
        same_bytes(a->slot_names, b->slot_names, slots * sizeof(Name *)) &&
        same_bytes(a->captures, b->captures, a->free_count * sizeof(uint32_t)) &&
        same_bytes(a->instructions, b->instructions, a->instruction_count * sizeof(Instruction)) &&
        same_bytes(a->spans, b->spans, a->instruction_count * sizeof(CodeSpan)) &&
        same_bytes(a->names, b->names, a->name_count * sizeof(Name *)) &&
        same_bytes(a->handlers, b->handlers, a->handler_count * sizeof(HandlerRange)) &&
        same_bytes(a->module_names, b->module_names, a->module_name_count * sizeof(Name *));
    for (uint32_t i = 0; same && i < a->const_count; i++)
        same = same_const(compiler, &a->consts[i], &b->consts[i]);
    return same;
}

Test(prelude, image_is_what_texts_compile_to) {
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
        uint16_t file = sources_add(&sources, prelude->path, prelude->text, prelude->size);
        const Code *code = compile_module(&compiler, file);
        cr_assert(code && sources.warnings == 0, "%s", buf_text(&log));
        Code *read = image_code(&compiler, &prelude_image, prelude->code, file);
        cr_expect(same_code(&compiler, code, read), "%s", prelude->module);
        buf_free(&log);
        interns_free(&interns);
        sources_free(&sources);
        arena_free(&arena);
    }
}
