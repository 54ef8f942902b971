/*
 * fd2/drain.h - the drain kit: what every backend over a readable descriptor has in common
 *
 * The kit implements the channel. A backend makes its kernel object, says what it can do
 * (fd2_drain_spec), calls fd2_drain_open, and publishes the kit's tables:
 *
 *     .channel = &fd2_drain_ops, .init = fd2_drain_init, .deinit = fd2_drain_deinit
 *     FD2_EXT_POLLABLE -> &fd2_drain_pollable
 *     FD2_EXT_HANDOVER -> a table of fd2_drain_release and the backend's own adopt
 *
 * The kit then does what the contract asks of a channel: states, permit, mark, wake, hand-over, the
 * thread. It also delays reads while a child writes line by line, which saves most of the wake-ups.
 *
 * Everything here is static: include it from one source file of the plugin. Plain C11, and C++.
 * Compile with -D_GNU_SOURCE, or include this first.
 */
#ifndef FD2_DRAIN_H
#define FD2_DRAIN_H

/* The kit calls ppoll and other functions that system headers declare only under _GNU_SOURCE;
 * called undeclared, they crash. */
#if defined(__linux__) && !defined(_GNU_SOURCE)
#if defined(_FEATURES_H)
#error "fd2/drain.h needs _GNU_SOURCE: compile with -D_GNU_SOURCE, or include it first"
#endif
#define _GNU_SOURCE 1
#endif

#include "fd2/abi.h"
#include "fd2/ext/handover.h"
#include "fd2/ext/pollable.h"

/* A backend need not use every table and every helper. */
#ifdef __cplusplus
#define FD2_DRAIN_TABLE __attribute__((unused)) static constexpr
#else
#define FD2_DRAIN_TABLE __attribute__((unused)) static const
#endif
#define FD2_DRAIN_HELPER __attribute__((unused)) static

/* For a medium in which a written byte is not readable at once: TCP. Must be static. */
typedef struct fd2_drain_transit {
    /* How many bytes writers have written that have not reached the read end yet: never too few;
     * negative if that is unknown. Called after finish(drain) only. [drain] */
    int64_t (*in_flight)(const fd2_instance* instance, fd2_native read_end);
} fd2_drain_transit;

/* What is specific to one channel of one backend. */
typedef struct fd2_drain_spec {
    const char* thread_name; /* at most 15 bytes; static */
    fd2_native read_end;     /* non-blocking, close-on-exec; owned by the channel on success only;
                              * on Windows overlapped: a pipe's if `medium` says so, or a socket */
    fd2_native child_end;    /* close-on-exec; likewise; FD2_NATIVE_NONE on an adopted channel */
    uint32_t medium;         /* FD2_MEDIUM_*; PTY: EIO of a read is the end of the file */
    uint32_t paused;         /* 1: starts paused (an adopted carry said so) */
    uint64_t caps;           /* FD2_CAP_* of this channel */
    uint64_t capacity_bytes;
    uint64_t capacity_small_writes;
    const fd2_drain_transit* transit; /* NULL: what was written can be read */
    int64_t settle_ns;   /* with `transit`: if that is unknown, finish(drain) ends after this long
                          * without a byte */
    uint32_t flags;      /* FD2_INFO_* of this channel */
    uint32_t own;        /* for the backend's own use in `start`; the kit does not read it */
    uint32_t page_bytes; /* the object stores bytes in pages of this size, as a pipe does; 0: not */
} fd2_drain_spec;

/* A read of fewer bytes has most likely emptied the object, so the next step is to wait. After a
 * larger one it is cheaper to read again: a writer with a stdio buffer sends a page at a time. */
#define FD2_DRAIN_SMALL 4096u

/* The nap: a read is delayed while small pieces keep coming, so that one wake-up fetches many of
 * them. Long enough to gather tens of lines, too short for a person or a protocol to notice. */
#define FD2_DRAIN_NAP_NS INT64_C(50000)

/* After this many naps in a row the stream is taken to be a long one, and naps are doubled: a
 * wake-up costs the same, however much it brings. */
#define FD2_DRAIN_LASTING 8u

/* A shorter nap gathers too little for what the timer costs. */
#define FD2_DRAIN_LEAST_NAP_NS INT64_C(20000)

/* Two reads closer than this belong to one burst of pieces. The first reads of a burst are never
 * delayed: they may be a single line, or a short message and the question that follows it. */
#define FD2_DRAIN_BURST_NS INT64_C(200000)
#define FD2_DRAIN_BURST 8u

/* A writer whose pieces are each read at once is slowed down by our wake-ups. Without them it is
 * up to this much faster, so the first nap is shorter by this factor. */
#define FD2_DRAIN_HELD_BACK 4

/* The assumed capacity of an object if it is unknown: a pipe's default (pipe(7)); every other
 * object holds more by default. */
#define FD2_DRAIN_LIKELY_CAPACITY 65536u

/* A nap during which the object filled up blocked the writer. It is followed by this many times its
 * length without a nap, so that such mistakes cost a writer at most a thousandth of its time. */
#define FD2_DRAIN_AWAKE 1000

/* A read that fails (mostly for lack of memory) is tried again this many times, first after this
 * long, then after twice as long each time: for a quarter of a second. Only then does the channel
 * end with an error. */
#define FD2_DRAIN_TRIES 8
#define FD2_DRAIN_RETRY_NS INT64_C(1000000)

/* How soon to ask again about bytes in transit if none has arrived meanwhile: where the loopback's
 * softirq was late, it was late by 0.02 to 5 ms. */
#define FD2_DRAIN_TRANSIT_NS INT64_C(1000000)

/* More than can be in transit: the largest send and receive buffers of a default Linux are 4 and
 * 32 MiB. Bounds a finish(drain) that has to settle while a writer floods. */
#define FD2_DRAIN_TRANSIT_MOST (INT64_C(64) << 20)

/* A pseudo-terminal: what was written goes through buffers that FIONREAD does not count, on its way
 * to the read end. A read that finds nothing waits for it first, so it proves that nothing is left.
 * 64 KiB is several times what Linux keeps there, about 20 KiB in all. */
#define FD2_DRAIN_PTY_UNSEEN 65536

/* What a pseudo-terminal holds at least; how much exactly depends on how fast the kernel empties
 * those buffers. */
#define FD2_DRAIN_PTY_CAPACITY 8192u

/* The buffer used if the sink offers no memory. On the stack: no channel owns a buffer. */
#define FD2_DRAIN_BUFFER 16384u

/* A host's use of the backend: what init makes. A backend reads `host` and owns `own`. */
struct fd2_instance {
    fd2_host host;     /* copied; absent members are NULL */
    uint32_t channels; /* the kit's: those not closed yet; atomic */
    void* own;         /* the backend's; NULL from fd2_drain_init; freed before fd2_drain_deinit */
};

static int32_t fd2_drain_init(const fd2_host* host, fd2_instance** out, fd2_error* error);
static int32_t fd2_drain_deinit(fd2_instance* instance);

/* Whether channels are open, so that deinit would return STATE. */
FD2_DRAIN_HELPER int fd2_drain_is_busy(const fd2_instance* instance);

/* Makes a channel, OPEN, over the two ends of `spec`, which is copied. RESOURCE without memory,
 * INVALID for a sink without its callbacks: then both ends are still the caller's. */
FD2_DRAIN_HELPER int32_t fd2_drain_open(fd2_instance* instance, const fd2_drain_spec* spec,
                                        const fd2_sink* sink, fd2_channel** out, fd2_error* error);

/* The members of fd2_channel_ops, fd2_pollable and fd2_handover, as the contract describes them. */
static int32_t fd2_drain_info(const fd2_channel* channel, fd2_info* out);
static int32_t fd2_drain_start(fd2_channel* channel, fd2_error* error);
static int32_t fd2_drain_take_child_end(fd2_channel* channel, fd2_native* out, fd2_error* error);
static int32_t fd2_drain_resume(fd2_channel* channel);
static int32_t fd2_drain_finish(fd2_channel* channel, int32_t mode);
static int32_t fd2_drain_join(fd2_channel* channel, int64_t deadline);
static int32_t fd2_drain_close(fd2_channel* channel);
static int32_t fd2_drain_attach_poll(fd2_channel* channel, fd2_native* out, fd2_error* error);
static int32_t fd2_drain_on_ready(fd2_channel* channel, uint32_t max_bytes, int64_t* deadline);
FD2_DRAIN_HELPER int32_t fd2_drain_release(fd2_channel* channel, fd2_carry* out, fd2_error* error);

FD2_DRAIN_TABLE fd2_channel_ops fd2_drain_ops = {
    (uint32_t)sizeof(fd2_channel_ops),
    0,
    fd2_drain_info,
    fd2_drain_start,
    fd2_drain_take_child_end,
    fd2_drain_resume,
    fd2_drain_finish,
    fd2_drain_join,
    fd2_drain_close,
};

FD2_DRAIN_TABLE fd2_pollable fd2_drain_pollable = {
    (uint32_t)sizeof(fd2_pollable),
    0,
    fd2_drain_attach_poll,
    fd2_drain_on_ready,
};

/* Fills `error` (unless it is NULL or too short) with "operation: object: reason" and returns
 * `code`. RESOURCE is marked TRANSIENT. The message is cut at a character boundary and stripped of
 * control characters. */
static int32_t fd2_fail(fd2_error* error, int32_t code, int32_t sys_errno, const char* operation,
                        const char* object);

/* ": No such file or directory (ENOENT)": what an errno means, in `size` bytes. */
static void fd2_describe_errno(int32_t sys_errno, char* out, size_t size);

/* The FD2_E_* code that an errno (on Windows: what GetLastError or WSAGetLastError says) of open or
 * start stands for (docs/abi.md, "Errors"). */
FD2_DRAIN_HELPER int32_t fd2_code_of_errno(int32_t sys_errno);

/* The value of option `name`, or `fallback` if it was not given. */
FD2_DRAIN_HELPER int64_t fd2_option_number(const fd2_options* options, const char* name,
                                           int64_t fallback);
FD2_DRAIN_HELPER const char* fd2_option_text(const fd2_options* options, const char* name,
                                             const char* fallback);

/* Checks `options` against the table that the backend publishes: CONFIG, with the option's name in
 * the message, for an unknown one, a wrong type or a value out of range. */
FD2_DRAIN_HELPER int32_t fd2_check_options(const fd2_options* options, const fd2_option_spec* table,
                                           uint32_t count, fd2_error* error);

/* ---- for a backend with a loop of its own, which drives many channels ------------------------ */

/* Identifies one loop, whose thread never drives channels of another loop. */
typedef struct fd2_drain_loop {
    /* Makes the loop call fd2_drain_step for the channel of `task` soon. Never fails or waits, and
     * calls nothing of the kit: the channel's lock is held. Also called from inside
     * fd2_drain_start_on; not once the channel has ended or was let go.
     * [any thread] */
    void (*ring)(void* task);
} fd2_drain_loop;

/* Returned by fd2_drain_step only: fd2_drain_release wants the channel. Disarm it, then call
 * fd2_drain_let_go; if that returns 0 (it was finished in the meantime), arm again and go on. */
#define FD2_DRAIN_LET_GO 100

/* Whether start may be called. [owner] */
FD2_DRAIN_HELPER int fd2_drain_is_open(fd2_channel* channel);

/* OPEN -> RUNNING under `loop`, and rings once. The loop calls fd2_drain_step as its return value
 * and `ring` say, until it returns FD2_READY_ENDED or the channel was let go. */
FD2_DRAIN_HELPER int32_t fd2_drain_start_on(fd2_channel* channel, const fd2_drain_loop* loop,
                                            void* task, fd2_error* error);
FD2_DRAIN_HELPER int32_t fd2_drain_step(fd2_channel* channel, uint32_t max_bytes,
                                        int64_t* deadline);
static int fd2_drain_let_go(fd2_channel* channel);

/* The last call of a loop for a channel, which must be disarmed, after FD2_READY_ENDED or
 * fd2_drain_let_go: join and release wait for it, and the channel may be freed when it returns. */
FD2_DRAIN_HELPER void fd2_drain_detach(fd2_channel* channel);

/* What fd2_drain_read returns besides a number of bytes. */
#define FD2_DRAIN_READ_EMPTY (-1)   /* nothing yet */
#define FD2_DRAIN_READ_HUNG_UP (-2) /* a pseudo-terminal without a writer */
#define FD2_DRAIN_READ_FAILED (-3)  /* with the system's number */

#include "fd2/drain_errors.h"
#include "fd2/drain_options.h"

/* What only the system can do: the words of its errors, clock, lock, thread, and the read end. */
#if defined(__linux__)
#include "fd2/drain_errno.h"
#include "fd2/drain_linux.h"
#elif defined(_WIN32)
#include "fd2/drain_windows.h"
#include "fd2/drain_windows_errors.h"
#else
#error "fd2/drain.h: no drain for this platform yet; write fd2/drain_<platform>.h"
#endif

#include "fd2/drain_channel.h"
#include "fd2/drain_nap.h"
#include "fd2/drain_turn.h"
/* After the turn, which it uses. */
#include "fd2/drain_calls.h"

#endif /* FD2_DRAIN_H */
