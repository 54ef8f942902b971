/*
 * fd2.terminal/1 - the size of the terminal that is a child's fd 2.
 *
 * For backends that claim FD2_CAP_TTY; optional for them too. The backend chooses the size that a
 * channel begins with. When the user's own terminal changes, the host passes the new size on.
 */
#ifndef FD2_EXT_TERMINAL_H
#define FD2_EXT_TERMINAL_H

#include "fd2/abi.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FD2_EXT_TERMINAL "fd2.terminal/1"

typedef struct fd2_terminal_size {
    uint32_t struct_size;
    uint16_t rows; /* 0: unknown, as for the other members */
    uint16_t columns;
    uint16_t x_pixels; /* of all columns */
    uint16_t y_pixels; /* of all rows */
} fd2_terminal_size;

typedef struct fd2_terminal {
    uint32_t struct_size;
    uint32_t reserved0; /* zero */

    /* Sets the size that the child finds (TIOCGWINSZ on its fd 2). Sends no signal: telling the
     * child is the host's business. STATE in RELEASED.
     * [owner, any state but RELEASED] */
    int32_t (*set_size)(fd2_channel* channel, const fd2_terminal_size* size, fd2_error* error);
} fd2_terminal;

#ifdef __cplusplus
}
#endif
#endif /* FD2_EXT_TERMINAL_H */
