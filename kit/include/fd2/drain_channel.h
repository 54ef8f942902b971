/*
 * fd2/drain_channel.h - a channel of the drain kit; include fd2/drain.h instead
 *
 * One state machine (drain_turn.h), driven in one of three ways: by the caller's loop
 * (attach_poll), by a thread of the channel's own (start), or by a loop of the backend's
 * (fd2_drain_start_on). Other threads never touch the read end: they set a bit in `requests` and
 * wake the drain, through the thread's own means or the loop's `ring`.
 *
 * drain_nap.h decides how long a read is delayed; drain_calls.h has the functions that hosts call.
 * What only the system can do is in drain_linux.h and drain_windows.h.
 */
#ifndef FD2_DRAIN_CHANNEL_H
#define FD2_DRAIN_CHANNEL_H

#include <stdlib.h>
#include <string.h>

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

/* Who drives a channel; set before RUNNING, constant then. */
#define FD2_DRIVE_THREAD 0u /* a thread of its own */
#define FD2_DRIVE_CALLER 1u /* the caller's loop */
#define FD2_DRIVE_LOOP 2u   /* the backend's loop */

/* Thousands may live at once: the order is that of least padding. */
struct fd2_channel {
    fd2_instance* instance;
    fd2_sink sink;
    fd2_drain_spec spec;        /* child_end under `lock`; read_end belongs to [drain] */
    const fd2_drain_loop* loop; /* FD2_DRIVE_LOOP; otherwise NULL */
    void* task;                 /* the loop's */

    /* Its lock is for state, child_end and driven, and never held during a callback; state and
     * driven are announced when they change. */
    fd2_drain_system system;
    uint32_t requests; /* FD2_DRAIN_ASK_*; atomic */
    uint8_t state;     /* enum fd2_drain_state */
    uint8_t driven;    /* a thread is to be joined, or the loop has not let go yet */
    uint8_t adopted;   /* came without a child end; constant */
    uint8_t drive;     /* FD2_DRIVE_* */

    /* [drain] only */
    uint8_t paused;
    uint8_t burst;     /* reads in a row, each soon after the other, up to FD2_DRAIN_BURST */
    uint8_t naps;      /* in a row, up to FD2_DRAIN_LASTING */
    uint8_t landed;    /* since the mark was set, nothing was found in transit any more */
    uint8_t failures;  /* of reads, in a row */
    uint32_t piece;    /* the least that a read of this burst brought */
    int64_t mark;      /* bytes still owed to finish(drain); -1 before it */
    int64_t last_read; /* before the mark: the last one that did not fill its buffer */
    int64_t awake;     /* no nap before this time: during one the object filled up */
    uint64_t gained;   /* bytes read since `last_read` */

    uint64_t reads, wakeups, short_reads; /* atomic, written by [drain] */
};

static void fd2_drain_count(uint64_t* counter) {
    /* Only the drain writes, so load and store suffice; they are atomic because info reads. */
    __atomic_store_n(counter, __atomic_load_n(counter, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

/* Wakes the drain. Called with the lock held: otherwise a start that fails, or the channel's end,
 * could meanwhile take away what is rung. */
static void fd2_drain_ring(const fd2_channel* c) {
    if (c->loop && (c->state == FD2_DRAIN_RUNNING || c->state == FD2_DRAIN_FINISHING)) {
        c->loop->ring(c->task);
    }
    fd2_drain_wake_thread(&c->system);
}

/* True if waiting for `c` would be waiting for the calling thread itself: it drives `c`, or it is
 * inside a callback of another channel that the same loop drives. (Callers' loops cannot be told
 * apart: they all count as one.) */
static int fd2_drain_is_mine(const fd2_channel* c) {
    const fd2_channel* current = fd2_drain_get_current();
    return current && (current == c || (c->drive != FD2_DRIVE_THREAD &&
                                        current->drive == c->drive && current->loop == c->loop));
}

static void fd2_drain_set_state(fd2_channel* c, uint8_t state) {
    fd2_drain_lock(&c->system);
    c->state = state;
    fd2_drain_announce(&c->system);
    fd2_drain_unlock(&c->system);
}

static int32_t fd2_drain_init(const fd2_host* host, fd2_instance** out, fd2_error* error) {
    if (!host || !out || host->struct_size < offsetof(fd2_host, log)) {
        return fd2_fail(error, FD2_E_INVALID, 0, "init", "no host table");
    }
    const int32_t failed = fd2_drain_prepare();
    if (failed != 0) return fd2_fail(error, FD2_E_RESOURCE, failed, "init", "thread-local storage");
    fd2_instance* instance = (fd2_instance*)calloc(1, sizeof(*instance));
    if (!instance) return fd2_fail(error, FD2_E_RESOURCE, FD2_DRAIN_NO_MEMORY, "init", "instance");
    const size_t known =
        host->struct_size < sizeof(fd2_host) ? host->struct_size : sizeof(fd2_host);
    memcpy(&instance->host, host, known);
    if (!FD2_HAS(host, fd2_host, log)) instance->host.log = NULL;
    if (!FD2_HAS(host, fd2_host, get_extension)) instance->host.get_extension = NULL;
    *out = instance;
    return FD2_OK;
}

FD2_DRAIN_HELPER int fd2_drain_is_busy(const fd2_instance* instance) {
    return __atomic_load_n(&instance->channels, __ATOMIC_ACQUIRE) != 0;
}

static int32_t fd2_drain_deinit(fd2_instance* instance) {
    if (!instance) return FD2_E_INVALID;
    if (fd2_drain_is_busy(instance)) return FD2_E_STATE;
    free(instance);
    return FD2_OK;
}

FD2_DRAIN_HELPER int32_t fd2_drain_open(fd2_instance* instance, const fd2_drain_spec* spec,
                                        const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    if (!instance || !out || !sink || sink->struct_size < offsetof(fd2_sink, reserve) ||
        !sink->on_bytes || !sink->on_end) {
        return fd2_fail(error, FD2_E_INVALID, 0, "open", "incomplete sink");
    }
    fd2_channel* c = (fd2_channel*)calloc(1, sizeof(*c));
    if (!c) return fd2_fail(error, FD2_E_RESOURCE, FD2_DRAIN_NO_MEMORY, "open", "channel");
    int32_t failed = fd2_drain_system_init(&c->system);
    if (failed != 0) {
        free(c);
        return fd2_fail(error, FD2_E_RESOURCE, failed, "open", "lock");
    }
    failed = fd2_drain_open_end(&c->system, spec);
    if (failed != 0) {
        fd2_drain_system_destroy(&c->system);
        free(c);
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "open", "event");
    }
    c->instance = instance;
    memcpy(&c->sink, sink,
           sink->struct_size < sizeof(fd2_sink) ? sink->struct_size : sizeof(fd2_sink));
    if (!FD2_HAS(sink, fd2_sink, reserve)) c->sink.reserve = NULL;
    c->spec = *spec;
    c->adopted = spec->child_end == FD2_NATIVE_NONE;
    c->paused = spec->paused != 0;
    c->drive = FD2_DRIVE_THREAD;
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
    info.threads_per_channel =
        c->drive == FD2_DRIVE_THREAD && !(c->spec.caps & FD2_CAP_EVENT_LOOP) ? 1 : 0;
    info.flags = c->spec.flags;
    memcpy(out, &info, info.struct_size);
    return FD2_OK;
}

#endif /* FD2_DRAIN_CHANNEL_H */
