/* To be preloaded: the first write to a terminal fails with EIO, the others do what they do. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

static int fails(int fd) {
    static atomic_int once;
    if (isatty(fd) != 1 || atomic_exchange(&once, 1) != 0) return 0;
    errno = EIO;
    return 1;
}

ssize_t write(int fd, const void* bytes, size_t size) {
    ssize_t (*const real)(int, const void*, size_t) =
        (ssize_t(*)(int, const void*, size_t))dlsym(RTLD_NEXT, "write");
    return fails(fd) ? -1 : real(fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
    ssize_t (*const real)(int, const struct iovec*, int) =
        (ssize_t(*)(int, const struct iovec*, int))dlsym(RTLD_NEXT, "writev");
    return fails(fd) ? -1 : real(fd, parts, count);
}
