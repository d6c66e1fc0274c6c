/* The one way text gets into generated files.
 *
 * emit_text and emit_line take text of our own; names, strings, comments and numbers that come from
 * the input go through a typed sink, which makes them harmless. Lines are indented by the emitter.
 */
#ifndef NNC_CODEGEN_EMIT_H
#define NNC_CODEGEN_EMIT_H

#include "ir/type.h"
#include "support/arena.h"
#include "support/buf.h"

typedef struct Emitter {
    Buf *out;
    int indent; /* levels of four spaces */
    bool in_line;
} Emitter;

/* Our own text, printf-style; newlines inside start indented lines. */
void emit_text(Emitter *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same as a whole line. A format that ends in "{" opens a level, one that starts with "}"
 * closes one. */
void emit_line(Emitter *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Pieces of our own within a line, and its end: emit_text() without its cost. */
#define emit_literal(e, text) emit_piece((e), (text), sizeof(text) - 1)
static inline void emit_piece(Emitter *e, const char *text, size_t size);
static inline void emit_newline(Emitter *e);
void emit_decimal(Emitter *e, long long value);
/* A local's name: "v12". */
void emit_numbered(Emitter *e, char letter, int number);
/* Before the first character of a line. */
void emit_indent(Emitter *e);
/* A name that must be a C identifier already (made by c_identifier or by us). */
void emit_ident(Emitter *e, const char *name);
/* A string literal with its quotes; any bytes. */
void emit_c_string(Emitter *e, const char *bytes, size_t size);
/* Whether the name of a file can stand in an #include. */
bool emit_can_include(const char *name);
/* A comment on lines of its own; text is wrapped, control characters and the end mark are replaced.
 */
void emit_comment(Emitter *e, const char *text);
/* The same within a line. */
void emit_inline_comment(Emitter *e, const char *text);
/* A constant of the dtype that reads back as exactly the value: 0.5f, 1e-05, INT64_C(7), 3. */
void emit_number(Emitter *e, DType dtype, double value); /* halves: their bits */
void emit_element(Emitter *e, DType dtype, const void *elements, int64_t index);
void emit_integer(Emitter *e, DType dtype, int64_t value);

/* A C11 and C++ identifier made from any text: other characters become '_', a leading digit gets
 * one before it, keywords and reserved names one after it. Never empty. */
char *c_identifier(Arena *arena, const char *text);

static inline void emit_piece(Emitter *e, const char *text, size_t size) {
    if (!e->in_line) emit_indent(e);
    buf_add(e->out, text, size);
}

static inline void emit_newline(Emitter *e) {
    e->in_line = true; /* an empty line has no indentation */
    emit_piece(e, "\n", 1);
    e->in_line = false;
}

#endif
