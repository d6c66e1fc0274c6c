/* Contractions and schedules as text, by which one run of nnc tells another what it has chosen.
 *
 * A key says all that the choice of a schedule rests on: the result's dims and the summed ones, how
 * they move along the operands and the result, padding, pooling in registers, what is packed ahead
 * of the run, the target and the precision class:
 *
 *   conv float32 n 8 oc 64 oh 56 ow 56 sum ic 64 kh 3 kw 3,
 *   a 200704 0 56 1 3136 56 1 at 0..7/8 0..63/64 -1..56/56 -1..56/56,
 *   b 0 576 0 0 9 3 1 ahead, y 200704 3136 56 1, avx512, highest
 *
 * A schedule is a JSON object of one line; what it leaves out is false, 1 or none:
 *
 *   {"lane": "ow", "lanes": 16, "vectors": 2, "of": "a", "tile": {"oc": 12},
 *    "order": ["n", "ow", "oh", "oc"]} */
#ifndef NNC_CODEGEN_SCHEDULE_TEXT_H
#define NNC_CODEGEN_SCHEDULE_TEXT_H

#include "codegen/schedule.h"

struct cJSON;

void schedule_key(Buf *out, const Contraction *c, const ScheduleRequest *request);
void schedule_json(Buf *out, const Contraction *c, const Schedule *s);
/* The reverse. False with a message; what is read may still be impossible (schedule_check()). */
bool schedule_parse(const struct cJSON *json, const Contraction *c, Schedule *s, Buf *error);

#endif
