/* The number of the last error; for Linux. */
#ifndef NNC_ERRNO_H
#define NNC_ERRNO_H

int *__errno_location(void);
#define errno (*__errno_location())
#define ENOENT 2
#define EINTR 4
#define EEXIST 17
#define EINVAL 22

#endif
