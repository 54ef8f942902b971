/*
 * fd2/drain.h - the drain kit: what every backend over a readable descriptor has in common
 *
 * The kit is the channel. A backend makes its kernel object, says what it can do (fd2_drain_spec),
 * calls fd2_drain_open, and publishes the kit's tables:
 *
 *     .channel = &fd2_drain_ops, .init = fd2_drain_init, .deinit = fd2_drain_deinit
 *     FD2_EXT_POLLABLE -> &fd2_drain_pollable
 *     FD2_EXT_HANDOVER -> a table of fd2_drain_release and the backend's own adopt
 *
 * The kit then keeps the contract's promises for it: states, permit, mark, wake, hand-over, the
 * thread, and an adaptive read that costs a child which writes line by line a fraction of the
 * wake-ups.
 *
 * Everything here is static: include it from one source file of the plugin. Plain C11, and C++.
 */
#ifndef FD2_DRAIN_H
#define FD2_DRAIN_H

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

/* What a medium needs in which a written byte is not yet a readable one: TCP. Static. */
typedef struct fd2_drain_transit {
    /* Bytes that writers have written and that the read end has not got yet: 0, or at least as many
     * as there are; negative where that cannot be told. Asked at the finish only. [drain] */
    int64_t (*in_flight)(const fd2_instance* instance, fd2_native read_end);
} fd2_drain_transit;

/* What is particular to one channel of one backend. */
typedef struct fd2_drain_spec {
    const char* thread_name; /* at most 15 bytes; static */
    fd2_native read_end;     /* non-blocking, close-on-exec; owned by the channel on success only */
    fd2_native child_end;    /* close-on-exec; likewise; FD2_NATIVE_NONE on an adopted channel */
    uint32_t medium;         /* FD2_MEDIUM_* */
    uint32_t paused;         /* 1: starts paused (an adopted carry said so) */
    uint64_t caps;           /* FD2_CAP_* of this channel */
    uint64_t capacity_bytes;
    uint64_t capacity_small_writes;
    const fd2_drain_transit* transit; /* NULL: what was written can be read */
    int64_t settle_ns; /* with `transit`: where it cannot tell, finish(drain) ends after this long
                        * without a byte */
    uint32_t flags;    /* FD2_INFO_* of this channel */
    uint32_t own;      /* the backend's, for its start */
} fd2_drain_spec;

/* A read below this many bytes counts as small: a line or a few, not a block. One page: what a
 * writer with a stdio buffer sends at once is not small. */
#define FD2_DRAIN_SMALL 4096u

/* How long a read may be put off while small pieces keep coming. Long enough to gather tens of
 * lines, short against what a person or a protocol notices. */
#define FD2_DRAIN_NAP_NS INT64_C(50000)

/* So many naps in a row make a stream that lasts: each wake-up costs the same, however much it
 * brings, so its naps are doubled. */
#define FD2_DRAIN_LASTING 8u

/* Two reads closer than this are one stream of pieces; a lone line is never put off. */
#define FD2_DRAIN_BURST_NS INT64_C(200000)

/* How soon to ask again for bytes under way, none of which made the read end readable meanwhile: a
 * loopback's softirq was late by 0.02 to 5 ms where it was late at all. */
#define FD2_DRAIN_TRANSIT_NS INT64_C(1000000)

/* More than can be under way: the largest sending and receiving buffers of a default Linux are 4
 * and 32 MiB. Bounds a finish(drain) that can only settle while somebody floods. */
#define FD2_DRAIN_TRANSIT_MOST (INT64_C(64) << 20)

/* What is read into where the sink offers no memory. On the stack: no channel owns a buffer. */
#define FD2_DRAIN_BUFFER 16384u

/* A host's use of the backend: what init makes. A backend reads `host` and owns `own`. */
struct fd2_instance {
    fd2_host host;     /* copied; absent members are NULL */
    uint32_t channels; /* the kit's: those not closed yet; atomic */
    void* own;         /* the backend's; NULL from fd2_drain_init; freed before fd2_drain_deinit */
};

static int32_t fd2_drain_init(const fd2_host* host, fd2_instance** out, fd2_error* error);
static int32_t fd2_drain_deinit(fd2_instance* instance);

/* Channels are open, so that deinit would answer STATE. */
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

/* Fills `error` (NULL and one that is too short are left alone) with "operation: object: reason"
 * and returns `code`. RESOURCE is marked TRANSIENT. The message is cut at a character boundary and
 * stripped of control characters.
 */
static int32_t fd2_fail(fd2_error* error, int32_t code, int32_t sys_errno, const char* operation,
                        const char* object);

/* The FD2_E_* code that an errno of open or start stands for (docs/abi.md, "Errors"). */
FD2_DRAIN_HELPER int32_t fd2_code_of_errno(int32_t sys_errno);

/* The value of option `name`, or `fallback` where it was not given. */
FD2_DRAIN_HELPER int64_t fd2_option_number(const fd2_options* options, const char* name,
                                           int64_t fallback);
FD2_DRAIN_HELPER const char* fd2_option_text(const fd2_options* options, const char* name,
                                             const char* fallback);

/* Checks `options` against the table that the backend publishes: CONFIG, with the option's name in
 * the message, for an unknown one, a wrong type or a value out of range. */
FD2_DRAIN_HELPER int32_t fd2_check_options(const fd2_options* options, const fd2_option_spec* table,
                                           uint32_t count, fd2_error* error);

/* ---- for a backend with a loop of its own, which drives many channels ------------------------ */

/* One loop's identity, a thread that never drives channels of another. */
typedef struct fd2_drain_loop {
    /* Has the loop call fd2_drain_step for the channel of `task` soon. Never fails or waits, and
     * calls nothing of the kit: the channel's lock is held. Called from inside fd2_drain_start_on
     * too; not once the channel has ended or was let go.
     * [any thread] */
    void (*ring)(void* task);
} fd2_drain_loop;

/* Answered by fd2_drain_step alone: the channel is wanted by fd2_drain_release. Disarm it, then
 * fd2_drain_let_go; if that answers 0 (it was finished in the meantime) arm again and go on. */
#define FD2_DRAIN_LET_GO 100

/* Whether start may be called. [owner] */
FD2_DRAIN_HELPER int fd2_drain_is_open(fd2_channel* channel);

/* OPEN -> RUNNING under `loop`, and rings once. The loop calls fd2_drain_step as each answer and
 * `ring` say, until it answers FD2_READY_ENDED or was let go. */
FD2_DRAIN_HELPER int32_t fd2_drain_start_on(fd2_channel* channel, const fd2_drain_loop* loop,
                                            void* task, fd2_error* error);
FD2_DRAIN_HELPER int32_t fd2_drain_step(fd2_channel* channel, uint32_t max_bytes,
                                        int64_t* deadline);
static int fd2_drain_let_go(fd2_channel* channel);

/* Ends the channel with an error of the loop's: on_end(ERROR), in place of a step. [drain] */
FD2_DRAIN_HELPER void fd2_drain_abort(fd2_channel* channel, int32_t sys_errno);

/* The last thing a loop does with a channel, disarmed by then, after FD2_READY_ENDED, an abort or a
 * letting go: join and release wait for it, and the channel may be gone when it returns. */
FD2_DRAIN_HELPER void fd2_drain_detach(fd2_channel* channel);

#include "fd2/drain_options.h"
#if defined(__linux__)
#include "fd2/drain_linux.h"
#else
#error "fd2/drain.h: no drain for this platform yet; write fd2/drain_<platform>.h"
#endif

#endif /* FD2_DRAIN_H */
