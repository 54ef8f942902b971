/*
 * fd2/drain_calls.h - the contract's calls on a channel of the drain kit; include fd2/drain.h
 * instead
 */
#ifndef FD2_DRAIN_CALLS_H
#define FD2_DRAIN_CALLS_H

static int32_t fd2_drain_start(fd2_channel* c, fd2_error* error) {
    if (!c) return fd2_fail(error, FD2_E_INVALID, 0, "start", "no channel");
    int32_t answer = FD2_OK;
    /* Under the lock: the thread cannot end, nor be joined, before it is known. */
    fd2_drain_lock(&c->system);
    if (c->state != FD2_DRAIN_OPEN) {
        answer = fd2_fail(error, FD2_E_STATE, 0, "start", "not open");
    } else {
        answer = fd2_drain_make_thread(&c->system, fd2_drain_thread, c, c->spec.thread_name, error);
    }
    if (answer == FD2_OK) {
        c->driven = 1;
        c->state = FD2_DRAIN_RUNNING;
    }
    fd2_drain_unlock(&c->system);
    return answer;
}

static int32_t fd2_drain_take_child_end(fd2_channel* c, fd2_native* out, fd2_error* error) {
    if (!c || !out) return fd2_fail(error, FD2_E_INVALID, 0, "take_child_end", "no channel");
    fd2_drain_lock(&c->system);
    const int allowed = c->state <= FD2_DRAIN_RUNNING && c->spec.child_end != FD2_NATIVE_NONE;
    if (allowed) {
        *out = c->spec.child_end;
        c->spec.child_end = FD2_NATIVE_NONE;
    }
    fd2_drain_unlock(&c->system);
    if (allowed) return FD2_OK;
    return fd2_fail(error, FD2_E_STATE, 0, "take_child_end", "taken, adopted or over");
}

static int32_t fd2_drain_resume(fd2_channel* c) {
    if (!c) return FD2_E_INVALID;
    const uint32_t before = __atomic_fetch_or(&c->requests, FD2_DRAIN_ASK_PERMIT, __ATOMIC_ACQ_REL);
    if (before & FD2_DRAIN_ASK_PERMIT) return FD2_OK;
    fd2_drain_lock(&c->system);
    fd2_drain_ring(c);
    fd2_drain_unlock(&c->system);
    return FD2_OK;
}

static int32_t fd2_drain_finish(fd2_channel* c, int32_t mode) {
    if (!c || (mode != FD2_FINISH_DRAIN && mode != FD2_FINISH_NOW)) return FD2_E_INVALID;
    fd2_drain_lock(&c->system);
    const int state = c->state;
    int first = 0;
    if (state == FD2_DRAIN_RUNNING || state == FD2_DRAIN_FINISHING) {
        const uint32_t ask = mode == FD2_FINISH_NOW ? FD2_DRAIN_ASK_NOW : FD2_DRAIN_ASK_DRAIN;
        c->state = FD2_DRAIN_FINISHING;
        first = !(__atomic_fetch_or(&c->requests, ask, __ATOMIC_ACQ_REL) & ask);
        if (first) fd2_drain_ring(c);
    }
    fd2_drain_unlock(&c->system);
    if (state == FD2_DRAIN_OPEN || state == FD2_DRAIN_RELEASED) return FD2_E_STATE;
    if (c->drive != FD2_DRIVE_CALLER || !first) return FD2_OK;
    /* Polled: calls are serialised, so this thread is the drain for now. */
    if (mode == FD2_FINISH_NOW) {
        if (fd2_drain_get_current() != c) {
            int64_t deadline;
            (void)fd2_drain_drive(c, 0, &deadline);
        }
    } else if (c->mark < 0) {
        fd2_drain_take_mark(c);
    }
    return FD2_OK;
}

/* Waits until the thread or loop that drove the channel no longer uses it; it has nothing left to
 * do. Under `lock`. */
static void fd2_drain_reap(fd2_channel* c) {
    if (c->drive == FD2_DRIVE_LOOP) {
        while (c->driven) (void)fd2_drain_await(&c->system, INT64_MAX);
    }
    if (!c->driven) return;
    c->driven = 0;
    fd2_drain_unlock(&c->system);
    fd2_drain_join_thread(&c->system);
    fd2_drain_lock(&c->system);
}

static int32_t fd2_drain_join(fd2_channel* c, int64_t deadline) {
    if (!c) return FD2_E_INVALID;
    if (fd2_drain_is_mine(c)) return FD2_E_WOULD_DEADLOCK;
    int32_t answer = FD2_OK;
    fd2_drain_lock(&c->system);
    if (c->state == FD2_DRAIN_OPEN || c->state == FD2_DRAIN_RELEASED ||
        (c->drive == FD2_DRIVE_CALLER && c->state < FD2_DRAIN_ENDED)) {
        answer = FD2_E_STATE;
    }
    while (answer == FD2_OK && c->state != FD2_DRAIN_JOINED) {
        if (c->state == FD2_DRAIN_RELEASED) {
            answer = FD2_E_STATE;
        } else if (c->state == FD2_DRAIN_ENDED && (c->drive != FD2_DRIVE_THREAD || c->driven)) {
            fd2_drain_reap(c);
            c->state = FD2_DRAIN_JOINED;
            fd2_drain_announce(&c->system);
        } else if (c->state == FD2_DRAIN_ENDED) {
            /* Another caller is joining the thread; that is too quick to need a deadline. */
            (void)fd2_drain_await(&c->system, INT64_MAX);
        } else if (!fd2_drain_await(&c->system, deadline) && c->state < FD2_DRAIN_ENDED) {
            answer = FD2_E_TIMEDOUT;
        }
    }
    fd2_drain_unlock(&c->system);
    return answer;
}

static int32_t fd2_drain_close(fd2_channel* c) {
    if (!c) return FD2_E_INVALID;
    if (fd2_drain_is_mine(c)) return FD2_E_WOULD_DEADLOCK;
    fd2_drain_lock(&c->system);
    const int state = c->state;
    fd2_drain_unlock(&c->system);
    const int allowed = state == FD2_DRAIN_OPEN || state == FD2_DRAIN_JOINED ||
                        state == FD2_DRAIN_RELEASED ||
                        (c->drive == FD2_DRIVE_CALLER && state == FD2_DRAIN_ENDED);
    if (!allowed) return FD2_E_STATE;
    fd2_drain_disarm_end(&c->system, &c->spec);
    fd2_drain_close_end(c->spec.child_end, c->spec.medium);
    fd2_drain_close_end(c->spec.read_end, c->spec.medium);
    fd2_drain_system_destroy(&c->system);
    (void)__atomic_sub_fetch(&c->instance->channels, 1, __ATOMIC_RELEASE);
    free(c);
    return FD2_OK;
}

/* ---- a loop of the backend's ---------------------------------------------------------------- */

FD2_DRAIN_HELPER int fd2_drain_is_open(fd2_channel* c) {
    fd2_drain_lock(&c->system);
    const int open = c->state == FD2_DRAIN_OPEN;
    fd2_drain_unlock(&c->system);
    return open;
}

FD2_DRAIN_HELPER int32_t fd2_drain_start_on(fd2_channel* c, const fd2_drain_loop* loop, void* task,
                                            fd2_error* error) {
    fd2_drain_lock(&c->system);
    const int allowed = c->state == FD2_DRAIN_OPEN;
    if (allowed) {
        c->drive = FD2_DRIVE_LOOP;
        c->loop = loop;
        c->task = task;
        c->driven = 1;
        c->state = FD2_DRAIN_RUNNING;
        fd2_drain_ring(c);
    }
    fd2_drain_unlock(&c->system);
    if (allowed) return FD2_OK;
    return fd2_fail(error, FD2_E_STATE, 0, "start", "not open");
}

FD2_DRAIN_HELPER int32_t fd2_drain_step(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    fd2_drain_count(&c->wakeups);
    return fd2_drain_drive(c, max_bytes, deadline);
}

FD2_DRAIN_HELPER void fd2_drain_detach(fd2_channel* c) {
    fd2_drain_lock(&c->system);
    c->driven = 0;
    fd2_drain_announce(&c->system);
    fd2_drain_unlock(&c->system);
}

/* ---- fd2.pollable/1 ------------------------------------------------------------------------- */

static int32_t fd2_drain_attach_poll(fd2_channel* c, fd2_native* out, fd2_error* error) {
    if (!c || !out) return fd2_fail(error, FD2_E_INVALID, 0, "attach_poll", "no channel");
    fd2_drain_lock(&c->system);
    const int allowed = c->state == FD2_DRAIN_OPEN;
    if (allowed) {
        c->drive = FD2_DRIVE_CALLER;
        c->state = FD2_DRAIN_RUNNING;
        fd2_drain_arm_end(&c->system, &c->spec);
        *out = fd2_drain_watchable(&c->system, &c->spec);
    }
    fd2_drain_unlock(&c->system);
    if (allowed) return FD2_OK;
    return fd2_fail(error, FD2_E_STATE, 0, "attach_poll", "not open");
}

static int32_t fd2_drain_on_ready(fd2_channel* c, uint32_t max_bytes, int64_t* deadline) {
    if (deadline) *deadline = -1;
    if (!c || !deadline || max_bytes == 0) return -FD2_E_INVALID;
    if (fd2_drain_get_current() == c || c->drive != FD2_DRIVE_CALLER) return -FD2_E_STATE;
    fd2_drain_lock(&c->system);
    const int state = c->state;
    fd2_drain_unlock(&c->system);
    if (state == FD2_DRAIN_ENDED || state == FD2_DRAIN_JOINED) return FD2_READY_ENDED;
    if (state == FD2_DRAIN_RELEASED) return -FD2_E_STATE;
    fd2_drain_count(&c->wakeups);
    const int32_t answer = fd2_drain_drive(c, max_bytes, deadline);
    if (answer == FD2_READY_WAIT) fd2_drain_arm_end(&c->system, &c->spec);
    return answer;
}

/* ---- fd2.handover/1 ------------------------------------------------------------------------- */

static int32_t fd2_drain_release(fd2_channel* c, fd2_carry* out, fd2_error* error) {
    if (!c || !out || out->struct_size < sizeof(*out)) {
        return fd2_fail(error, FD2_E_INVALID, 0, "release", "no channel or carry");
    }
    if (fd2_drain_is_mine(c)) {
        return fd2_fail(error, FD2_E_WOULD_DEADLOCK, 0, "release", "called by its own drain");
    }
    fd2_drain_lock(&c->system);
    int allowed = c->state == FD2_DRAIN_RUNNING || (c->state == FD2_DRAIN_OPEN && c->adopted);
    if (allowed && c->state == FD2_DRAIN_RUNNING && c->drive != FD2_DRIVE_CALLER) {
        (void)__atomic_fetch_or(&c->requests, FD2_DRAIN_ASK_RELEASE, __ATOMIC_ACQ_REL);
        fd2_drain_ring(c);
        while (c->state < FD2_DRAIN_ENDED) (void)fd2_drain_await(&c->system, INT64_MAX);
        allowed = c->state == FD2_DRAIN_RELEASED; /* it may have ended or been finished meanwhile */
        if (allowed) fd2_drain_reap(c);
    } else if (allowed) {
        c->state = FD2_DRAIN_RELEASED;
    }
    allowed = allowed && c->spec.read_end != FD2_NATIVE_NONE; /* one of several takes it */
    if (allowed) {
        fd2_drain_disarm_end(&c->system, &c->spec);
        const uint32_t asked = __atomic_load_n(&c->requests, __ATOMIC_ACQUIRE);
        out->medium = c->spec.medium;
        out->read = c->spec.read_end;
        out->flags = c->paused && !(asked & FD2_DRAIN_ASK_PERMIT) ? FD2_CARRY_PAUSED : 0;
        out->reserved0 = 0;
        c->spec.read_end = FD2_NATIVE_NONE;
    }
    fd2_drain_unlock(&c->system);
    if (!allowed) return fd2_fail(error, FD2_E_STATE, 0, "release", "not running");
    return FD2_OK;
}

#endif /* FD2_DRAIN_CALLS_H */
