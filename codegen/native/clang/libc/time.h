/* The monotonic clock; for 64-bit Linux. */
#ifndef NNC_TIME_H
#define NNC_TIME_H

typedef long time_t;
struct timespec {
    time_t tv_sec;
    long tv_nsec;
};
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
int clock_gettime(int, struct timespec *);
time_t time(time_t *);

#endif
