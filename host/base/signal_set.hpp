// A set of signals as the kernel keeps it, and their names.
#pragma once

#include <cstdint>
#include <string>

namespace fd2 {

/// The highest signal of the kernel; signals are 1 to 64 on every platform that fd2 is built for.
inline constexpr int last_signal = 64;

/// Any of the 64 signals. Unlike a sigset_t filled by the C library it can hold 32 and 33 too,
/// which glibc keeps to itself and hides: a wrapper must hand those on as well.
class signal_set {
  public:
    constexpr signal_set() noexcept = default;
    /// Bit N-1 stands for signal N, as in SigBlk and SigIgn of /proc/PID/status.
    constexpr explicit signal_set(std::uint64_t bits) noexcept : bits_(bits) {}

    static constexpr signal_set all() noexcept { return signal_set(~std::uint64_t{0}); }

    constexpr bool has(int signal) const noexcept { return (bits_ & bit(signal)) != 0; }
    constexpr signal_set& add(int signal) noexcept {
        bits_ |= bit(signal);
        return *this;
    }
    constexpr signal_set& remove(int signal) noexcept {
        bits_ &= ~bit(signal);
        return *this;
    }
    constexpr std::uint64_t bits() const noexcept { return bits_; }

    friend constexpr bool operator==(signal_set, signal_set) noexcept = default;

  private:
    static constexpr std::uint64_t bit(int signal) noexcept {
        return signal >= 1 && signal <= last_signal ? std::uint64_t{1} << (signal - 1) : 0;
    }
    std::uint64_t bits_ = 0;
};

/// "SIGTERM", "SIGRTMIN+3"; the bare number ("32") for a signal without a name. The same in every
/// locale.
std::string signal_name(int signal);

/// Whether the default action of `signal` ends the process (with or without a core).
bool ends_by_default(int signal) noexcept;

}  // namespace fd2
