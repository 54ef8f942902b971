#include "conformance/recorder.hpp"

#include <chrono>
#include <cstdlib>

#include "conformance/world.hpp"

namespace fd2::conformance {

nanoseconds_t hang() {
    const char* given = std::getenv("FD2_TEST_SCALE");
    const double scale = given != nullptr ? std::atof(given) : 1;
    return after(now(), static_cast<nanoseconds_t>((scale > 0 ? scale : 1) * 40 * double{second}));
}

fd2_sink recorder::sink() noexcept {
    return {sizeof(fd2_sink), 0, this, on_bytes_entry, on_end_entry, reserve_entry};
}

void recorder::violated(const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (violations_.size() < 2000) violations_ += what + "\n";
}

std::int32_t recorder::reserve_entry(void* ctx, std::uint8_t** data, std::uint32_t* cap) {
    auto& self = *static_cast<recorder*>(ctx);
    if (self.inside_.load() != 0) self.violated("reserve inside another callback");
    if (self.offers == 0) return FD2_E_RESOURCE;
    // Small ones anew each time: the memory of before is gone, and nobody may still use it.
    if (self.offers <= 8192 || self.reserved_size_ != self.offers) {
        self.reserved_.reset(new std::uint8_t[self.offers]);
    }
    self.reserved_size_ = self.offers;
    *data = self.reserved_.get();
    *cap = self.offers;
    return FD2_OK;
}

std::int32_t recorder::on_bytes_entry(void* ctx, const std::uint8_t* data, std::uint32_t size) {
    auto& self = *static_cast<recorder*>(ctx);
    if (self.inside_.fetch_add(1) != 0) self.violated("on_bytes inside another callback");
    if (size == 0) self.violated("on_bytes without bytes");
    if (self.offers != 0 && (data != self.reserved_.get() || size > self.reserved_size_)) {
        self.violated("on_bytes does not name the memory that was reserved");
    }
    const std::uint64_t before = self.total_.load();
    if (!self.keeps && !pattern_matches(self.pattern_offset + before, data, size)) {
        self.violated("bytes differ from the stream at or after " + std::to_string(before));
    }
    {
        const std::lock_guard lock(self.mutex_);
        if (self.ends_ != 0) self.violations_ += "on_bytes after on_end\n";
        if (self.keeps) self.bytes_.append(reinterpret_cast<const char*>(data), size);
        self.total_ = before + size;
        ++self.calls_;
        self.changed_.notify_all();
    }
    const std::int32_t verdict = self.on_bytes ? self.on_bytes(data, size) : FD2_CONTINUE;
    --self.inside_;
    return verdict;
}

void recorder::on_end_entry(void* ctx, std::int32_t reason, std::int32_t sys_errno) {
    auto& self = *static_cast<recorder*>(ctx);
    if (self.inside_.fetch_add(1) != 0) self.violated("on_end inside another callback");
    if ((sys_errno != 0) != (reason == FD2_END_ERROR)) {
        self.violated("on_end: errno and reason do not go together");
    }
    {
        const std::lock_guard lock(self.mutex_);
        if (++self.ends_ > 1) self.violations_ += "on_end more than once\n";
        self.reason_ = reason;
        self.end_errno_ = sys_errno;
        self.changed_.notify_all();
    }
    if (self.on_end) self.on_end();
    --self.inside_;
}

bool recorder::wait_bytes(std::uint64_t count) {
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(hang())};
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [&] { return total_ >= count || ends_ != 0; });
    return total_ >= count;
}

bool recorder::wait_end() {
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(hang())};
    std::unique_lock lock(mutex_);
    return changed_.wait_until(lock, until, [&] { return ends_ != 0; });
}

std::string recorder::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

int recorder::ends() const {
    const std::lock_guard lock(mutex_);
    return ends_;
}

std::int32_t recorder::reason() const {
    const std::lock_guard lock(mutex_);
    return reason_;
}

std::int32_t recorder::end_errno() const {
    const std::lock_guard lock(mutex_);
    return end_errno_;
}

std::string recorder::violations() const {
    const std::lock_guard lock(mutex_);
    return violations_;
}

}  // namespace fd2::conformance
