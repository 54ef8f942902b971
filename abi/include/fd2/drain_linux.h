/*
 * fd2/drain_linux.h - the drain kit on Linux; include fd2/drain.h instead
 *
 * One state machine, fd2_drain_on_ready, in two hands: the caller's loop (attach_poll), or a thread
 * of the channel's own (start) that waits with ppoll on the read end and on an eventfd. Other
 * threads never touch the read end: they set a bit in `requests` and ring the eventfd. That wakes a
 * reader of any kind of object and disturbs no writer.
 */
#ifndef FD2_DRAIN_LINUX_H
#define FD2_DRAIN_LINUX_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum fd2_drain_state {
    FD2_DRAIN_OPEN,
    FD2_DRAIN_RUNNING,
    FD2_DRAIN_FINISHING,
    FD2_DRAIN_ENDED,
    FD2_DRAIN_JOINED,
    FD2_DRAIN_RELEASED
};

/* What other threads ask of the drain. */
#define FD2_DRAIN_ASK_PERMIT 1u
#define FD2_DRAIN_ASK_DRAIN 2u
#define FD2_DRAIN_ASK_NOW 4u
#define FD2_DRAIN_ASK_RELEASE 8u

/* An answer of on_ready to the channel's own thread only: released at a read boundary. */
#define FD2_DRAIN_LET_GO 100

/* Small: the host's callbacks need little, and thousands of channels may each have one. */
#define FD2_DRAIN_STACK (256u * 1024u)

struct fd2_channel {
    fd2_instance* instance;
    fd2_sink sink;
    fd2_drain_spec spec; /* child_end under `lock`; read_end belongs to [drain] */
    uint32_t adopted;    /* came without a child end */
    uint32_t polled;     /* set before RUNNING, constant then */
    int wake;            /* eventfd; -1 in polled mode */

    pthread_mutex_t lock;   /* state, child_end, thread_made; never held during a callback */
    pthread_cond_t changed; /* state changed; CLOCK_MONOTONIC */
    int state;
    uint32_t thread_made; /* `thread` is to be joined */
    pthread_t thread;

    uint32_t requests; /* FD2_DRAIN_ASK_*; atomic */

    /* [drain] only */
    int64_t mark; /* bytes still owed to finish(drain); -1 before it */
    int64_t last_read;
    uint32_t paused;
    uint32_t napped; /* the coming read was put off */

    uint64_t reads, wakeups, short_reads; /* atomic, written by [drain] */
};

/* The channel that the calling thread is driving at this moment. */
static __thread const fd2_channel* fd2_drain_current;

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

static void fd2_drain_count(uint64_t* counter) {
    /* One writer: a plain load and store, atomic only so that info may read beside it. */
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* Under `lock`, so that a start that fails never closes what is being rung. */
static void fd2_drain_ring(const fd2_channel* c) {
    const uint64_t one = 1;
    /* Fails only when the counter is full, and then it is already ringing. */
    if (c->wake >= 0 && write(c->wake, &one, sizeof(one)) < 0) return;
}

/* True where waiting for `c` would wait for the calling thread itself: it drives `c`, or it is a
 * loop's thread inside a callback of one polled channel and `c` is a polled one too. */
static int fd2_drain_is_mine(const fd2_channel* c) {
    const fd2_channel* current = fd2_drain_current;
    return current && (current == c || (current->polled && c->polled));
}

static void fd2_drain_set_state(fd2_channel* c, int state) {
    (void)pthread_mutex_lock(&c->lock);
    c->state = state;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->lock);
}

static int32_t fd2_drain_init(const fd2_host* host, fd2_instance** out, fd2_error* error) {
    if (!host || !out || host->struct_size < offsetof(fd2_host, log)) {
        return fd2_fail(error, FD2_E_INVALID, 0, "init", "no host table");
    }
    fd2_instance* instance = (fd2_instance*)calloc(1, sizeof(*instance));
    if (!instance) return fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "init", "instance");
    const size_t known =
        host->struct_size < sizeof(fd2_host) ? host->struct_size : sizeof(fd2_host);
    memcpy(&instance->host, host, known);
    if (!FD2_HAS(host, fd2_host, log)) instance->host.log = NULL;
    if (!FD2_HAS(host, fd2_host, get_extension)) instance->host.get_extension = NULL;
    *out = instance;
    return FD2_OK;
}

static int32_t fd2_drain_deinit(fd2_instance* instance) {
    if (!instance) return FD2_E_INVALID;
    if (__atomic_load_n(&instance->channels, __ATOMIC_ACQUIRE) != 0) return FD2_E_STATE;
    free(instance);
    return FD2_OK;
}

static int32_t fd2_drain_open(fd2_instance* instance, const fd2_drain_spec* spec,
                              const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    if (!instance || !out || !sink || sink->struct_size < offsetof(fd2_sink, reserve) ||
        !sink->on_bytes || !sink->on_end) {
        return fd2_fail(error, FD2_E_INVALID, 0, "open", "incomplete sink");
    }
    fd2_channel* c = (fd2_channel*)calloc(1, sizeof(*c));
    if (!c) return fd2_fail(error, FD2_E_RESOURCE, ENOMEM, "open", "channel");
    pthread_condattr_t attributes;
    int failed = pthread_condattr_init(&attributes);
    if (failed == 0) {
        (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        failed = pthread_cond_init(&c->changed, &attributes);
        (void)pthread_condattr_destroy(&attributes);
    }
    if (failed == 0) {
        failed = pthread_mutex_init(&c->lock, NULL);
        if (failed != 0) (void)pthread_cond_destroy(&c->changed);
    }
    if (failed != 0) {
        free(c);
        return fd2_fail(error, FD2_E_RESOURCE, failed, "open", "lock");
    }
    c->instance = instance;
    memcpy(&c->sink, sink,
           sink->struct_size < sizeof(fd2_sink) ? sink->struct_size : sizeof(fd2_sink));
    if (!FD2_HAS(sink, fd2_sink, reserve)) c->sink.reserve = NULL;
    c->spec = *spec;
    c->adopted = spec->child_end == FD2_NATIVE_NONE;
    c->paused = spec->paused;
    c->wake = -1;
    c->mark = -1;
    (void)__atomic_add_fetch(&instance->channels, 1, __ATOMIC_RELAXED);
    *out = c;
    return FD2_OK;
}

static int32_t fd2_drain_info(const fd2_channel* c, fd2_info* out) {
    if (!c || !out || out->struct_size < sizeof(uint32_t)) return FD2_E_INVALID;
    fd2_info info;
    memset(&info, 0, sizeof(info));
    info.struct_size = out->struct_size < sizeof(info) ? out->struct_size : (uint32_t)sizeof(info);
    info.medium = c->spec.medium;
    info.caps = c->spec.caps;
    info.capacity_bytes = c->spec.capacity_bytes;
    info.capacity_small_writes = c->spec.capacity_small_writes;
    info.reads = __atomic_load_n(&c->reads, __ATOMIC_RELAXED);
    info.wakeups = __atomic_load_n(&c->wakeups, __ATOMIC_RELAXED);
    info.short_reads = __atomic_load_n(&c->short_reads, __ATOMIC_RELAXED);
    info.threads_per_channel = c->polled ? 0 : 1;
    memcpy(out, &info, info.struct_size);
    return FD2_OK;
}

/* ---- [drain] -------------------------------------------------------------------------------- */

static int32_t fd2_drain_end(fd2_channel* c, int32_t reason, int32_t sys_errno) {
    c->sink.on_end(c->sink.ctx, reason, sys_errno);
    fd2_drain_set_state(c, FD2_DRAIN_ENDED);
    return FD2_READY_ENDED;
}

/* Every byte that a writer had written by now lies in the object or was read: a stream keeps order,
 * so this many bytes more contain them all. */
static int32_t fd2_drain_take_mark(fd2_channel* c) {
    int pending = 0;
    if (ioctl((int)c->spec.read_end, FIONREAD, &pending) != 0) return errno;
    c->mark = pending;
    c->paused = 0;
    c->napped = 0;
    return 0;
}

/* Whether the coming read had better wait. Only while small pieces keep coming (a writer that
 * writes line by line), and only while what gathers meanwhile stays below half the object's
 * capacity, so that the writer is not held up. */
static int fd2_drain_shall_nap(fd2_channel* c, size_t got) {
    const int64_t present = fd2_drain_clock();
    const int in_burst = present - c->last_read < FD2_DRAIN_BURST_NS;
    c->last_read = present;
    const uint64_t half = c->spec.capacity_bytes / 2;
    const uint64_t enough = c->napped && half > FD2_DRAIN_SMALL ? half : FD2_DRAIN_SMALL;
    c->napped = in_burst && got < enough;
    return c->napped != 0;
}

static int32_t fd2_drain_turn(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    uint8_t own[FD2_DRAIN_BUFFER];
    uint64_t delivered = 0;
    for (;;) {
        const uint32_t asked = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (asked & FD2_DRAIN_ASK_NOW) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        if (asked & FD2_DRAIN_ASK_DRAIN) {
            if (c->mark < 0) {
                const int32_t failed = fd2_drain_take_mark(c);
                if (failed) return fd2_drain_end(c, FD2_END_ERROR, failed);
            }
        } else {
            if (asked & FD2_DRAIN_ASK_RELEASE) return FD2_DRAIN_LET_GO;
            if (c->paused) {
                const uint32_t before =
                    __atomic_fetch_and(&c->requests, ~FD2_DRAIN_ASK_PERMIT, __ATOMIC_ACQ_REL);
                if (!(before & FD2_DRAIN_ASK_PERMIT)) return FD2_READY_PAUSED;
                c->paused = 0;
            }
        }
        if (delivered >= max_bytes) return FD2_READY_AGAIN;

        uint8_t* buffer = NULL;
        uint32_t room = 0;
        if (!c->sink.reserve || c->sink.reserve(c->sink.ctx, &buffer, &room) != FD2_OK || !room) {
            buffer = own;
            room = (uint32_t)sizeof(own);
        }
        const int at_mark = c->mark == 0; /* one last read tells EOF from a writer that remains */
        ssize_t got;
        do {
            got = read((int)c->spec.read_end, buffer, room);
        } while (got < 0 && errno == EINTR);
        fd2_drain_count(&c->reads);

        if (got == 0) return fd2_drain_end(c, FD2_END_EOF, 0);
        if (got < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                return fd2_drain_end(c, FD2_END_ERROR, errno);
            }
            if (c->mark >= 0) return fd2_drain_end(c, FD2_END_DRAINED, 0);
            c->napped = 0;
            return FD2_READY_WAIT;
        }
        if ((uint32_t)got < room) fd2_drain_count(&c->short_reads);
        if (c->mark >= 0) c->mark = got >= c->mark ? 0 : c->mark - got;
        delivered += (uint64_t)got;

        const int32_t verdict = c->sink.on_bytes(c->sink.ctx, buffer, (uint32_t)got);
        if (verdict == FD2_STOP) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        /* on_bytes itself may have asked: a caller's loop is told the end, not to wait. */
        const uint32_t since = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (since & FD2_DRAIN_ASK_NOW) continue;
        if (at_mark) return fd2_drain_end(c, FD2_END_DRAINED, 0);
        if (c->mark >= 0) continue;
        if (verdict == FD2_PAUSE) {
            c->paused = 1;
            continue;
        }
        if ((uint32_t)got == room) continue; /* a full buffer: most likely there is more */
        if (fd2_drain_shall_nap(c, (size_t)got)) {
            *deadline = c->last_read + FD2_DRAIN_NAP_NS;
            return FD2_READY_LATER;
        }
        if ((size_t)got < FD2_DRAIN_SMALL) return FD2_READY_WAIT; /* most likely empty now */
    }
}

static int32_t fd2_drain_drive(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    const fd2_channel* outer = fd2_drain_current;
    *deadline = -1;
    fd2_drain_current = c;
    const int32_t answer = fd2_drain_turn(c, max_bytes, deadline);
    fd2_drain_current = outer;
    return answer;
}

/* A finish that was accepted in the meantime wins: it is owed its on_end. */
static int fd2_drain_let_go(fd2_channel* c) {
    (void)pthread_mutex_lock(&c->lock);
    const int free_to_go = c->state == FD2_DRAIN_RUNNING;
    if (free_to_go) {
        c->state = FD2_DRAIN_RELEASED;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return free_to_go;
}

static void* fd2_drain_thread(void* argument) {
    fd2_channel* c = (fd2_channel*)argument;
    (void)prctl(PR_SET_NAME, c->spec.thread_name, 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* the default, 50 us, would double every nap */
    fd2_drain_current = c;
    for (;;) {
        int64_t deadline = -1;
        int32_t answer = fd2_drain_turn(c, UINT32_MAX, &deadline);
        if (answer == FD2_READY_ENDED) break;
        if (answer == FD2_DRAIN_LET_GO) {
            if (fd2_drain_let_go(c)) break;
            continue;
        }
        if (answer == FD2_READY_AGAIN) continue;
        struct pollfd waiting[2] = {{c->wake, POLLIN, 0}, {(int)c->spec.read_end, POLLIN, 0}};
        const nfds_t count = answer == FD2_READY_WAIT ? 2 : 1;
        struct timespec left;
        if (deadline >= 0) left = fd2_drain_timespec(deadline - fd2_drain_clock());
        const int ready = ppoll(waiting, count, deadline >= 0 ? &left : NULL, NULL);
        fd2_drain_count(&c->wakeups);
        if (ready < 0 && errno != EINTR) {
            (void)fd2_drain_end(c, FD2_END_ERROR, errno);
            break;
        }
        if (ready > 0 && waiting[0].revents) {
            uint64_t rung;
            if (read(c->wake, &rung, sizeof(rung)) < 0)
                continue; /* somebody else's ring: none left */
        }
    }
    return NULL;
}

/* ---- the contract's calls ------------------------------------------------------------------- */

/* Under `lock`: the thread cannot reach its end, nor anybody join it, before `thread` is known. */
static int32_t fd2_drain_make_thread(fd2_channel* c, fd2_error* error) {
    if (c->state != FD2_DRAIN_OPEN) return fd2_fail(error, FD2_E_STATE, 0, "start", "not open");
    const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake < 0) {
        const int failed = errno;
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "eventfd", c->spec.thread_name);
    }
    c->wake = wake;
    pthread_attr_t attributes;
    int failed = pthread_attr_init(&attributes);
    if (failed == 0) {
        sigset_t all, before;
        (void)sigfillset(&all);
        (void)pthread_attr_setstacksize(&attributes, FD2_DRAIN_STACK);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        failed = pthread_create(&c->thread, &attributes, fd2_drain_thread, c);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attributes);
    }
    if (failed != 0) {
        (void)close(c->wake);
        c->wake = -1;
        return fd2_fail(error, FD2_E_RESOURCE, failed, "pthread_create", c->spec.thread_name);
    }
    c->thread_made = 1;
    c->state = FD2_DRAIN_RUNNING;
    return FD2_OK;
}

static int32_t fd2_drain_start(fd2_channel* c, fd2_error* error) {
    if (!c) return fd2_fail(error, FD2_E_INVALID, 0, "start", "no channel");
    (void)pthread_mutex_lock(&c->lock);
    const int32_t answer = fd2_drain_make_thread(c, error);
    (void)pthread_mutex_unlock(&c->lock);
    return answer;
}

static int32_t fd2_drain_take_child_end(fd2_channel* c, fd2_native* out, fd2_error* error) {
    if (!c || !out) return fd2_fail(error, FD2_E_INVALID, 0, "take_child_end", "no channel");
    (void)pthread_mutex_lock(&c->lock);
    const int allowed = c->state <= FD2_DRAIN_RUNNING && c->spec.child_end != FD2_NATIVE_NONE;
    if (allowed) {
        *out = c->spec.child_end;
        c->spec.child_end = FD2_NATIVE_NONE;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (allowed) return FD2_OK;
    return fd2_fail(error, FD2_E_STATE, 0, "take_child_end", "taken, adopted or over");
}

static int32_t fd2_drain_resume(fd2_channel* c) {
    if (!c) return FD2_E_INVALID;
    const uint32_t before = __atomic_fetch_or(&c->requests, FD2_DRAIN_ASK_PERMIT, __ATOMIC_ACQ_REL);
    if (before & FD2_DRAIN_ASK_PERMIT) return FD2_OK;
    (void)pthread_mutex_lock(&c->lock);
    fd2_drain_ring(c);
    (void)pthread_mutex_unlock(&c->lock);
    return FD2_OK;
}

static int32_t fd2_drain_finish(fd2_channel* c, int32_t mode) {
    if (!c || (mode != FD2_FINISH_DRAIN && mode != FD2_FINISH_NOW)) return FD2_E_INVALID;
    (void)pthread_mutex_lock(&c->lock);
    const int state = c->state;
    int first = 0;
    if (state == FD2_DRAIN_RUNNING || state == FD2_DRAIN_FINISHING) {
        const uint32_t ask = mode == FD2_FINISH_NOW ? FD2_DRAIN_ASK_NOW : FD2_DRAIN_ASK_DRAIN;
        c->state = FD2_DRAIN_FINISHING;
        first = !(__atomic_fetch_or(&c->requests, ask, __ATOMIC_ACQ_REL) & ask);
        if (first) fd2_drain_ring(c);
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (state == FD2_DRAIN_OPEN || state == FD2_DRAIN_RELEASED) return FD2_E_STATE;
    if (!c->polled || !first) return FD2_OK;
    /* Polled: calls are serialised, so this thread is the drain for now. */
    if (mode == FD2_FINISH_NOW) {
        if (fd2_drain_current != c) {
            int64_t deadline;
            (void)fd2_drain_drive(c, 0, &deadline);
        }
    } else if (c->mark < 0) {
        (void)fd2_drain_take_mark(c); /* a failure shows itself again in on_ready */
    }
    return FD2_OK;
}

/* Takes the channel's own thread away once it has nothing left to do. Under `lock`. */
static void fd2_drain_reap(fd2_channel* c) {
    if (!c->thread_made) return;
    c->thread_made = 0;
    (void)pthread_mutex_unlock(&c->lock);
    (void)pthread_join(c->thread, NULL);
    (void)pthread_mutex_lock(&c->lock);
}

static int32_t fd2_drain_join(fd2_channel* c, int64_t deadline) {
    if (!c) return FD2_E_INVALID;
    if (fd2_drain_is_mine(c)) return FD2_E_WOULD_DEADLOCK;
    const struct timespec until = fd2_drain_timespec(deadline);
    int32_t answer = FD2_OK;
    (void)pthread_mutex_lock(&c->lock);
    if (c->state == FD2_DRAIN_OPEN || c->state == FD2_DRAIN_RELEASED ||
        (c->polled && c->state < FD2_DRAIN_ENDED)) {
        answer = FD2_E_STATE;
    }
    while (answer == FD2_OK && c->state != FD2_DRAIN_JOINED) {
        if (c->state == FD2_DRAIN_RELEASED) {
            answer = FD2_E_STATE;
        } else if (c->state == FD2_DRAIN_ENDED && (c->polled || c->thread_made)) {
            fd2_drain_reap(c);
            c->state = FD2_DRAIN_JOINED;
            (void)pthread_cond_broadcast(&c->changed);
        } else if (c->state == FD2_DRAIN_ENDED) {
            /* Somebody else is taking the thread away; that takes no time worth a deadline. */
            (void)pthread_cond_wait(&c->changed, &c->lock);
        } else if (pthread_cond_timedwait(&c->changed, &c->lock, &until) == ETIMEDOUT &&
                   c->state < FD2_DRAIN_ENDED) {
            answer = FD2_E_TIMEDOUT;
        }
    }
    (void)pthread_mutex_unlock(&c->lock);
    return answer;
}

static int32_t fd2_drain_close(fd2_channel* c) {
    if (!c) return FD2_E_INVALID;
    if (fd2_drain_is_mine(c)) return FD2_E_WOULD_DEADLOCK;
    (void)pthread_mutex_lock(&c->lock);
    const int state = c->state;
    (void)pthread_mutex_unlock(&c->lock);
    const int allowed = state == FD2_DRAIN_OPEN || state == FD2_DRAIN_JOINED ||
                        state == FD2_DRAIN_RELEASED || (c->polled && state == FD2_DRAIN_ENDED);
    if (!allowed) return FD2_E_STATE;
    if (c->spec.child_end != FD2_NATIVE_NONE) (void)close((int)c->spec.child_end);
    if (c->spec.read_end != FD2_NATIVE_NONE) (void)close((int)c->spec.read_end);
    if (c->wake >= 0) (void)close(c->wake);
    (void)pthread_mutex_destroy(&c->lock);
    (void)pthread_cond_destroy(&c->changed);
    (void)__atomic_sub_fetch(&c->instance->channels, 1, __ATOMIC_RELEASE);
    free(c);
    return FD2_OK;
}

/* ---- fd2.pollable/1 ------------------------------------------------------------------------- */

static int32_t fd2_drain_attach_poll(fd2_channel* c, fd2_native* out, fd2_error* error) {
    if (!c || !out) return fd2_fail(error, FD2_E_INVALID, 0, "attach_poll", "no channel");
    (void)pthread_mutex_lock(&c->lock);
    const int allowed = c->state == FD2_DRAIN_OPEN;
    if (allowed) {
        c->polled = 1;
        c->state = FD2_DRAIN_RUNNING;
        *out = c->spec.read_end;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (allowed) return FD2_OK;
    return fd2_fail(error, FD2_E_STATE, 0, "attach_poll", "not open");
}

static int32_t fd2_drain_on_ready(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    if (!c || !deadline || max_bytes == 0) return -FD2_E_INVALID;
    *deadline = -1;
    if (fd2_drain_current == c || !c->polled) return -FD2_E_STATE;
    (void)pthread_mutex_lock(&c->lock);
    const int state = c->state;
    (void)pthread_mutex_unlock(&c->lock);
    if (state == FD2_DRAIN_ENDED || state == FD2_DRAIN_JOINED) return FD2_READY_ENDED;
    if (state == FD2_DRAIN_RELEASED) return -FD2_E_STATE;
    fd2_drain_count(&c->wakeups);
    return fd2_drain_drive(c, max_bytes, deadline);
}

/* ---- fd2.handover/1 ------------------------------------------------------------------------- */

static int32_t fd2_drain_release(fd2_channel* c, fd2_carry* out, fd2_error* error) {
    if (!c || !out || out->struct_size < sizeof(*out)) {
        return fd2_fail(error, FD2_E_INVALID, 0, "release", "no channel or carry");
    }
    if (fd2_drain_is_mine(c)) {
        return fd2_fail(error, FD2_E_WOULD_DEADLOCK, 0, "release", "called by its own drain");
    }
    (void)pthread_mutex_lock(&c->lock);
    int allowed = c->state == FD2_DRAIN_RUNNING || (c->state == FD2_DRAIN_OPEN && c->adopted);
    if (allowed && c->state == FD2_DRAIN_RUNNING && !c->polled) {
        (void)__atomic_fetch_or(&c->requests, FD2_DRAIN_ASK_RELEASE, __ATOMIC_ACQ_REL);
        fd2_drain_ring(c);
        while (c->state < FD2_DRAIN_ENDED) (void)pthread_cond_wait(&c->changed, &c->lock);
        allowed = c->state == FD2_DRAIN_RELEASED; /* it may have ended or been finished meanwhile */
        if (allowed) fd2_drain_reap(c);
    } else if (allowed) {
        c->state = FD2_DRAIN_RELEASED;
    }
    allowed = allowed && c->spec.read_end != FD2_NATIVE_NONE; /* one of several takes it */
    if (allowed) {
        const uint32_t asked = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        out->medium = c->spec.medium;
        out->read = c->spec.read_end;
        out->flags = c->paused && !(asked & FD2_DRAIN_ASK_PERMIT) ? FD2_CARRY_PAUSED : 0;
        out->reserved0 = 0;
        c->spec.read_end = FD2_NATIVE_NONE;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!allowed) return fd2_fail(error, FD2_E_STATE, 0, "release", "not running");
    return FD2_OK;
}

#endif /* FD2_DRAIN_LINUX_H */
