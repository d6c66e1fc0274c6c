/* What the text forms share: spelled roles, numbers and quotes. */
#ifndef NNC_IR_TEXT_NAMES_H
#define NNC_IR_TEXT_NAMES_H

#include "ir/program.h"

enum { ROLE_COUNT = ROLE_KEY + 1, FUNCTION_COUNT = FUNCTION_INIT + 1 };
extern const char *const ROLE_NAMES[ROLE_COUNT];
extern const char *const FUNCTION_NAMES[FUNCTION_COUNT];
/* Integers up to this size are numbers in JSON. */
static const int64_t JSON_EXACT = INT64_C(1) << 53;

/* The number that each node has in text: inputs first, then the others in order. */
uint32_t *text_numbers(const Graph *graph, Arena *arena);
/* The text in double quotes, with \" \\ and \xNN for control characters. */
void text_quote(Buf *out, const char *text);
/* The shortest spelling that reads back as the same number of that type. */
void text_float(Buf *out, DType dtype, double value);
/* Whether a constant's elements are spelled one by one, few and exactly, or as bytes. */
bool text_lists(const Type *type, const Attr *attr);
void text_hex(Buf *out, const Attr *attr);

/* What the readers share. */
/* Appends an element; false when the integer doesn't fit the type. */
bool text_pack_int(Buf *bytes, DType dtype, int64_t value);
void text_pack_float(Buf *bytes, DType dtype, double value);
/* Appends the bytes that hexadecimal digits spell, up to the first other character, which is
 * returned; NULL when they are no elements of that type. */
const char *text_unhex(Buf *bytes, DType dtype, const char *digits);
/* A place of a registered source; no span when there is none. */
Span text_place(const Sources *sources, const char *path, size_t path_length, uint64_t line,
                uint64_t column);

#endif
