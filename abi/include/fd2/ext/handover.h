/*
 * fd2.handover/1 (DRAFT) - a running channel moves to another backend of the same kind of object.
 *
 * The old channel lets go of its read end at a read boundary and keeps no byte; the new one adopts
 * it. on_end is owed by whichever channel of the chain was last started and not released: once for
 * the sink in all.
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
    fd2_native read;    /* the parent's end */
    uint32_t flags;     /* FD2_CARRY_* */
    uint32_t reserved0; /* zero */
} fd2_carry;

typedef struct fd2_handover {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* RUNNING, or OPEN of an adopted channel, -> RELEASED. Returns when no callback runs and none
     * will; fills `out`, whose descriptor is the caller's. FINISHING and ENDED answer STATE, and
     * the channel goes on to its own end. Afterwards only close is allowed.
     * [any thread but drain] */
    int32_t (*release)(fd2_channel* channel, fd2_carry* out, fd2_error* error);

    /* A channel, OPEN, over a carried descriptor; owns it on success only. A carry that says paused
     * starts paused. UNSUPPORTED for a medium that the backend cannot serve.
     * [any thread] */
    int32_t (*adopt)(fd2_instance* instance, const fd2_options* options, const fd2_carry* carry,
                     const fd2_sink* sink, fd2_channel** out, fd2_error* error);
} fd2_handover;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_HANDOVER_H */
