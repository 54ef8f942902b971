/*
 * fd2.pollable/1 (DRAFT) - the caller's loop drives a channel; the backend makes no thread.
 *
 * The driver serialises *all* calls on the channel (in Asio: one strand), and waking its loop is
 * the driver's business. Callbacks run only inside on_ready and, for finish(now), inside finish.
 *
 *  - resume only stores the permit; the driver that called it calls on_ready next.
 *  - finish(drain) takes the mark and returns; the driver then calls on_ready until ENDED, whatever
 *    it had armed. finish(now) runs on_end before it returns, except inside on_bytes, where the
 *    surrounding on_ready runs it and returns ENDED.
 *  - join never waits: success after on_end, else STATE.
 *  - The descriptor stays the backend's. Disarm it before release and close: a registration may
 *    outlive the descriptor.
 */
#ifndef FD2_EXT_POLLABLE_H
#define FD2_EXT_POLLABLE_H

#include "fd2/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FD2_EXT_POLLABLE "fd2.pollable/1"

/* What on_ready answers. */
#define FD2_READY_AGAIN 1  /* the budget is spent: call again after others had their turn */
#define FD2_READY_WAIT 2   /* arm for reading; deadline >= 0: call then too, whichever is first */
#define FD2_READY_LATER 3  /* do not arm; call at the deadline (coalescing, settling) */
#define FD2_READY_PAUSED 4 /* do not arm; call after resume or finish */
#define FD2_READY_ENDED 5  /* on_end has run; disarm */

typedef struct fd2_pollable {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* Instead of start: OPEN -> RUNNING. `*out` is to be watched for reading, level-triggered.
     * STATE if start was called. [owner, OPEN] */
    int32_t (*attach_poll)(fd2_channel* channel, fd2_native* out, fd2_error* error);

    /* Delivers up to about `max_bytes` (one read more at most) and returns FD2_READY_*, or a
     * negated FD2_E_* code for a wrong call. `*deadline` is set on every return; -1 is none.
     * [drain, RUNNING or FINISHING] */
    int32_t (*on_ready)(fd2_channel* channel, uint32_t max_bytes, int64_t* deadline);
} fd2_pollable;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_POLLABLE_H */
