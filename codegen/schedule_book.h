/* A file of schedules: what contractions are to be run by instead of the model's choices.
 *
 *   {"format": "nnc schedules 1",
 *    "schedules": {KEY: SCHEDULE, ...}}      (schedule_text.h)
 *
 * `nnc --emit=schedules` and `nnc --tune` write it, by keys in the order of their bytes. Keys that
 * a network doesn't have are passed over: one file may serve several networks and targets. */
#ifndef NNC_CODEGEN_SCHEDULE_BOOK_H
#define NNC_CODEGEN_SCHEDULE_BOOK_H

#include "codegen/schedule.h"

typedef struct ScheduleBook ScheduleBook;

/* NULL with a message when it is no such file. The name is for messages, and is kept. */
ScheduleBook *schedule_book_parse(const char *name, const char *text, size_t size, Buf *error);
const char *schedule_book_name(const ScheduleBook *book);
void schedule_book_free(ScheduleBook *book);

typedef enum BookAnswer {
    BOOK_HAS_NONE,
    BOOK_HAS,
    BOOK_IS_WRONG, /* it has one that is impossible; why was said */
} BookAnswer;

/* What the book says about the contraction of that key. */
BookAnswer schedule_book_find(const ScheduleBook *book, const char *key, const Contraction *c,
                              const ScheduleRequest *request, Schedule *out, Buf *why);

/* A line of a book that is being written; of several of one key the last counts. */
typedef struct BookLine {
    const char *key, *schedule;
} BookLine;

/* What the lines say, and for other keys the book (which may be NULL). */
void schedule_book_print(Buf *out, const ScheduleBook *book, const BookLine *lines, size_t count);

#endif
