/* `--tune`: schedules by measurement. */
#ifndef NNC_DRIVER_TUNE_H
#define NNC_DRIVER_TUNE_H

#include "codegen/codegen.h"
#include "codegen/schedule_book.h"
#include "driver/driver.h"

/* The file of schedules. NULL when reported. */
ScheduleBook *book_read(const char *path, Sources *sources);

/* Measures schedules of the program's contractions, and writes the file that the options name: what
 * was found beside what the file has of others. Returns what it says; NULL when reported. */
ScheduleBook *tune(const Options *options, const Program *program, const CodegenOptions *codegen,
                   Sources *sources, Arena *arena);

#endif
