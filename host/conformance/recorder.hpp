// A sink that remembers what it was told and notices every broken promise.
#pragma once

#include <fd2/abi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace fd2::conformance {

/// A point in time that is only reached when something hangs. FD2_TEST_SCALE (default 1)
/// multiplies.
nanoseconds_t hang();

/// One for each chain of channels; outlives them. Hooks and settings are set before start.
class recorder {
  public:
    recorder() = default;
    recorder(const recorder&) = delete;
    recorder& operator=(const recorder&) = delete;

    /// The table to open a channel with; its ctx is this recorder.
    fd2_sink sink() noexcept;

    /// Called inside on_bytes, after the bytes were noted; its answer is the verdict.
    std::function<std::int32_t(const std::uint8_t*, std::uint32_t)> on_bytes;
    /// Called inside on_end.
    std::function<void()> on_end;
    /// Bytes that reserve offers; 0 refuses. Exactly that much memory.
    std::uint32_t offers = 0;
    /// False: bytes are held against the pattern stream (see world.hpp) instead of being kept.
    bool keeps = true;
    /// Where in the pattern the stream begins, if it is not kept.
    std::uint64_t pattern_offset = 0;

    /// Waits for that many bytes in all; false when it hangs or the stream ends before.
    bool wait_bytes(std::uint64_t count);
    /// Waits until on_end was entered.
    bool wait_end();

    std::string bytes() const;
    std::uint64_t total() const noexcept { return total_.load(); }
    std::uint64_t calls() const noexcept { return calls_.load(); }
    int ends() const;
    std::int32_t reason() const;
    std::int32_t end_errno() const;
    /// What the backend must not have done, one line each; empty is good.
    std::string violations() const;

  private:
    static std::int32_t on_bytes_entry(void* ctx, const std::uint8_t* data, std::uint32_t size);
    static void on_end_entry(void* ctx, std::int32_t reason, std::int32_t sys_errno);
    static std::int32_t reserve_entry(void* ctx, std::uint8_t** data, std::uint32_t* cap);
    void violated(const std::string& what);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::string bytes_;
    std::string violations_;
    std::atomic<std::uint64_t> total_{0};
    std::atomic<std::uint64_t> calls_{0};
    int ends_ = 0;
    std::int32_t reason_ = 0;
    std::int32_t end_errno_ = 0;
    std::atomic<int> inside_{0};
    std::unique_ptr<std::uint8_t[]> reserved_;  // [drain]
    std::uint32_t reserved_size_ = 0;           // [drain]
};

}  // namespace fd2::conformance
