/*
 * fd2.pollable/1 - the caller's loop drives a channel; the backend makes no thread.
 *
 * The driver serialises *all* calls on the channel, [any thread] ones included (in Asio: one
 * strand), and waking its loop is the driver's business. The thread that calls is the drain.
 * Callbacks run only inside on_ready and, for finish(now), inside finish: hold no lock there that
 * they take.
 *
 *  - resume only stores the permit; the driver that called it calls on_ready next.
 *  - finish(drain) takes the mark and returns; the driver then calls on_ready as its return values
 *    say until ENDED, the first time at once. finish(now) runs on_end before it returns, except
 *    inside an on_bytes of the same channel: there the surrounding on_ready runs it and returns
 *    ENDED. Called inside an on_bytes of another channel, on_end is therefore nested in that.
 *  - join never waits: success after on_end, else STATE.
 *  - The descriptor stays the backend's; do not read it, close it or change its flags. Disarm it
 *    before release and close: a registration may outlive the descriptor.
 *  - To disarm means to remove the descriptor from the set: epoll reports a hang-up even if it was
 *    not asked to, so the loop would spin on a channel that is paused, or to be called LATER.
 *  - Inside a callback of one polled channel, join, close and release of every other polled one
 *    return WOULD_DEADLOCK too: a backend does not know which loop drives which channel.
 */
#ifndef FD2_EXT_POLLABLE_H
#define FD2_EXT_POLLABLE_H

#include "fd2/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FD2_EXT_POLLABLE "fd2.pollable/1"

/* What on_ready returns. Calling it earlier than it says is allowed, and costs a read. */
#define FD2_READY_AGAIN 1  /* the budget is used up: call again after other channels */
#define FD2_READY_WAIT 2   /* arm for reading; deadline >= 0: call then too, whichever is first */
#define FD2_READY_LATER 3  /* do not arm; call at the deadline (coalescing, settling) */
#define FD2_READY_PAUSED 4 /* do not arm; call after resume or finish */
#define FD2_READY_ENDED 5  /* on_end has run; disarm */

typedef struct fd2_pollable {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* Instead of start: OPEN -> RUNNING. `*out` is to be watched for reading, level-triggered, as
     * after FD2_READY_WAIT without a deadline; nothing is delivered yet. On Windows it is an event,
     * to be waited for (WaitForMultipleObjects), and not to be reset. If it fails the channel
     * stays OPEN and may be started either way. STATE if start was called.
     * [owner, OPEN] */
    int32_t (*attach_poll)(fd2_channel* channel, fd2_native* out, fd2_error* error);

    /* Delivers up to about `max_bytes` (> 0; one read more at most) and returns FD2_READY_*, or a
     * negated FD2_E_* code for a wrong call: -INVALID, or -STATE in OPEN and RELEASED, on a started
     * channel, and inside a callback of the channel. Once ENDED it returns ENDED. `*deadline` is
     * set on every return; -1: none. [drain, RUNNING or FINISHING] */
    int32_t (*on_ready)(fd2_channel* channel, uint32_t max_bytes, int64_t* deadline);
} fd2_pollable;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_POLLABLE_H */
