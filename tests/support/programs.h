/* Small whole programs built by hand, for tests of codegen: an MLP and LeNet, each with forward,
 * backward, train step (cross entropy, SGD with momentum) and init. */
#ifndef NNC_TESTS_PROGRAMS_H
#define NNC_TESTS_PROGRAMS_H

#include "ir/program.h"

/* 6 -> 5 -> 3 with relu. Forward sees `batch` items, the train step `train_batch`. */
Program *program_mlp(Arena *arena, int64_t batch, int64_t train_batch);
/* The tutorial's network on 1x32x32 images. */
Program *program_lenet(Arena *arena, int64_t batch, int64_t train_batch);
/* Values for params and buffers, some numbers near zero: the array that program->weights is. */
const void *const *program_weights(Program *program, Arena *arena);
/* Frees the graphs' growing arrays. */
void program_free(Program *program);

#endif
