// What an honest relay does with a chunk, done the plain way: keep the newest 64 KiB, count the
// lines. The peers differ in how they wait and read, and share this.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fd2::bench {

/// What one read asks for.
inline constexpr std::size_t chunk_size = std::size_t{64} << 10;

class relay_record {
  public:
    void take(const char* data, std::size_t size) {
        count(data, size);
        if (size >= ring_.size()) {
            data += size - ring_.size();
            size = ring_.size();
        }
        const std::size_t first = std::min(size, ring_.size() - at_);
        std::memcpy(ring_.data() + at_, data, first);
        std::memcpy(ring_.data(), data + first, size - first);
        at_ = (at_ + size) % ring_.size();
    }

  private:
    void count(const char* data, std::size_t size) {
        const char* const end = data + size;
        const void* hit;
        while (data < end &&
               (hit = std::memchr(data, '\n', static_cast<std::size_t>(end - data)))) {
            ++lines_;
            data = static_cast<const char*>(hit) + 1;
        }
    }

    std::array<char, std::size_t{64} << 10> ring_;
    std::size_t at_ = 0;
    std::uint64_t lines_ = 0;
};

}  // namespace fd2::bench
