// What waits for our stderr: one order for all streams and notes. No locks, no system calls; the
// forwarder's mutex guards it. Bytes handed out by `gather` stay where they are until `consume`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

namespace fd2::forward {

struct part;
struct stream_state;

/// Bytes to be written, how many of the child's they stand for, and whose they are (null: a note).
struct piece {
    std::shared_ptr<stream_state> owner;
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    std::uint64_t child_bytes = 0;

    /// The child's bytes that the first `written` of `size` stand for.
    std::uint64_t share(std::size_t written) const noexcept;
    /// Forgets the first `written` bytes.
    void advance(std::size_t written) noexcept;
};

class byte_queue {
  public:
    /// What a segment costs beside its bytes; counted, so that many streams taking turns with
    /// single bytes stay within the buffer too.
    static constexpr std::size_t segment_cost = 128;

    bool empty() const noexcept { return segments_.empty(); }
    std::size_t used() const noexcept { return used_; }    ///< bytes, segments' cost included
    std::size_t notes() const noexcept { return notes_; }  ///< bytes of notes

    /// The byte that goes out before the next one that is pushed to the back: the last one queued,
    /// or else the last one gone. A newline at the start, when nothing has gone out yet.
    std::uint8_t last() const noexcept;

    /// Bytes have gone out past the queue, while it was empty; this was the last of them.
    void passed(std::uint8_t last) noexcept { gone_ = last; }

    /// Copies the bytes. Throws bad_alloc without effect.
    void push_back(const piece& bytes);
    void push_front(const piece& bytes);

    /// Fills `parts` from the front with at most `limit` bytes and marks them as in flight. With
    /// `whole` set, only so much that a write of up to `whole` bytes ends at the end of a line
    /// where it can. Only when nothing is in flight.
    int gather(part* parts, int count, std::size_t limit, std::size_t whole) noexcept;

    /// The first `written` of the gathered bytes are gone: adds them to their owners'
    /// `forwarded`. Nothing is in flight any more.
    void consume(std::size_t written) noexcept;

    /// Removes what belongs to `owner`, without counting; what is in flight goes at `consume`.
    void remove(const stream_state& owner) noexcept;

    /// Removes everything and counts it as its owners' `dropped`. Only when nothing is in flight.
    void clear() noexcept;

  private:
    struct segment {
        std::shared_ptr<stream_state> owner;
        std::vector<std::uint8_t> bytes;
        std::size_t at = 0;             // written so far
        std::uint64_t child_bytes = 0;  // what `bytes` from `at` on stand for
        bool in_flight = false;
        bool dead = false;

        piece rest() const noexcept {
            return {owner, bytes.data() + at, bytes.size() - at, child_bytes};
        }
    };
    using place = std::list<segment>::iterator;

    bool append(const piece& bytes);
    void insert(place where, const piece& bytes);
    void account(const piece& bytes) noexcept;
    place erase(place where) noexcept;

    // What is gone is used again: while a slow reader keeps the queue at work, the C library would
    // give its memory back to the system and fetch it anew, page by page, several times a
    // millisecond.
    static constexpr std::size_t most_spare = 4;  // of 64 KiB: the default buffer

    std::list<segment> segments_;
    std::list<segment> spare_;
    std::size_t used_ = 0;
    std::size_t notes_ = 0;
    std::uint8_t gone_ = '\n';  // the last byte that went out
};

/// How much of `data` one write should carry where writes of up to `whole` bytes are not cut:
/// whole lines that fit, or as much of a longer line as does.
std::size_t whole_unit(const std::uint8_t* data, std::size_t size, std::size_t whole) noexcept;

}  // namespace fd2::forward
