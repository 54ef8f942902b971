/*
 * fd2/drain_linux_turn.h - one turn of the drain kit on Linux: read, deliver, end, or say how to
 * wait; include fd2/drain.h instead. [drain] throughout.
 */
#ifndef FD2_DRAIN_LINUX_TURN_H
#define FD2_DRAIN_LINUX_TURN_H

static int32_t fd2_drain_end(fd2_channel* c, int32_t reason, int32_t sys_errno) {
    c->sink.on_end(c->sink.ctx, reason, sys_errno);
    fd2_drain_set_state(c, FD2_DRAIN_ENDED);
    return FD2_READY_ENDED;
}

/* Every byte that a writer had written by now is under way, lies in the object or was read: a
 * stream keeps order, so this many bytes more contain them all. What is under way is asked first:
 * bytes that land in between count twice, none is missed. */
static int32_t fd2_drain_take_mark(fd2_channel* c) {
    int64_t under_way = 0;
    if (c->spec.transit) under_way = c->spec.transit->in_flight(c->instance, c->spec.read_end);
    if (under_way < 0) under_way = FD2_DRAIN_TRANSIT_MOST;
    int pending = 0;
    if (ioctl((int)c->spec.read_end, FIONREAD, &pending) != 0) return errno;
    c->mark = under_way + pending;
    c->last_read = fd2_drain_clock();
    c->paused = 0;
    c->naps = 0;
    return 0;
}

/* After an empty read behind the mark: ENDED if everything has landed, AGAIN if what landed since
 * that read has to be fetched, WAIT while bytes are under way. */
static int32_t fd2_drain_has_landed(fd2_channel* c, int64_t* deadline) {
    if (!c->spec.transit || c->landed) return FD2_READY_ENDED;
    const int64_t under_way = c->spec.transit->in_flight(c->instance, c->spec.read_end);
    if (under_way == 0) {
        c->landed = 1;
        return FD2_READY_AGAIN;
    }
    const int64_t present = fd2_drain_clock();
    if (under_way > 0) {
        *deadline = present + FD2_DRAIN_TRANSIT_NS;
        return FD2_READY_WAIT;
    }
    *deadline = c->last_read + c->spec.settle_ns;
    return present >= *deadline ? FD2_READY_ENDED : FD2_READY_WAIT;
}

/* How long the coming read had better wait, in ns; 0: not at all. Only while small pieces keep
 * coming (a writer that writes line by line), and only while what gathers meanwhile stays below
 * half the object's capacity, so that the writer is not held up. A stream that has lasted for
 * several naps gets twice as long ones, while those too leave it room. */
static int64_t fd2_drain_nap(fd2_channel* c, size_t got) {
    const int64_t present = fd2_drain_clock();
    const int in_burst = present - c->last_read < FD2_DRAIN_BURST_NS;
    c->last_read = present;
    const uint64_t half = c->spec.capacity_bytes / 2;
    const uint64_t enough = c->naps != 0 && half > FD2_DRAIN_SMALL ? half : FD2_DRAIN_SMALL;
    if (!in_burst || got >= enough) {
        c->naps = 0;
        return 0;
    }
    if (c->naps < FD2_DRAIN_LASTING) ++c->naps;
    return c->naps == FD2_DRAIN_LASTING && got < enough / 2 ? 2 * FD2_DRAIN_NAP_NS
                                                            : FD2_DRAIN_NAP_NS;
}

static int32_t fd2_drain_turn(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    uint8_t own[FD2_DRAIN_BUFFER];
    uint64_t delivered = 0;
    for (;;) {
        const uint32_t asked = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (asked & FD2_DRAIN_ASK_NOW) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        if (asked & FD2_DRAIN_ASK_DRAIN) {
            if (c->mark < 0) {
                const int32_t failed = fd2_drain_take_mark(c);
                if (failed) return fd2_drain_end(c, FD2_END_ERROR, failed);
            }
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
        uint32_t room = 0;
        if (!c->sink.reserve || c->sink.reserve(c->sink.ctx, &buffer, &room) != FD2_OK || !room) {
            buffer = own;
            room = (uint32_t)sizeof(own);
        }
        const int at_mark = c->mark == 0; /* one last read tells EOF from a writer that remains */
        ssize_t got;
        do {
            got = read((int)c->spec.read_end, buffer, room);
        } while (got < 0 && errno == EINTR);
        fd2_drain_count(&c->reads);

        if (got == 0) return fd2_drain_end(c, FD2_END_EOF, 0);
        if (got < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK) {
                return fd2_drain_end(c, FD2_END_ERROR, errno);
            }
            c->naps = 0;
            if (c->mark < 0) return FD2_READY_WAIT;
            const int32_t landed = fd2_drain_has_landed(c, deadline);
            if (landed == FD2_READY_AGAIN) continue;
            if (landed == FD2_READY_WAIT) return landed;
            return fd2_drain_end(c, FD2_END_DRAINED, 0);
        }
        if ((uint32_t)got < room) fd2_drain_count(&c->short_reads);
        if (c->mark >= 0) {
            c->mark = got >= c->mark ? 0 : c->mark - got;
            if (c->spec.transit) c->last_read = fd2_drain_clock();
        }
        delivered += (uint64_t)got;

        const int32_t verdict = c->sink.on_bytes(c->sink.ctx, buffer, (uint32_t)got);
        if (verdict == FD2_STOP) return fd2_drain_end(c, FD2_END_STOPPED, 0);
        /* on_bytes itself may have asked: a caller's loop is told the end, not to wait. */
        const uint32_t since = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        if (since & FD2_DRAIN_ASK_NOW) continue;
        if (at_mark) return fd2_drain_end(c, FD2_END_DRAINED, 0);
        if (c->mark >= 0) continue;
        if (verdict == FD2_PAUSE) {
            c->paused = 1;
            continue;
        }
        if ((uint32_t)got == room) continue; /* a full buffer: most likely there is more */
        const int64_t nap = fd2_drain_nap(c, (size_t)got);
        if (nap != 0) {
            *deadline = c->last_read + nap;
            return FD2_READY_LATER;
        }
        if ((size_t)got < FD2_DRAIN_SMALL) return FD2_READY_WAIT; /* most likely empty now */
    }
}

static int32_t fd2_drain_drive(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    const fd2_channel* outer = fd2_drain_current;
    *deadline = -1;
    fd2_drain_current = c;
    const int32_t answer = fd2_drain_turn(c, max_bytes, deadline);
    fd2_drain_current = outer;
    return answer;
}

/* A finish that was accepted in the meantime wins: it is owed its on_end. */
static int fd2_drain_let_go(fd2_channel* c) {
    (void)pthread_mutex_lock(&c->lock);
    const int free_to_go = c->state == FD2_DRAIN_RUNNING;
    if (free_to_go) {
        c->state = FD2_DRAIN_RELEASED;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->lock);
    return free_to_go;
}

static void* fd2_drain_thread(void* argument) {
    fd2_channel* c = (fd2_channel*)argument;
    (void)prctl(PR_SET_NAME, c->spec.thread_name, 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0); /* the default, 50 us, would double every nap */
    fd2_drain_current = c;
    for (;;) {
        int64_t deadline = -1;
        int32_t answer = fd2_drain_turn(c, UINT32_MAX, &deadline);
        if (answer == FD2_READY_ENDED) break;
        if (answer == FD2_DRAIN_LET_GO) {
            if (fd2_drain_let_go(c)) break;
            continue;
        }
        if (answer == FD2_READY_AGAIN) continue;
        struct pollfd waiting[2] = {{c->wake, POLLIN, 0}, {(int)c->spec.read_end, POLLIN, 0}};
        const nfds_t count = answer == FD2_READY_WAIT ? 2 : 1;
        struct timespec left;
        if (deadline >= 0) left = fd2_drain_timespec(deadline - fd2_drain_clock());
        const int ready = ppoll(waiting, count, deadline >= 0 ? &left : NULL, NULL);
        fd2_drain_count(&c->wakeups);
        if (ready < 0 && errno != EINTR) {
            (void)fd2_drain_end(c, FD2_END_ERROR, errno);
            break;
        }
        if (ready > 0 && waiting[0].revents) {
            uint64_t rung;
            if (read(c->wake, &rung, sizeof(rung)) < 0)
                continue; /* somebody else's ring: none left */
        }
    }
    return NULL;
}

#endif /* FD2_DRAIN_LINUX_TURN_H */
