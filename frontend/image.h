/* An image: compiled modules as constant tables, without a pointer between them.
 *
 * The prelude is compiled when nnc is built, and its image is part of the program: importing a
 * module reads no text. Instructions, spans and strings are used where they stand; a Code's names
 * and constants are made when it first runs, so that what isn't called costs next to nothing. */
#ifndef NNC_FRONTEND_IMAGE_H
#define NNC_FRONTEND_IMAGE_H

#include "frontend/bytecode.h"
#include "frontend/compile.h"
#include "support/buf.h"

/* A text of `Image.text`; names and string constants share them. */
typedef struct ImageText {
    uint32_t at, length;
    uint64_t hash;
} ImageText;

typedef struct ImageConst {
    uint32_t kind;  /* ConstKind */
    uint32_t count; /* a tuple's items */
    int64_t value;  /* an integer; a float's bits; the number of a text, a code or a first item */
} ImageConst;

/* Entries [first, first + count) of a table. */
typedef struct ImageList {
    uint32_t first, count;
} ImageList;

/* As in Code. Names are numbers of texts; NO_IMAGE_ENTRY: none. */
enum { NO_IMAGE_ENTRY = UINT32_MAX };
struct ImageCode {
    uint32_t name, qualified_name, begin, end, flags;
    uint32_t positional_count, positional_only_count, keyword_only_count, parameter_count;
    uint32_t local_count, free_count, max_stack, cache_count;
    int32_t class_cell;
    uint32_t doc;                  /* a text */
    uint32_t slot_names, captures; /* where they begin among the numbers */
    ImageList instructions, consts, names, handlers, module_names;
};

struct Image {
    const char *text;
    const ImageText *texts;
    const uint32_t *numbers; /* lists of names and of captured slots */
    const ImageConst *consts;
    const ImageCode *codes;
    const Instruction *instructions;
    const CodeSpan *spans; /* one an instruction */
    const HandlerRange *handlers;
};

/* A code of the image, all but its names and constants. */
Code *image_code(Compiler *compiler, const Image *image, uint32_t number, uint16_t file);
/* Completes such a code. */
void image_complete(Compiler *compiler, Code *code);

/* Writing (image_write.c). */
typedef struct ImageWriter {
    Interns *interns; /* of all the codes */
    Buf text;
    VEC(ImageText) texts;
    VEC(uint32_t) text_of; /* Name.id -> number + 1 */
    VEC(uint32_t) numbers;
    VEC(ImageConst) consts;
    VEC(ImageCode) codes;
    VEC(Instruction) instructions;
    VEC(CodeSpan) spans;
    VEC(HandlerRange) handlers;
} ImageWriter;

/* Adds a complete code with those inside it; returns its number. */
uint32_t image_add(ImageWriter *writer, const Code *code);
/* The tables, valid until more is added. */
Image image_view(const ImageWriter *writer);
void image_writer_free(ImageWriter *writer);

#endif
