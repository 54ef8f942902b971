// Signal masks and dispositions by system call. The C library's functions refuse or hide signals
// 32 and 33 and are wrapped by sanitizers; these are async-signal-safe, touch no lock and may run
// in a child that shares our memory. Each sets errno like the function that it stands for.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstdint>

#include "base/signal_set.hpp"

namespace fd2::process::kernel {

// A set is 64 bits for the kernel (128 on MIPS), and bit N-1 is signal N where the words are
// 64 bits wide or little-endian.
#if defined(__mips__) || defined(__alpha__)
#error "the kernel's sigaction and sigset differ here: add them"
#endif
static_assert(sizeof(long) == 8 || std::endian::native == std::endian::little);
inline constexpr std::size_t set_size = 8;

/// The kernel's struct sigaction as far as SIG_DFL and SIG_IGN need it: the handler comes first,
/// then the flags; restorer and mask follow in an order that differs and that are zero here.
struct action {
    std::uintptr_t handler;
    unsigned long flags;
    std::uint64_t rest[4];
};
inline constexpr std::uintptr_t by_default = 0;  // SIG_DFL
inline constexpr std::uintptr_t ignore = 1;      // SIG_IGN

/// rt_sigprocmask(2) on the calling thread. -1 and errno on failure.
inline long change_mask(int how, const std::uint64_t* set, std::uint64_t* old) noexcept {
    return ::syscall(SYS_rt_sigprocmask, how, set, old, set_size);
}

/// rt_sigaction(2). -1 and errno on failure.
inline long change_action(int signal, const action* wanted, action* old) noexcept {
    return ::syscall(SYS_rt_sigaction, signal, wanted, old, set_size);
}

/// Blocks every signal that can be blocked, 32 and 33 among them, in the calling thread until the
/// end of the scope. Elsewhere base/signal_mask.hpp does.
class all_blocked {
  public:
    all_blocked() noexcept {
        const std::uint64_t all = signal_set::all().bits();
        change_mask(SIG_SETMASK, &all, &before_);  // cannot fail: both sets are ours
    }
    ~all_blocked() { change_mask(SIG_SETMASK, &before_, nullptr); }
    all_blocked(const all_blocked&) = delete;
    all_blocked& operator=(const all_blocked&) = delete;

    signal_set before() const noexcept { return signal_set(before_); }

  private:
    std::uint64_t before_ = 0;
};

}  // namespace fd2::process::kernel
