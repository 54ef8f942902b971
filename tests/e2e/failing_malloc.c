// Preloaded: the allocation number FAIL_AT after a child's end was collected fails, once, and the
// file FAILED is made then.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern void* __libc_malloc(size_t size);

static const char* mark;
static long wanted;
static atomic_int armed;
static atomic_long left;

__attribute__((constructor)) static void read_environment(void) {
    const char* number = getenv("FAIL_AT");
    wanted = number ? atol(number) : 0;
    mark = getenv("FAILED");
}

int waitid(idtype_t kind, id_t id, siginfo_t* info, int options) {
    const int done = (int)syscall(SYS_waitid, kind, id, info, options, NULL);
    if (done == 0 && (options & WEXITED) && info->si_pid != 0 && !armed) {
        left = wanted;
        armed = 1;
    }
    return done;
}

void* malloc(size_t size) {
    if (armed && atomic_fetch_sub(&left, 1) == 0) {
        const int made = mark ? open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
        if (made >= 0) close(made);
        errno = ENOMEM;
        return NULL;
    }
    return __libc_malloc(size);
}
