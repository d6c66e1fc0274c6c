/* Codes to an image. What a code names is added before it. */
#include "frontend/image.h"

#include <string.h>

static uint32_t add_text(ImageWriter *writer, const char *bytes, size_t length) {
    const Name *name = intern(writer->interns, bytes, length);
    while (writer->text_of.count <= name->id)
        VEC_PUSH(writer->text_of, 0);
    uint32_t *number = &writer->text_of.items[name->id];
    if (*number == 0) {
        VEC_PUSH(writer->texts,
                 (ImageText){(uint32_t)writer->text.size, (uint32_t)length, name->hash});
        buf_add(&writer->text, bytes, length);
        buf_putc(&writer->text, '\0');
        *number = (uint32_t)writer->texts.count;
    }
    return *number - 1;
}

static uint32_t add_name(ImageWriter *writer, const Name *name) {
    return name ? add_text(writer, name->text, name->length) : NO_IMAGE_ENTRY;
}

static ImageList add_names(ImageWriter *writer, Name *const *names, uint32_t count) {
    ImageList list = {(uint32_t)writer->numbers.count, count};
    for (uint32_t i = 0; i < count; i++)
        VEC_PUSH(writer->numbers, add_name(writer, names[i]));
    return list;
}

static ImageList add_consts(ImageWriter *writer, const Const *consts, size_t count) {
    VEC(ImageConst) rows = {0};
    for (size_t i = 0; i < count; i++) {
        const Const *c = &consts[i];
        ImageConst row = {.kind = c->kind};
        switch (c->kind) {
        case CONST_INT:
            row.value = c->as.integer;
            break;
        case CONST_FLOAT:
            memcpy(&row.value, &c->as.number, sizeof row.value);
            break;
        case CONST_BIG_INT:
        case CONST_STRING:
        case CONST_BYTES:
            row.value = add_text(writer, c->as.string.bytes, c->as.string.length);
            break;
        case CONST_TUPLE: {
            ImageList items = add_consts(writer, c->as.tuple.items, c->as.tuple.count);
            row.value = items.first;
            row.count = items.count;
            break;
        }
        case CONST_CODE:
            row.value = image_add(writer, c->as.code);
            break;
        default:
            break;
        }
        VEC_PUSH(rows, row);
    }
    ImageList list = {(uint32_t)writer->consts.count, (uint32_t)count};
    for (size_t i = 0; i < count; i++)
        VEC_PUSH(writer->consts, rows.items[i]);
    VEC_FREE(rows);
    return list;
}

static void add_instructions(ImageWriter *writer, const Code *code, ImageCode *row) {
    row->instructions = (ImageList){(uint32_t)writer->instructions.count, code->instruction_count};
    row->handlers = (ImageList){(uint32_t)writer->handlers.count, code->handler_count};
    for (uint32_t i = 0; i < code->instruction_count; i++) {
        VEC_PUSH(writer->instructions, code->instructions[i]);
        VEC_PUSH(writer->spans, code->spans[i]);
    }
    for (uint32_t i = 0; i < code->handler_count; i++)
        VEC_PUSH(writer->handlers, code->handlers[i]);
}

uint32_t image_add(ImageWriter *writer, const Code *code) {
    ImageCode row = {
        .begin = code->span.begin,
        .end = code->span.end,
        .flags = code->flags,
        .positional_count = code->positional_count,
        .positional_only_count = code->positional_only_count,
        .keyword_only_count = code->keyword_only_count,
        .parameter_count = code->parameter_count,
        .local_count = code->local_count,
        .free_count = code->free_count,
        .max_stack = code->max_stack,
        .cache_count = code->cache_count,
        .class_cell = code->class_cell,
        .doc = NO_IMAGE_ENTRY,
    };
    const Const *doc = code->doc;
    row.name = add_name(writer, code->name);
    row.qualified_name = add_name(writer, code->qualified_name);
    if (doc) row.doc = add_text(writer, doc->as.string.bytes, doc->as.string.length);
    uint32_t slots = code->local_count + code->free_count;
    row.slot_names = add_names(writer, code->slot_names, slots).first;
    row.names = add_names(writer, code->names, code->name_count);
    row.module_names = add_names(writer, code->module_names, code->module_name_count);
    row.consts = add_consts(writer, code->consts, code->const_count);
    row.captures = (uint32_t)writer->numbers.count;
    for (uint32_t i = 0; i < code->free_count; i++)
        VEC_PUSH(writer->numbers, code->captures[i]);
    add_instructions(writer, code, &row);
    VEC_PUSH(writer->codes, row);
    return (uint32_t)writer->codes.count - 1;
}

Image image_view(const ImageWriter *writer) {
    return (Image){
        .text = buf_text(&writer->text),
        .texts = writer->texts.items,
        .numbers = writer->numbers.items,
        .consts = writer->consts.items,
        .codes = writer->codes.items,
        .instructions = writer->instructions.items,
        .spans = writer->spans.items,
        .handlers = writer->handlers.items,
    };
}

void image_writer_free(ImageWriter *writer) {
    buf_free(&writer->text);
    VEC_FREE(writer->texts);
    VEC_FREE(writer->text_of);
    VEC_FREE(writer->numbers);
    VEC_FREE(writer->consts);
    VEC_FREE(writer->codes);
    VEC_FREE(writer->instructions);
    VEC_FREE(writer->spans);
    VEC_FREE(writer->handlers);
}
