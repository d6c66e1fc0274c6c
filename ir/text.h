/* The IR's text form, printed and parsed back exactly; JSON and Graphviz forms.
 *
 *   graph @forward(%0 "x": f32[1,1,32,32] data 0, %1 "conv1.weight": f32[6,1,5,5] param 0) {
 *     %2 = conv(%0, %1) {stride=[1,1], lo=[0,0], hi=[0,0], dilation=[1,1], groups=1} :
 * f32[1,6,28,28] "conv1" lenet.nn:17:13 %3 = const() {data=[0.5]} : f32[] return %2 "output", %1
 * "conv1.weight" updates 1
 *   }
 *
 * The type after the colon stands for the attributes `shape` and `dtype`, which are not printed;
 * an op with several results lists their types. Elements of a constant are a list, or, when there
 * are many, their bytes in hexadecimal ("0x..."). Inputs are numbered first, other nodes from
 * there.
 * `again` before the op marks a node that computes another one's value later. `//` starts a
 * comment. */
#ifndef NNC_IR_TEXT_H
#define NNC_IR_TEXT_H

#include "ir/graph.h"
#include "ir/program.h"

void graph_print(Buf *out, const Graph *graph, const Sources *sources);
/* NULL with `file:line:col: error:` reports on `sources` when the text is not a valid graph. */
Graph *graph_parse(Arena *arena, Sources *sources, uint16_t file);
void program_print(Buf *out, const Program *program);
void program_json(Buf *out, const Program *program);
/* The program of a JSON text, in `arena`; places are found in the sources that are registered. NULL
 * with a message when the text is no valid program. */
Program *program_from_json(Arena *arena, Sources *sources, const char *text, size_t size,
                           Buf *error);
void graph_dot(Buf *out, const Graph *graph);

#endif
