// Tells a program a date that is HABEAS_TEST_SKEW seconds off, as a machine whose clock was never set does.
// Loaded with LD_PRELOAD; the clock that only goes forward is left alone.
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    long done = syscall(SYS_clock_gettime, clock, time);
    const char *skew = getenv("HABEAS_TEST_SKEW");
    if (done == 0 && skew && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        time->tv_sec += atol(skew);
    return (int)done;
}
