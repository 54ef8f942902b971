/*
 * fd2/drain_turn.h - one turn of the drain kit (read, deliver, end, or say how to
 * wait), and the thread that takes turns; include fd2/drain.h instead. [drain] throughout.
 */
#ifndef FD2_DRAIN_TURN_H
#define FD2_DRAIN_TURN_H

static int32_t fd2_drain_end(fd2_channel* c, int32_t reason, int32_t sys_errno) {
    c->sink.on_end(c->sink.ctx, reason, sys_errno);
    fd2_drain_set_state(c, FD2_DRAIN_ENDED);
    return FD2_READY_ENDED;
}

/* Sets the mark: how many more bytes to deliver until everything that was written by now has been.
 * Each of those bytes is in transit, in the object, or was read already, and a stream keeps its
 * order, so the sum of the first two is enough. What is in transit is asked first: bytes that
 * arrive between the two questions are counted twice, but none is missed. A number that is unknown
 * is taken to be the largest possible; then the first empty read ends the drain. */
static void fd2_drain_take_mark(fd2_channel* c) {
    int64_t in_transit = 0;
    if (c->spec.transit) in_transit = c->spec.transit->in_flight(c->instance, c->spec.read_end);
    if (in_transit < 0) in_transit = FD2_DRAIN_TRANSIT_MOST;
    const int64_t readable = fd2_drain_readable(&c->spec);
    c->mark = in_transit + (readable >= 0 ? readable : FD2_DRAIN_TRANSIT_MOST);
    if (c->spec.medium == FD2_MEDIUM_PTY) c->mark += FD2_DRAIN_PTY_UNSEEN;
    c->last_read = fd2_drain_clock();
    c->paused = 0;
}

/* A read failed. It is tried again later, because ending the channel loses the rest of the stderr,
 * and often kills the command. */
static int32_t fd2_drain_read_failed(fd2_channel* c, int sys_errno, int64_t* deadline) {
    if (c->failures == FD2_DRAIN_TRIES) return fd2_drain_end(c, FD2_END_ERROR, sys_errno);
    *deadline = fd2_drain_clock() + (FD2_DRAIN_RETRY_NS << c->failures);
    ++c->failures;
    return FD2_READY_LATER;
}

/* Called when a read finds nothing after the mark was set: ENDED if everything has arrived, AGAIN
 * if bytes may have arrived since that read, WAIT while bytes are in transit. */
static int32_t fd2_drain_has_landed(fd2_channel* c, int64_t* deadline) {
    if (!c->spec.transit || c->landed) return FD2_READY_ENDED;
    const int64_t in_transit = c->spec.transit->in_flight(c->instance, c->spec.read_end);
    if (in_transit == 0) {
        c->landed = 1;
        return FD2_READY_AGAIN;
    }
    const int64_t present = fd2_drain_clock();
    if (in_transit > 0) {
        *deadline = present + FD2_DRAIN_TRANSIT_NS;
        return FD2_READY_WAIT;
    }
    *deadline = c->last_read + c->spec.settle_ns;
    return present >= *deadline ? FD2_READY_ENDED : FD2_READY_WAIT;
}

static int32_t fd2_drain_turn(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    uint8_t own[FD2_DRAIN_BUFFER];
    uint64_t delivered = 0;
    int hung_up = 0; /* the last read of a pseudo-terminal found no writer */
    for (;;) {
        const uint32_t asked = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (asked & FD2_DRAIN_ASK_NOW) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        if (asked & FD2_DRAIN_ASK_DRAIN) {
            if (c->mark < 0) fd2_drain_take_mark(c);
        } else {
            if (asked & FD2_DRAIN_ASK_RELEASE) return FD2_DRAIN_LET_GO;
            if (c->paused) {
                const uint32_t before =
                    __atomic_fetch_and(&c->requests, ~FD2_DRAIN_ASK_PERMIT, __ATOMIC_ACQ_REL);
                if (!(before & FD2_DRAIN_ASK_PERMIT)) return FD2_READY_PAUSED;
                c->paused = 0;
            }
        }
        if (delivered >= max_bytes) return FD2_READY_AGAIN;

        uint8_t* buffer = NULL;
        uint32_t space = 0;
        if (!c->sink.reserve || c->sink.reserve(c->sink.ctx, &buffer, &space) != FD2_OK || !space) {
            buffer = own;
            space = (uint32_t)sizeof(own);
        }
        const int at_mark = c->mark == 0; /* one last read: EOF, or do writers remain? */
        int32_t sys_errno = 0;
        const int64_t got = fd2_drain_read(&c->system, &c->spec, buffer, space, &sys_errno);
        fd2_drain_count(&c->reads);

        if (got == 0) return fd2_drain_end(c, FD2_END_EOF, 0);
        if (got == FD2_DRAIN_READ_HUNG_UP) {
            /* The kernel looks for bytes first and for writers second. The last bytes may have come
             * in between; a second read finds them. */
            if (hung_up) return fd2_drain_end(c, FD2_END_EOF, 0);
            hung_up = 1;
            continue;
        }
        hung_up = 0;
        if (got < 0) {
            if (got != FD2_DRAIN_READ_EMPTY) return fd2_drain_read_failed(c, sys_errno, deadline);
            c->failures = 0;
            if (c->naps != 0) c->burst = 0; /* nothing came during the nap: the stream is over */
            c->naps = 0;
            if (c->mark < 0) return FD2_READY_WAIT;
            const int32_t landed = fd2_drain_has_landed(c, deadline);
            if (landed == FD2_READY_AGAIN) continue;
            if (landed == FD2_READY_WAIT) return landed;
            return fd2_drain_end(c, FD2_END_DRAINED, 0);
        }
        c->failures = 0;
        if ((uint32_t)got < space) fd2_drain_count(&c->short_reads);
        if (c->mark >= 0) {
            c->mark = got >= c->mark ? 0 : c->mark - got;
            if (c->spec.transit) c->last_read = fd2_drain_clock();
        }
        delivered += (uint64_t)got;
        c->gained += (uint64_t)got;

        const int32_t verdict = c->sink.on_bytes(c->sink.ctx, buffer, (uint32_t)got);
        if (verdict == FD2_STOP) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        /* on_bytes itself may have called finish(now): then end in this turn. */
        const uint32_t since = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (since & FD2_DRAIN_ASK_NOW) continue;
        if (at_mark) return fd2_drain_end(c, FD2_END_DRAINED, 0);
        if (c->mark >= 0) continue;
        if (verdict == FD2_PAUSE) {
            c->paused = 1;
            continue;
        }
        if ((uint32_t)got == space) continue; /* a full buffer: most likely there is more */
        const int64_t nap = fd2_drain_nap(c, (size_t)got);
        if (nap > 0) {
            *deadline = c->last_read + nap;
            return FD2_READY_LATER;
        }
        if ((size_t)got < FD2_DRAIN_SMALL) return FD2_READY_WAIT; /* most likely empty now */
    }
}

static int32_t fd2_drain_drive(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    const fd2_channel* outer = fd2_drain_get_current();
    *deadline = -1;
    fd2_drain_set_current(c);
    const int32_t answer = fd2_drain_turn(c, max_bytes, deadline);
    fd2_drain_set_current(outer);
    return answer;
}

/* Gives the channel to a release. False if a finish came first: that one must get its on_end. */
static int fd2_drain_let_go(fd2_channel* c) {
    fd2_drain_lock(&c->system);
    const int free_to_go = c->state == FD2_DRAIN_RUNNING;
    if (free_to_go) {
        c->state = FD2_DRAIN_RELEASED;
        fd2_drain_announce(&c->system);
    }
    fd2_drain_unlock(&c->system);
    return free_to_go;
}

static void* fd2_drain_thread(void* argument) {
    fd2_channel* c = (fd2_channel*)argument;
    fd2_drain_begin_thread(c->spec.thread_name);
    fd2_drain_set_current(c);
    unsigned failures = 0; /* of waits, in a row */
    for (;;) {
        int64_t deadline = -1;
        int32_t answer = fd2_drain_turn(c, UINT32_MAX, &deadline);
        if (answer == FD2_READY_ENDED) break;
        if (answer == FD2_DRAIN_LET_GO) {
            if (fd2_drain_let_go(c)) break;
            continue;
        }
        if (answer == FD2_READY_AGAIN) continue;
        const int for_reading = answer == FD2_READY_WAIT;
        if (for_reading) fd2_drain_arm_end(&c->system, &c->spec);
        fd2_drain_wait(&c->system, &c->spec, for_reading, deadline, &failures);
        fd2_drain_count(&c->wakeups);
    }
    return NULL;
}

#endif /* FD2_DRAIN_TURN_H */
