/*
 * fd2/drain_nap.h - how long the drain kit delays a read, so that one read fetches many small
 * writes; include fd2/drain.h instead. [drain] throughout.
 */
#ifndef FD2_DRAIN_NAP_H
#define FD2_DRAIN_NAP_H

/* How many bytes an object made of pages holds if it is filled with pieces of this size. A pipe
 * puts what a piece has beyond whole pages into the newest page if there is room, otherwise into a
 * new one. So 64 KiB hold 16 writes of 3000 bytes, which are 48000. If pieces are larger than a
 * page, every other one finds the newest page full. */
static uint64_t fd2_drain_page_capacity(uint64_t capacity, uint32_t piece, uint32_t page) {
    const uint32_t over = piece % page;
    if (over == 0) return capacity;
    uint64_t sharing = page / over; /* how many pieces put what is over into one page */
    if (piece > page && sharing > 2) sharing = 2;
    return capacity / page * sharing * piece / (sharing * (piece / page) + 1);
}

/* Bytes that may gather in the object during a nap: half of what it holds of pieces like these. A
 * socket charges each write for more than its bytes, so the number of writes is limited too. */
static int64_t fd2_drain_nap_space(const fd2_channel* c) {
    uint64_t capacity = c->spec.capacity_bytes;
    if (c->spec.page_bytes != 0) {
        capacity = fd2_drain_page_capacity(capacity, c->piece, c->spec.page_bytes);
    }
    const uint64_t writes = c->spec.capacity_small_writes;
    if (writes != 0 && writes * c->piece < capacity) capacity = writes * c->piece;
    if (capacity == 0) {
        capacity =
            c->spec.medium == FD2_MEDIUM_PTY ? FD2_DRAIN_PTY_CAPACITY : FD2_DRAIN_LIKELY_CAPACITY;
    }
    return (int64_t)(capacity / 2);
}

/* Called after a read that did not fill its buffer. Returns for how many ns to delay the next read;
 * 0: not at all.
 *
 * A writer that writes line by line costs a wake-up and a read per line. After a nap we read tens
 * of lines at once, and the writer is faster too, because it wakes no reader. But a writer that
 * fills the object during a nap is blocked until the nap ends, and a program that writes blocks
 * fills a pipe of 64 KiB in 20 us. The two differ in their rate, not in the size of a read. So the
 * length of a nap is chosen by the rate just measured: it ends before the object is half full. If
 * that would be too short to pay, there is none. */
static int64_t fd2_drain_nap(fd2_channel* c, size_t got) {
    if (!FD2_DRAIN_NAPS) return 0;
    const int64_t present = fd2_drain_clock();
    const int64_t elapsed = present - c->last_read;
    const int64_t gained = (int64_t)c->gained;
    const uint8_t naps = c->naps;
    c->last_read = present;
    c->gained = 0;
    c->naps = 0; /* unless there is another one */
    if (elapsed >= FD2_DRAIN_BURST_NS || present < c->awake) {
        c->burst = 0;
        return 0;
    }
    if (c->burst == 0 || got < c->piece) c->piece = (uint32_t)got;
    if (c->burst < FD2_DRAIN_BURST) {
        ++c->burst;
        return 0;
    }
    const int64_t space = fd2_drain_nap_space(c);
    const int full = gained >= 2 * space; /* the writer was blocked: its rate is not known */
    int64_t nap = full ? 0 : elapsed * space / gained;
    if (naps == 0) nap /= FD2_DRAIN_HELD_BACK;
    if (nap < FD2_DRAIN_LEAST_NAP_NS) {
        if (naps != 0) c->awake = present + FD2_DRAIN_AWAKE * elapsed;
        c->burst = 0;
        return 0;
    }
    c->naps = naps;
    if (c->naps < FD2_DRAIN_LASTING) ++c->naps;
    const int64_t most = c->naps == FD2_DRAIN_LASTING ? 2 * FD2_DRAIN_NAP_NS : FD2_DRAIN_NAP_NS;
    return nap < most ? nap : most;
}

#endif /* FD2_DRAIN_NAP_H */
