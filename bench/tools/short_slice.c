/* Runs a program with a slice of 0.1 ms instead of the scheduler's usual one (3 ms), which wakes it
 * up sooner on a busy machine (Linux 6.12 and later; before, it is ignored).
 *
 *   short_slice COMMAND [ARG...]
 */
#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 2) return 2;
    struct sched_attr given;
    if (syscall(SYS_sched_getattr, 0, &given, sizeof(given), 0) != 0) {
        perror("sched_getattr");
        return 3;
    }
    given.sched_runtime = 100000;
    if (syscall(SYS_sched_setattr, 0, &given, 0) != 0) {
        perror("sched_setattr");
        return 3;
    }
    execvp(argv[1], argv + 1);
    perror(argv[1]);
    return 127;
}
