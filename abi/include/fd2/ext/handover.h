/*
 * fd2.handover/1 - a running channel moves to another backend of the same kind of object.
 *
 * Version 1, release candidate, as fd2/abi.h is: rebuild plugins with each release until then.
 *
 * The old channel lets go of its read end at a read boundary and keeps no byte; the new one adopts
 * it. on_end is owed by whichever channel of the chain was last started and not released: once for
 * the sink in all. Where no heir starts nobody calls on_end; the host, which has the descriptor,
 * knows.
 *
 *  - Take the child's end before: what was not taken is closed with the old channel.
 *  - A resume that is called while release runs, or later, may be lost with the old channel: the
 *    host gives it to the heir again, where a stray one costs little.
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

    /* RUNNING, or OPEN of an adopted channel, -> RELEASED. Returns when no callback runs and none
     * will, and no thread of the channel's is left; fills `out`, whose descriptor is the caller's.
     * Waits for callbacks that run, and for nothing else. Where it races a finish, the end of the
     * stream or another release, one of them gets the channel: FINISHING, ENDED and later answer
     * STATE, and the channel goes on to its own end. Afterwards the old channel is to be closed,
     * which leaves the descriptor alone; resume does nothing, all else answers STATE. A polled
     * channel is disarmed before. WOULD_DEADLOCK as for close.
     * [any thread but drain] */
    int32_t (*release)(fd2_channel* channel, fd2_carry* out, fd2_error* error);

    /* A channel, OPEN, over a carried descriptor; owns it on success only, so that close in OPEN
     * closes it and release gives it back. A carry that says paused starts paused, and a resume in
     * OPEN permits as it does later. Its capacity may be unknown. UNSUPPORTED for a medium that the
     * backend cannot serve: it looks at the descriptor, not only at `medium`.
     * [any thread] */
    int32_t (*adopt)(fd2_instance* instance, const fd2_options* options, const fd2_carry* carry,
                     const fd2_sink* sink, fd2_channel** out, fd2_error* error);
} fd2_handover;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_HANDOVER_H */
