/*
 * fd2.handover/1 - a running channel moves to another backend of the same kind of object.
 *
 * Frozen, as version 1 of the contract is: `fd2 swap` moves running channels with it.
 *
 * The old channel gives up its read end between two reads and keeps no byte; the new one adopts it.
 * on_end is called once for the whole chain, by the channel that was last started and not released.
 * If no new channel starts, on_end is not called; the host, which has the descriptor, knows that.
 *
 *  - Take the child's end first: if it was not taken, it is closed with the old channel.
 *  - A resume that is called while release runs, or later, may be lost with the old channel: the
 *    host repeats it on the new channel, where a superfluous one costs little.
 *  - If adopt fails, the carry is as good as before and may be offered to another backend, the old
 *    one included.
 */
#ifndef FD2_EXT_HANDOVER_H
#define FD2_EXT_HANDOVER_H

#include "fd2/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FD2_EXT_HANDOVER "fd2.handover/1"

#define FD2_CARRY_PAUSED 1u /* the channel was paused and holds no permit */

typedef struct fd2_carry {
    uint32_t struct_size;
    uint32_t medium;    /* FD2_MEDIUM_* */
    fd2_native read;    /* the parent's end: non-blocking, close-on-exec */
    uint32_t flags;     /* FD2_CARRY_* */
    uint32_t reserved0; /* zero */
} fd2_carry;

typedef struct fd2_handover {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* RUNNING, or OPEN of an adopted channel, -> RELEASED. Returns once no callback runs or will
     * run, and no thread of the channel is left; fills `out`, whose descriptor is the caller's.
     * Waits for running callbacks only. If it races a finish, the end of the stream or another
     * release, one of them gets the channel: in FINISHING, ENDED and later it returns STATE, and
     * the channel goes on to its own end. Afterwards the old channel must be closed, which leaves
     * the descriptor alone; resume does nothing, everything else returns STATE. Disarm a polled
     * channel before the call. WOULD_DEADLOCK as for close. [any thread but drain] */
    int32_t (*release)(fd2_channel* channel, fd2_carry* out, fd2_error* error);

    /* Makes a channel, OPEN, over a carried descriptor, and owns it on success only: close in OPEN
     * then closes it, and release gives it back. If the carry says paused, the channel starts
     * paused; a resume in OPEN counts as later. Its capacity may be unknown. UNSUPPORTED for a
     * medium that the backend cannot serve: it checks the descriptor, not only `medium`.
     * [any thread] */
    int32_t (*adopt)(fd2_instance* instance, const fd2_options* options, const fd2_carry* carry,
                     const fd2_sink* sink, fd2_channel** out, fd2_error* error);
} fd2_handover;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_HANDOVER_H */
