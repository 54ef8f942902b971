/*
 * fd2/abi.h - the contract between a host and a backend (channel ABI)
 *
 * Version 1, frozen: a plugin that was built with this header works with every later host of
 * version 1. docs/abi.md has every obligation as a numbered rule.
 *
 * A backend makes one kernel object per channel, carries a child's stderr to the host and keeps no
 * byte. This header is all that either side needs; it compiles as C11 and later and as C++11 and
 * later, on 32 and 64 bit.
 *
 * General rules
 *  - Every struct begins with `struct_size`, set by the owner of the storage. A reader uses only
 *    members within it. Structs grow at the end; nothing is ever removed or reused. All members of
 *    version 1 must be present, except that fd2_host may end before `log`, fd2_sink before
 *    `reserve`, and fd2_info anywhere after `struct_size`. A shorter struct is INVALID; a shorter
 *    fd2_error is left alone.
 *  - Each side frees what it allocates. A call that fails has taken over nothing, leaves nothing to
 *    clean up, and has written to no out parameter but the error.
 *  - No exception, no C++ type and no lock crosses the boundary; no lock is held during a callback.
 *  - What belongs to the process is the host's. A backend does not change, not even for a moment,
 *    working directory, umask, environment, locale, limits, signal actions, timers, priority or
 *    credentials; it starts, signals and awaits no process, prints nothing and leaves no file.
 *  - Times are absolute, on CLOCK_MONOTONIC (QueryPerformanceCounter on Windows), in nanoseconds.
 *    A past or negative time means now; INT64_MAX means never.
 *  - Strings are UTF-8, end in NUL and live as long as the table that names them.
 *  - Functions that can fail return an FD2_E_* code, FD2_OK being 0. An `fd2_error *` argument may
 *    be NULL; it is filled on failure only, with the code that is returned.
 *  - Reserved members are written as 0 and not read; unknown flags are ignored.
 *
 * Tags in brackets say which thread may call, and in which state; in any other state the call
 * returns STATE:
 *  [drain]       the thread that delivers bytes of the channel at this moment: one at a time, not
 *                always the same. Callbacks of a channel never overlap, and each sees the effects
 *                of the one before.
 *  [any thread]  also from inside on_bytes and on_end, unless the comment says otherwise
 *  [owner]       one thread at a time, the one that opened the channel or took it over
 * close and deinit are the last call on their object: the caller ensures that no other call on it
 * is in progress or follows.
 *
 * States of a channel: OPEN -start or attach_poll-> RUNNING -finish-> FINISHING -on_end-> ENDED
 * -join-> JOINED; RELEASED after release. RUNNING goes to ENDED by itself at EOF, error or STOP.
 * ENDED begins when on_end has returned.
 */
#ifndef FD2_ABI_H
#define FD2_ABI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The major version is part of the entry's name; growth within it is by struct_size. */
#define FD2_ABI_MAJOR 1
#define FD2_BACKEND_ENTRY "fd2_backend_entry_v1"

/* A descriptor, SOCKET or HANDLE. Ownership moves with it by the same rules for all three. */
typedef int64_t fd2_native;
#define FD2_NATIVE_NONE ((fd2_native)-1)

/* ---- errors: the code decides what the host does; "next": it tries the next backend --------- */

#define FD2_OK 0
#define FD2_E_UNSUPPORTED 1    /* not on this kernel or platform: next; remembered by this host */
#define FD2_E_RESOURCE 2       /* descriptors, memory, threads, ports (always TRANSIENT): next */
#define FD2_E_DENIED 3         /* EPERM, EACCES, seccomp: next, with one warning */
#define FD2_E_TIMEDOUT 4       /* open: as UNSUPPORTED; join: not yet, may be called again */
#define FD2_E_CONFIG 5         /* a bad option, named in the message: the host stops */
#define FD2_E_INVALID 6        /* a wrong argument: a bug in the caller */
#define FD2_E_STATE 7          /* not allowed in this state: a bug in the caller */
#define FD2_E_WOULD_DEADLOCK 8 /* join, close or release inside a callback of the same drain */
#define FD2_E_INTERNAL 9       /* the backend is broken: not used again by this host */

/* fd2_error.flags */
#define FD2_ERROR_TRANSIENT 1u /* may be asked again for the next channel */

typedef struct fd2_error {
    uint32_t struct_size;
    int32_t code;      /* FD2_E_* */
    int32_t sys_errno; /* errno or GetLastError(); 0 if no system call failed */
    uint32_t flags;    /* FD2_ERROR_* */
    char message[240]; /* "operation: object: reason"; UTF-8, ends in NUL, no newline */
} fd2_error;

/* ---- capabilities: claims that a test can check ---------------------------------------------- */

#define FD2_CAP_EVENT_LOOP (UINT64_C(1) << 0) /* start makes no thread per channel */
#define FD2_CAP_POLLABLE (UINT64_C(1) << 1)   /* offers fd2.pollable/1 */
#define FD2_CAP_WAKE (UINT64_C(1) << 2)       /* finish wakes a blocked reader */
#define FD2_CAP_KEEPS_WRITERS \
    (UINT64_C(1) << 3)                        /* no EPIPE for writers while the channel is open */
#define FD2_CAP_REOPENABLE (UINT64_C(1) << 4) /* the child may open("/dev/stderr") */
#define FD2_CAP_COMPACT (UINT64_C(1) << 5)    /* capacity in bytes independent of write size */
#define FD2_CAP_ATOMIC (UINT64_C(1) << 6)     /* writes of up to PIPE_BUF bytes stay in one piece */
#define FD2_CAP_TTY (UINT64_C(1) << 7)        /* isatty(2) is true in the child */
#define FD2_CAP_HANDOVER (UINT64_C(1) << 8)   /* offers fd2.handover/1 */

/* The kind of kernel object. */
#define FD2_MEDIUM_UNKNOWN 0u
#define FD2_MEDIUM_PIPE 1u
#define FD2_MEDIUM_SOCKETPAIR 2u
#define FD2_MEDIUM_TCP 3u
#define FD2_MEDIUM_PTY 4u

/* The kernel does not report which bytes are in transit in this object. If writers remain,
 * finish(drain) can then only go on until no byte has come for a while; bytes in transit for longer
 * are missing. Set from open on; if the kernel stops reporting later, the same is done without the
 * flag. */
#define FD2_INFO_SETTLES 1u

/* Filled by the channel, for this channel: it may claim less than its backend does, never more, and
 * its claims do not change. Counters begin at 0, after a hand-over too, and only grow. */
typedef struct fd2_info {
    uint32_t struct_size;
    uint32_t medium;                /* FD2_MEDIUM_* */
    uint64_t caps;                  /* FD2_CAP_* */
    uint64_t capacity_bytes;        /* what fits before a write of 64 KiB blocks; 0: unknown */
    uint64_t capacity_small_writes; /* the same for writes of one byte; 0: unknown */
    uint64_t reads;                 /* read calls so far */
    uint64_t wakeups;               /* waits that ended so far */
    uint64_t short_reads;           /* reads that did not fill their buffer */
    uint32_t threads_per_channel;   /* threads that `start` makes for one channel; polled: 0 */
    uint32_t flags;                 /* FD2_INFO_* */
} fd2_info;

/* ---- what the host gives -------------------------------------------------------------------- */

#define FD2_LOG_DEBUG 0
#define FD2_LOG_INFO 1
#define FD2_LOG_WARNING 2
#define FD2_LOG_ERROR 3
#define FD2_LOG_BACKEND_MISBEHAVES 4
#define FD2_LOG_HOST_MISBEHAVES 5

/* Lives from the call of init until deinit has returned, or until init has failed. Any function may
 * be NULL. */
typedef struct fd2_host {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */
    void* ctx;          /* passed back unchanged */

    /* Logs a message. Never blocks: the host's queue is bounded and counts what it drops.
     * `msg` is `len` bytes of UTF-8 without a newline, borrowed for the call.
     * [any thread] */
    void (*log)(void* ctx, int32_t level, const char* msg, uint32_t len);

    /* A host-side extension's table, or NULL. The table lives as long as the host's.
     * [any thread] */
    const void* (*get_extension)(void* ctx, const char* id);
} fd2_host;

/* What on_bytes returns; anything else is read as CONTINUE. */
#define FD2_CONTINUE 0
#define FD2_PAUSE 1 /* no further on_bytes until resume or finish; the bytes stay in the kernel */
#define FD2_STOP 2  /* no further on_bytes at all; on_end(STOPPED) follows */

/* Why a channel ended. */
#define FD2_END_EOF 1     /* every writer is gone and everything they wrote was delivered */
#define FD2_END_DRAINED 2 /* finish(drain) delivered what it had to; writers remain */
#define FD2_END_STOPPED 3 /* finish(now), or on_bytes returned STOP */
#define FD2_END_ERROR 4   /* a system call failed; its errno is passed along */

/* The host's side of one channel. Copied by open and adopt; `ctx` lives until close has returned.
 * Callbacks may come before start has returned. They may call what is marked [any thread], of this
 * channel and of others; they do not throw. */
typedef struct fd2_sink {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */
    void* ctx;

    /* Bytes of the child, in order, each exactly once. `len` is never 0; `data` is borrowed for the
     * call. Returns FD2_CONTINUE, FD2_PAUSE or FD2_STOP in bounded time. Once finish has been
     * called, PAUSE is read as CONTINUE; STOP keeps its meaning.
     * [drain] */
    int32_t (*on_bytes)(void* ctx, const uint8_t* data, uint32_t len);

    /* The last callback, called exactly once for a channel whose start (or attach_poll) succeeded
     * and which was not released; never for one that is closed in OPEN. Never nested in an on_bytes
     * of its channel. `sys_errno` is 0 unless the reason is FD2_END_ERROR.
     * [drain] */
    void (*on_end)(void* ctx, int32_t reason, int32_t sys_errno);

    /* Optional (may be NULL): memory to read into, so that the host need not copy. On FD2_OK
     * `*data` points to `*cap` (> 0) bytes, valid until the next callback. If that is an on_bytes,
     * it passes `*data`, with at most `*cap` bytes; otherwise nothing was read into it. Any other
     * code: use memory of your own.
     * [drain] */
    int32_t (*reserve)(void* ctx, uint8_t** data, uint32_t* cap);
} fd2_sink;

/* ---- options: published by the backend, checked by the host --------------------------------- */

#define FD2_OPTION_BOOL 1u     /* number: 0 or 1 */
#define FD2_OPTION_INT 2u      /* number */
#define FD2_OPTION_BYTES 3u    /* number: bytes; written with a unit ("64KiB") */
#define FD2_OPTION_DURATION 4u /* number: nanoseconds; written with a unit ("50ms") */
#define FD2_OPTION_ENUM 5u     /* text: one of `values` */

typedef struct fd2_option_spec {
    uint32_t struct_size;
    uint32_t type;            /* FD2_OPTION_* */
    const char* name;         /* lower case, digits and '-', at most 32 bytes; once in a table */
    const char* help;         /* one line */
    const char* values;       /* ENUM: the words, separated by '|'; otherwise NULL */
    const char* default_text; /* ENUM: the default word; otherwise NULL */
    int64_t default_number;   /* otherwise the default */
    int64_t minimum;          /* inclusive */
    int64_t maximum;          /* inclusive */
} fd2_option_spec;

typedef struct fd2_option {
    uint32_t struct_size;
    uint32_t type;    /* FD2_OPTION_* */
    const char* name; /* borrowed for the call, as is `text` */
    const char* text; /* ENUM: the word; otherwise NULL */
    int64_t number;   /* otherwise the value */
} fd2_option;

/* Borrowed for the call. Absent options have their defaults (all do if the table is NULL); no name
 * comes twice. The backend checks names, types and ranges again, and returns CONFIG. One name has a
 * meaning for all: `capacity`, BYTES, is how much the object holds. */
typedef struct fd2_options {
    uint32_t struct_size;
    uint32_t count;
    uint32_t stride; /* bytes from one item to the next */
    uint32_t reserved0;
    const fd2_option* items;
} fd2_options;

/* ---- what the backend gives ----------------------------------------------------------------- */

/* Opaque to the host; each backend defines them for itself. */
typedef struct fd2_instance fd2_instance; /* one host's use of a backend */
typedef struct fd2_channel fd2_channel;   /* one child's stderr */

/* finish modes */
#define FD2_FINISH_DRAIN 1 /* deliver what was written until now, then stop */
#define FD2_FINISH_NOW 2   /* stop */

typedef struct fd2_channel_ops {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* Fills the members of `out` that both sides know, and sets `out->struct_size` accordingly.
     * Meaningful in every state but RELEASED.
     * [any thread] */
    int32_t (*info)(const fd2_channel* channel, fd2_info* out);

    /* OPEN -> RUNNING; begins to read, in a thread or a loop. RESOURCE if it cannot. On failure the
     * channel stays OPEN: it may be started again or closed. Callbacks may come before start has
     * returned. Threads that a backend makes have all signals blocked, and a name; the caller's
     * signal mask is unchanged.
     * [owner, OPEN] */
    int32_t (*start)(fd2_channel* channel, fd2_error* error);

    /* Hands over the end that becomes the child's fd 2: close-on-exec, and blocking as a child
     * expects. The host owns it from then on, and no EOF comes before the host has closed its copy.
     * Only once, and not on an adopted channel (STATE). If never taken, close closes it.
     * [owner, OPEN or RUNNING] */
    int32_t (*take_child_end)(fd2_channel* channel, fd2_native* out, fd2_error* error);

    /* Permits one more on_bytes after a PAUSE. At most one permit is stored: a resume that comes
     * between the entry of on_bytes and the moment its PAUSE takes effect cancels that PAUSE; a
     * superfluous one costs at most one extra on_bytes. OK in every state; in OPEN the permit is
     * kept for a channel that starts paused, in ENDED and later nothing happens.
     * [any thread] */
    int32_t (*resume)(fd2_channel* channel);

    /* FD2_FINISH_DRAIN: delivers at least every byte that a writer has written by this moment, and
     * stops there, after at most one more read, or when nothing is left. It always ends: it does
     * not wait for writers to fall silent unless info says FD2_INFO_SETTLES, and a flooding writer
     * prolongs it by a bounded number of bytes. EOF if the last writer turns out to be gone, else
     * DRAINED. The call itself does not wait for any of this.
     * FD2_FINISH_NOW: stops; at most one on_bytes begins after it has returned. What is in the
     * object stays there.
     * Idempotent; `now` after `drain` wins, `drain` after `now` changes nothing. Wakes a blocked
     * reader on every kind of object without disturbing remaining writers, and ends every pause.
     * STATE in OPEN and RELEASED; success without effect in ENDED and JOINED; INVALID for another
     * mode. [any thread, RUNNING or later] */
    int32_t (*finish)(fd2_channel* channel, int32_t mode);

    /* Waits until on_end has returned and the thread that `start` made is gone, or until
     * `deadline`; TIMEDOUT leaves the channel as it was. Several threads may wait. Idempotent.
     * STATE in OPEN and RELEASED, also if the channel is released while join waits.
     * WOULD_DEADLOCK as for close. [any thread but drain, RUNNING or later] */
    int32_t (*join)(fd2_channel* channel, int64_t deadline);

    /* Frees the channel and closes what it still owns. STATE, with nothing freed, in RUNNING,
     * FINISHING and (unless polled) ENDED. WOULD_DEADLOCK, with nothing freed, inside a callback of
     * this channel or of another that the same loop drains; all polled channels of a backend count
     * as one loop's.
     * [owner, OPEN, JOINED or RELEASED; polled: ENDED too] */
    int32_t (*close)(fd2_channel* channel);
} fd2_channel_ops;

typedef struct fd2_backend {
    uint32_t struct_size;
    uint32_t option_stride;  /* bytes from one option to the next */
    const char* id;          /* "pipe": lower case, digits and '-', at most 32 bytes */
    const char* version;     /* "1.2.3" */
    const char* vendor;      /* who made it */
    const char* description; /* one line */
    uint64_t caps;           /* FD2_CAP_*: what its channels can have at best */
    uint32_t option_count;
    uint32_t reserved0; /* zero */
    const fd2_option_spec* options;
    const fd2_channel_ops* channel;

    /* One host's use of the backend. Two hosts in one process are two instances. The host table is
     * borrowed until deinit has returned; after a failure there is no deinit.
     * [any thread] */
    int32_t (*init)(const fd2_host* host, fd2_instance** out, fd2_error* error);

    /* On success no thread, descriptor or callback of the instance is left. STATE, with nothing
     * freed, while there are channels that were not closed, including released ones.
     * [any thread, no channel open] */
    int32_t (*deinit)(fd2_instance* instance);

    /* Makes the object and both its ends, close-on-exec from the start; the channel owns both.
     * Options and sink are copied as far as needed. No byte is read before start. A full object
     * makes its writers wait.
     * [any thread] */
    int32_t (*open)(fd2_instance* instance, const fd2_options* options, const fd2_sink* sink,
                    fd2_channel** out, fd2_error* error);

    /* An extension's table ("name/revision"), or NULL. An id never changes its meaning.
     * [any thread] */
    const void* (*get_extension)(const char* id);
} fd2_backend;

/* The one exported symbol of a plugin. Neither it nor anything else that runs when the library is
 * loaded starts a thread, opens a descriptor or calls back. `*out` lives as long as the library is
 * mapped, which is to the end of the process. The process may end while channels are running, so
 * nothing that runs at exit may free what a drain uses. Returns FD2_OK, or an FD2_E_* code: then
 * the host treats the file as UNSUPPORTED. May be called again, with the same result. */
typedef int32_t (*fd2_backend_entry_fn)(const fd2_backend** out);

#if defined(_WIN32)
#define FD2_EXPORT __declspec(dllexport)
#else
#define FD2_EXPORT __attribute__((visibility("default")))
#endif

/* True if `member` lies within the `struct_size` that the owner of `*object` set. */
#define FD2_HAS(object, type, member) \
    ((object)->struct_size >= offsetof(type, member) + sizeof((object)->member))

#ifdef __cplusplus
}
#endif
#endif /* FD2_ABI_H */
