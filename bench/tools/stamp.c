/*
 * The command that a wrapper starts: says when its main was reached, and ends.
 *
 *   stamp FD    writes CLOCK_MONOTONIC in nanoseconds to FD, as one int64_t
 *   stamp       only ends
 */
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char** argv) {
    struct timespec present;
    clock_gettime(CLOCK_MONOTONIC, &present);
    if (argc > 1) {
        const int64_t ns = (int64_t)present.tv_sec * 1000000000 + present.tv_nsec;
        if (write(atoi(argv[1]), &ns, sizeof ns) != (ssize_t)sizeof ns) _exit(1);
    }
    _exit(0);
}
