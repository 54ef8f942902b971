#include "forward/byte_queue.hpp"

#include <algorithm>
#include <cstring>

#include "base/find_last.hpp"
#include "forward/forwarder_state.hpp"

namespace fd2::forward {

std::uint64_t piece::share(std::size_t written) const noexcept {
    if (written >= size) return child_bytes;
    if (child_bytes == size) return written;
    return child_bytes * written / size;  // both are far below 2^32
}

void piece::advance(std::size_t written) noexcept {
    child_bytes -= share(written);
    data += written;
    size -= written;
}

std::size_t whole_unit(const std::uint8_t* data, std::size_t size, std::size_t whole) noexcept {
    if (size <= whole) return size;
    const void* last = find_last(data, '\n', whole);
    if (last == nullptr) return whole;
    return static_cast<std::size_t>(static_cast<const std::uint8_t*>(last) - data) + 1;
}

void byte_queue::account(const piece& bytes) noexcept {
    used_ += bytes.size;
    if (!bytes.owner) notes_ += bytes.size;
}

byte_queue::place byte_queue::erase(place where) noexcept {
    const std::size_t left = where->bytes.size() - where->at;
    used_ -= left + segment_cost;
    if (!where->owner) notes_ -= left;
    if (spare_.size() == most_spare || where->bytes.capacity() > 2 * max_chunk) {
        return segments_.erase(where);
    }
    where->owner.reset();
    const place next = std::next(where);
    spare_.splice(spare_.begin(), segments_, where);
    return next;
}

void byte_queue::insert(place where, const piece& bytes) {
    if (spare_.empty()) spare_.emplace_back();
    segment& made = spare_.front();
    made.bytes.assign(bytes.data, bytes.data + bytes.size);
    made.owner = bytes.owner;
    made.at = 0;
    made.child_bytes = bytes.child_bytes;
    made.in_flight = made.dead = false;
    segments_.splice(where, spare_, spare_.begin());
    used_ += segment_cost;
}

bool byte_queue::append(const piece& bytes) {
    if (segments_.empty()) return false;
    segment& last = segments_.back();
    // In flight its memory must not move; partly written and shaped, its shares would change.
    if (last.in_flight || last.dead || last.owner != bytes.owner || !bytes.owner) return false;
    if (last.at > 0 && last.child_bytes != last.bytes.size() - last.at) return false;
    if (last.bytes.size() + bytes.size > max_chunk) return false;
    last.bytes.insert(last.bytes.end(), bytes.data, bytes.data + bytes.size);
    last.child_bytes += bytes.child_bytes;
    return true;
}

std::uint8_t byte_queue::last() const noexcept {
    return segments_.empty() ? gone_ : segments_.back().bytes.back();
}

void byte_queue::push_back(const piece& bytes) {
    if (!append(bytes)) insert(segments_.end(), bytes);
    account(bytes);
}

void byte_queue::push_front(const piece& bytes) {
    insert(segments_.begin(), bytes);
    account(bytes);
}

int byte_queue::gather(part* parts, int count, std::size_t limit, std::size_t whole) noexcept {
    int used = 0;
    for (auto it = segments_.begin(); it != segments_.end() && used < count && limit > 0; ++it) {
        std::size_t size = std::min(it->bytes.size() - it->at, limit);
        if (whole != 0) size = whole_unit(it->bytes.data() + it->at, size, whole);
        parts[used].data = it->bytes.data() + it->at;
        parts[used].size = size;
        it->in_flight = true;
        ++used;
        limit -= size;
        if (whole != 0) break;
    }
    return used;
}

void byte_queue::consume(std::size_t written) noexcept {
    for (auto it = segments_.begin(); it != segments_.end() && it->in_flight;) {
        const std::size_t size = std::min(written, it->bytes.size() - it->at);
        const std::uint64_t share = it->rest().share(size);
        if (size > 0) gone_ = it->bytes[it->at + size - 1];
        if (it->owner && !it->dead) it->owner->forwarded += share;
        if (!it->owner) notes_ -= size;
        used_ -= size;
        it->at += size;
        it->child_bytes -= share;
        it->in_flight = false;
        written -= size;
        it = it->dead || it->at == it->bytes.size() ? erase(it) : std::next(it);
    }
}

void byte_queue::remove(const stream_state& owner) noexcept {
    for (auto it = segments_.begin(); it != segments_.end();) {
        if (it->owner.get() != &owner) {
            ++it;
        } else if (it->in_flight) {
            it->dead = true;
            ++it;
        } else {
            it = erase(it);
        }
    }
}

void byte_queue::clear() noexcept {
    for (const segment& one : segments_) {
        if (one.owner && !one.dead) one.owner->dropped += one.child_bytes;
    }
    segments_.clear();
    used_ = 0;
    notes_ = 0;
}

}  // namespace fd2::forward
