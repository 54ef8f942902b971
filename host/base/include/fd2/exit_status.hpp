// How a child ended, as a value.
#pragma once

#include <cstdint>
#include <string>

#include "fd2/api.hpp"

namespace fd2 {

/// exited(code) | signalled(signal, core) | lost(errno). `lost`: the child has ended, but how is
/// unknown (ECHILD: something else reaped it, or SIGCHLD was ignored).
class exit_status {
  public:
    enum class kind : std::uint8_t { exited, signalled, lost };

    static constexpr exit_status exited(int code) noexcept { return {kind::exited, code, false}; }
    static constexpr exit_status signalled(int signal, bool core) noexcept {
        return {kind::signalled, signal, core};
    }
    static constexpr exit_status lost(int sys_errno) noexcept {
        return {kind::lost, sys_errno, false};
    }

    constexpr kind how() const noexcept { return how_; }
    constexpr bool success() const noexcept { return how_ == kind::exited && number_ == 0; }

    /// 0 to 255 for `exited` (on Windows all 32 bits, which may be negative here), else -1.
    constexpr int code() const noexcept { return how_ == kind::exited ? number_ : -1; }
    /// The signal for `signalled`, else 0.
    constexpr int signal() const noexcept { return how_ == kind::signalled ? number_ : 0; }
    /// Whether the kernel wrote a core; only ever true for `signalled`.
    constexpr bool core() const noexcept { return core_; }
    /// The errno of the failed wait for `lost`, else 0.
    constexpr int lost_errno() const noexcept { return how_ == kind::lost ? number_ : 0; }

    friend constexpr bool operator==(exit_status, exit_status) noexcept = default;

  private:
    constexpr exit_status(kind how, int number, bool core) noexcept
        : number_(number), how_(how), core_(core) {}
    int number_;
    kind how_;
    bool core_;
};

/// "status 23", "status 0xC0000005" (from 0x80000000 on), "signal SIGKILL", "unknown status
/// (ECHILD)"; the same in every locale.
FD2_API std::string text_of(exit_status status);

/// The number that a shell would show in $?: the code, 128+N for a signal, 125 for `lost` (the
/// wrapper's own failure).
FD2_API int shell_code(exit_status status) noexcept;

/// The mapping to rsync's exit codes that the reference implementation uses: 16 (terminated by a
/// signal), 15 (crashed, with a core), 21 (the wait failed); every code, 126 and 127 included, as
/// it is.
FD2_API int reference_code(exit_status status) noexcept;

}  // namespace fd2
