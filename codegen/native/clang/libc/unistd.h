/* What emitted programs use of POSIX. */
#ifndef NNC_UNISTD_H
#define NNC_UNISTD_H

#include <stddef.h>

int close(int);
int fsync(int);
int getpid(void);
int isatty(int);
int unlink(const char *);

#endif
