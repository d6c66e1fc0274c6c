/* Codes from an image: the header when the function is made, the rest when it first runs. */
#include "frontend/image.h"

#include <string.h>

static Name *name_at(const Compiler *compiler, const Image *image, uint32_t number) {
    if (number == NO_IMAGE_ENTRY) return NULL;
    const ImageText *text = &image->texts[number];
    return intern_hashed(compiler->interns, text->hash, image->text + text->at, text->length);
}

static Name **names_at(const Compiler *compiler, const Image *image, ImageList list) {
    Name **names = ARENA_ARRAY(compiler->arena, Name *, list.count);
    for (uint32_t i = 0; i < list.count; i++)
        names[i] = name_at(compiler, image, image->numbers[list.first + i]);
    return names;
}

static void set_text(Const *out, const Image *image, uint32_t number) {
    out->as.string.bytes = image->text + image->texts[number].at;
    out->as.string.length = image->texts[number].length;
}

Code *image_code(Compiler *compiler, const Image *image, uint32_t number, uint16_t file) {
    const ImageCode *row = &image->codes[number];
    Code *code = ARENA_NEW(compiler->arena, Code);
    *code = (Code){
        .name = name_at(compiler, image, row->name),
        .qualified_name = name_at(compiler, image, row->qualified_name),
        .file = file,
        .span = {file, row->begin, row->end},
        .flags = row->flags,
        .positional_count = row->positional_count,
        .positional_only_count = row->positional_only_count,
        .keyword_only_count = row->keyword_only_count,
        .parameter_count = row->parameter_count,
        .local_count = row->local_count,
        .free_count = row->free_count,
        .max_stack = row->max_stack,
        .cache_count = row->cache_count,
        .class_cell = row->class_cell,
        .captures = row->free_count ? &image->numbers[row->captures] : NULL,
        .instructions = &image->instructions[row->instructions.first],
        .spans = &image->spans[row->instructions.first],
        .instruction_count = row->instructions.count,
        .const_count = row->consts.count,
        .name_count = row->names.count,
        .handlers = row->handlers.count ? &image->handlers[row->handlers.first] : NULL,
        .handler_count = row->handlers.count,
        .module_name_count = row->module_names.count,
        .image = image,
        .row = row,
    };
    if (row->doc != NO_IMAGE_ENTRY) {
        Const *doc = ARENA_NEW(compiler->arena, Const);
        doc->kind = CONST_STRING;
        set_text(doc, image, row->doc);
        code->doc = doc;
    }
    return code;
}

static const Const *consts_at(Compiler *compiler, const Code *code, ImageList list) {
    const Image *image = code->image;
    Const *consts = ARENA_ARRAY(compiler->arena, Const, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        const ImageConst *row = &image->consts[list.first + i];
        Const *out = &consts[i];
        out->kind = (ConstKind)row->kind;
        switch (out->kind) {
        case CONST_INT:
            out->as.integer = row->value;
            break;
        case CONST_FLOAT:
            memcpy(&out->as.number, &row->value, sizeof out->as.number);
            break;
        case CONST_STRING:
            if (image->texts[row->value].length <= SHORT_TEXT)
                out->as.string.name = name_at(compiler, image, (uint32_t)row->value);
            /* fall through */
        case CONST_BIG_INT:
        case CONST_BYTES:
            set_text(out, image, (uint32_t)row->value);
            break;
        case CONST_TUPLE:
            out->as.tuple.items =
                consts_at(compiler, code, (ImageList){(uint32_t)row->value, row->count});
            out->as.tuple.count = row->count;
            break;
        case CONST_CODE:
            out->as.code = image_code(compiler, image, (uint32_t)row->value, code->file);
            break;
        default:
            break;
        }
    }
    return consts;
}

void image_complete(Compiler *compiler, Code *code) {
    const Image *image = code->image;
    const ImageCode *row = code->row;
    ImageList slots = {row->slot_names, row->local_count + row->free_count};
    code->slot_names = names_at(compiler, image, slots);
    code->names = names_at(compiler, image, row->names);
    code->module_names = names_at(compiler, image, row->module_names);
    code->consts = consts_at(compiler, code, row->consts);
    code->image = NULL;
}
