// What a wait returns.
#pragma once

#include <chrono>
#include <cstdint>

#include "fd2/end_kind.hpp"
#include "fd2/exit_status.hpp"
#include "fd2/snapshot.hpp"

namespace fd2 {

/// How a child ended, and what became of its stderr. Plain data; `record` is shared.
struct exit_report {
    exit_status status = exit_status::lost(0);
    end_kind end = end_kind::none;  ///< of its stderr; `none` if it inherited ours
    int end_errno = 0;
    /// False if other processes hold the stderr and are followed (finish.writers-remain: follow):
    /// `record` then still grows, and is final once its snapshot is.
    bool final = true;
    std::uint64_t forwarded_bytes = 0;
    std::uint64_t forward_dropped = 0;
    /// From the spawn to when the exit was seen (by the sync transport: no earlier than the wait
    /// that saw it), and to the end of everything.
    std::chrono::nanoseconds ran{};
    std::chrono::nanoseconds lasted{};
    stderr_record record;

    bool success() const noexcept { return status.success(); }
};

}  // namespace fd2
