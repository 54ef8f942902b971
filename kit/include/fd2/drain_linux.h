/*
 * fd2/drain_linux.h - what the drain kit asks of Linux; include fd2/drain.h instead
 *
 * A thread of a channel's own waits with ppoll on the read end and on an eventfd. That works for
 * every kind of object and disturbs no writer.
 */
#ifndef FD2_DRAIN_LINUX_H
#define FD2_DRAIN_LINUX_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define FD2_DRAIN_NO_MEMORY ENOMEM

/* A writer can be slowed down by our wake-ups, and a timer of 50 us is kept: see drain_nap.h. */
#define FD2_DRAIN_NAPS 1

/* What a channel has of the system's. */
typedef struct fd2_drain_system {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC */
    pthread_t thread;
    int wake; /* eventfd of a thread; otherwise -1 */
} fd2_drain_system;

/* The channel that the calling thread is driving at this moment.
 *
 * initial-exec: it lies in the static TLS block, which is allocated with the thread. Otherwise
 * glibc allocates the thread-local memory of a library that was loaded with dlopen when a thread
 * first uses it, here at a child's first byte, and ends the process if there is no memory. The
 * block has about 1.6 KiB for such libraries; dlopen fails when that is used up. */
static __thread const fd2_channel* fd2_drain_current __attribute__((tls_model("initial-exec")));

static const fd2_channel* fd2_drain_get_current(void) {
    return fd2_drain_current;
}

static void fd2_drain_set_current(const fd2_channel* c) {
    fd2_drain_current = c;
}

/* What the process needs once: nothing. */
static int32_t fd2_drain_prepare(void) {
    return 0;
}

static int64_t fd2_drain_clock(void) {
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static struct timespec fd2_drain_timespec(int64_t ns) {
    struct timespec ts;
    if (ns < 0) ns = 0;
    ts.tv_sec = (time_t)(ns / INT64_C(1000000000));
    ts.tv_nsec = (long)(ns % INT64_C(1000000000));
    return ts;
}

static int32_t fd2_drain_system_init(fd2_drain_system* system) {
    system->wake = -1;
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (failed == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        failed = pthread_cond_init(&system->changed, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    if (failed == 0) {
        failed = pthread_mutex_init(&system->lock, NULL);
        if (failed != 0) (void)pthread_cond_destroy(&system->changed);
    }
    return failed;
}

static void fd2_drain_system_destroy(fd2_drain_system* system) {
    if (system->wake >= 0) (void)close(system->wake);
    (void)pthread_mutex_destroy(&system->lock);
    (void)pthread_cond_destroy(&system->changed);
}

static void fd2_drain_lock(fd2_drain_system* system) {
    (void)pthread_mutex_lock(&system->lock);
}

static void fd2_drain_unlock(fd2_drain_system* system) {
    (void)pthread_mutex_unlock(&system->lock);
}

static void fd2_drain_announce(fd2_drain_system* system) {
    (void)pthread_cond_broadcast(&system->changed);
}

/* Waits for an announcement; false if `deadline` came first. Under the lock. */
static int fd2_drain_await(fd2_drain_system* system, int64_t deadline) {
    if (deadline == INT64_MAX) return pthread_cond_wait(&system->changed, &system->lock) == 0;
    const struct timespec until = fd2_drain_timespec(deadline);
    return pthread_cond_timedwait(&system->changed, &system->lock, &until) != ETIMEDOUT;
}

/* Small: the host's callbacks need little, and thousands of channels may each have one. */
#define FD2_DRAIN_STACK (256u * 1024u)

/* Makes the thread and what wakes it. */
static int32_t fd2_drain_make_thread(fd2_drain_system* system, void* (*run)(void*), void* argument,
                                     const char* name, fd2_error* error) {
    system->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (system->wake < 0) {
        const int failed = errno;
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "eventfd", name);
    }
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed == 0) {
        sigset_t all, before;
        (void)sigfillset(&all);
        (void)pthread_attr_setstacksize(&attributes, FD2_DRAIN_STACK);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        failed = pthread_create(&system->thread, &attributes, run, argument);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attributes);
    }
    if (failed != 0) {
        (void)close(system->wake);
        system->wake = -1;
        return fd2_fail(error, FD2_E_RESOURCE, failed, "pthread_create", name);
    }
    return FD2_OK;
}

/* [the thread that was made] */
static void fd2_drain_begin_thread(const char* name) {
    (void)prctl(PR_SET_NAME, name, 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* the default, 50 us, would double every nap */
}

static void fd2_drain_join_thread(fd2_drain_system* system) {
    (void)pthread_join(system->thread, NULL);
}

static void fd2_drain_wake_thread(const fd2_drain_system* system) {
    const uint64_t one = 1;
    /* EAGAIN: the counter is full, so the drain wakes up anyway. An eventfd has no other failure
     * that matters here; but a lost wake-up would be a wait for ever, so the write is repeated. */
    for (int tries = 0; system->wake >= 0 && tries < FD2_DRAIN_TRIES; ++tries) {
        if (write(system->wake, &one, sizeof(one)) >= 0 || errno == EAGAIN) return;
    }
}

/* ---- the read end --------------------------------------------------------------------------- */

static void fd2_drain_close_end(fd2_native end, uint32_t medium) {
    (void)medium;
    if (end != FD2_NATIVE_NONE) (void)close((int)end);
}

/* Nothing is pending on a read end between two reads. */
static int32_t fd2_drain_open_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)system;
    (void)spec;
    return 0;
}

static void fd2_drain_disarm_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)system;
    (void)spec;
}

/* What a caller's loop watches for reading. */
static fd2_native fd2_drain_watchable(const fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)system;
    return spec->read_end;
}

static void fd2_drain_arm_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)system;
    (void)spec;
}

/* Reads without waiting: how many bytes, 0 at the end of the file, or FD2_DRAIN_READ_*. */
static int64_t fd2_drain_read(fd2_drain_system* system, const fd2_drain_spec* spec, uint8_t* buffer,
                              uint32_t space, int32_t* sys_errno) {
    (void)system;
    ssize_t got;
    do {
        got = read((int)spec->read_end, buffer, space);
    } while (got < 0 && errno == EINTR);
    if (got >= 0) return got;
    *sys_errno = errno;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return FD2_DRAIN_READ_EMPTY;
    if (errno == EIO && spec->medium == FD2_MEDIUM_PTY) return FD2_DRAIN_READ_HUNG_UP;
    return FD2_DRAIN_READ_FAILED;
}

/* How many bytes a read would find; -1: unknown. */
static int64_t fd2_drain_readable(const fd2_drain_spec* spec) {
    int pending = 0;
    return ioctl((int)spec->read_end, FIONREAD, &pending) == 0 ? pending : -1;
}

/* Waits until the thread is woken, or there is something to read (if `for_reading`), or `deadline`
 * (-1: none). `failures` counts those of the wait, in a row. */
static void fd2_drain_wait(fd2_drain_system* system, const fd2_drain_spec* spec, int for_reading,
                           int64_t deadline, unsigned* failures) {
    struct pollfd waiting[2] = {{system->wake, POLLIN, 0}, {(int)spec->read_end, POLLIN, 0}};
    struct timespec left;
    if (deadline >= 0) left = fd2_drain_timespec(deadline - fd2_drain_clock());
    const int ready = ppoll(waiting, for_reading ? 2 : 1, deadline >= 0 ? &left : NULL, NULL);
    if (ready < 0 && errno != EINTR) {
        /* No memory, or a limit of open files below 2. A turn is allowed at any time, so take
         * one now and then until ppoll works again. */
        const struct timespec pause = fd2_drain_timespec(FD2_DRAIN_RETRY_NS << *failures);
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
        if (*failures < FD2_DRAIN_TRIES - 1) ++*failures;
        return;
    }
    *failures = 0;
    if (ready > 0 && waiting[0].revents) {
        uint64_t rung;
        if (read(system->wake, &rung, sizeof(rung)) < 0) return; /* no ring was left to take */
    }
}

#endif /* FD2_DRAIN_LINUX_H */
