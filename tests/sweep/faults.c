/*
 * Preloaded into fd2: makes chosen calls fail. Only the program that it was loaded into first is
 * meant, so it takes itself out of the environment; a command that fd2 runs is left alone.
 *
 *   FD2_FAULT_COUNT=FILE   16 bytes, shared: how many allocations there were, and how many calls
 * were made to fail FD2_FAULT_ALLOC=N[+]   the Nth allocation fails; with +, all from the Nth on
 *   FD2_FAULT_MEMORY=WHEN  in the threads of backends ("fd2-...") every allocation fails, from
 * their `start` or from the first `byte` on FD2_FAULT_READ=ERRNO   in the same threads every read
 * fails once a byte came FD2_FAULT_WAIT=ERRNO,N the same threads' first N ppolls fail
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* glibc's own, under the names that nobody interposes. */
void* __libc_malloc(size_t size);
void* __libc_calloc(size_t count, size_t size);
void* __libc_realloc(void* old, size_t size);
void* __libc_memalign(size_t alignment, size_t size);

static uint64_t own_counts[2];
static uint64_t* counts = own_counts; /* allocations, faults */
static uint64_t first_failing;        /* 0: none */
static int all_after;
static int backends_have_none; /* 1: from now on, 2: from the first byte on */
static int read_errno, wait_errno;
static long waits_to_fail;

__attribute__((constructor)) static void begin(void) {
    const char* text = getenv("FD2_FAULT_COUNT");
    if (text) {
        const int fd = open(text, O_RDWR | O_CLOEXEC);
        void* shared = mmap(NULL, sizeof(own_counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (fd < 0 || shared == MAP_FAILED) abort();
        close(fd);
        counts = (uint64_t*)shared;
    }
    counts[0] = counts[1] = 0; /* those of before main, and of a run before this one */
    if ((text = getenv("FD2_FAULT_READ"))) read_errno = atoi(text);
    if ((text = getenv("FD2_FAULT_WAIT"))) {
        char* rest;
        wait_errno = (int)strtol(text, &rest, 10);
        waits_to_fail = atol(rest + 1);
    }
    if ((text = getenv("FD2_FAULT_ALLOC"))) {
        char* rest;
        all_after = *(strtoull(text, &rest, 10), rest) == '+';
        __atomic_store_n(&first_failing, strtoull(text, NULL, 10), __ATOMIC_RELAXED);
    }
    unsetenv("LD_PRELOAD");
    unsetenv("FD2_FAULT_COUNT");
    if ((text = getenv("FD2_FAULT_MEMORY"))) backends_have_none = *text == 's' ? 1 : 2;
    unsetenv("FD2_FAULT_MEMORY");
    unsetenv("FD2_FAULT_READ");
    unsetenv("FD2_FAULT_WAIT");
    unsetenv("FD2_FAULT_ALLOC");
}

static int is_a_backends(void) {
    char name[16] = "";
    return prctl(PR_GET_NAME, name, 0, 0, 0) == 0 && strncmp(name, "fd2-", 4) == 0;
}

static void fail_with(int reason) {
    (void)__atomic_add_fetch(&counts[1], 1, __ATOMIC_RELAXED);
    errno = reason;
}

static int fails(void) {
    const uint64_t now = __atomic_add_fetch(&counts[0], 1, __ATOMIC_RELAXED);
    const uint64_t first = __atomic_load_n(&first_failing, __ATOMIC_RELAXED);
    const int due = first != 0 && (all_after ? now >= first : now == first);
    if (!due && !(backends_have_none == 1 && is_a_backends())) return 0;
    fail_with(ENOMEM);
    return 1;
}

void* malloc(size_t size) {
    return fails() ? NULL : __libc_malloc(size);
}
void* calloc(size_t count, size_t size) {
    return fails() ? NULL : __libc_calloc(count, size);
}
void* realloc(void* old, size_t size) {
    return fails() ? NULL : __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size) {
    return fails() ? NULL : __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size) {
    void* made = memalign(alignment, size);
    if (!made) return ENOMEM;
    *out = made;
    return 0;
}

/* One read of the child's stderr, in a thread of a backend. */
static ssize_t read_stderr(int fd, void* buffer, size_t size) {
    static int came;
    if (read_errno && __atomic_load_n(&came, __ATOMIC_RELAXED)) {
        fail_with(read_errno);
        return -1;
    }
    const ssize_t got = syscall(SYS_read, fd, buffer, size);
    if (got > 0 && got != 8) { /* 8 bytes are a bell's */
        __atomic_store_n(&came, 1, __ATOMIC_RELAXED);
        if (backends_have_none == 2) backends_have_none = 1;
    }
    return got;
}

ssize_t read(int fd, void* buffer, size_t size) {
    if ((read_errno || backends_have_none) && is_a_backends()) {
        return read_stderr(fd, buffer, size);
    }
    return syscall(SYS_read, fd, buffer, size);
}

int ppoll(struct pollfd* fds, nfds_t count, const struct timespec* limit, const sigset_t* mask) {
    if (wait_errno && is_a_backends() &&
        __atomic_fetch_sub(&waits_to_fail, 1, __ATOMIC_RELAXED) > 0) {
        fail_with(wait_errno);
        return -1;
    }
    struct timespec left;
    if (limit) left = *limit;
    return (int)syscall(SYS_ppoll, fds, count, limit ? &left : NULL, mask, 8);
}

/* What a build with FORTIFY_SOURCE calls instead. */
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t space);
ssize_t __read_chk(int fd, void* buffer, size_t size, size_t space) {
    if (size > space) abort();
    return read(fd, buffer, size);
}
int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* limit,
                const sigset_t* mask, size_t space);
int __ppoll_chk(struct pollfd* fds, nfds_t count, const struct timespec* limit,
                const sigset_t* mask, size_t space) {
    (void)space;
    return ppoll(fds, count, limit, mask);
}
