/* What the text forms share: spelled roles, numbers and quotes. */
#ifndef NNC_IR_TEXT_NAMES_H
#define NNC_IR_TEXT_NAMES_H

#include "ir/graph.h"

enum { ROLE_COUNT = ROLE_KEY + 1 };
extern const char *const ROLE_NAMES[ROLE_COUNT];

/* The number that each node has in text: inputs first, then the others in order. */
uint32_t *text_numbers(const Graph *graph, Arena *arena);
/* The text in double quotes, with \" \\ and \xNN for control characters. */
void text_quote(Buf *out, const char *text);
/* The shortest spelling that reads back as the same number of that type. */
void text_float(Buf *out, DType dtype, double value);

#endif
