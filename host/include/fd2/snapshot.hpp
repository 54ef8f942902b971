// A child's stderr at one instant.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fd2/api.hpp"
#include "fd2/end_kind.hpp"
#include "fd2/errc.hpp"

namespace fd2 {

/// A backend that was tried before the one in use, and why it was not used.
struct fallback_step {
    std::string backend;
    errc code = errc::ok;
    int sys_errno = 0;
    std::string message;
};

/// A consistent copy. Plain data.
struct snapshot {
    std::string bytes;         ///< the newest `capture.tail` bytes, as the child wrote them
    std::uint64_t offset = 0;  ///< how many bytes came before the first of them
    std::uint64_t total_bytes = 0;
    std::uint64_t total_lines = 0;    ///< a last line without '\n' counts once the stream has ended
    std::uint64_t lines_dropped = 0;  ///< by full queues of subscribers, all together
    std::uint64_t forwarded_bytes = 0;
    std::uint64_t forward_dropped = 0;  ///< bytes not delivered to our own stderr
    end_kind end = end_kind::none;
    int end_errno = 0;     ///< if `end` is `error`
    bool final = false;    ///< nothing will be added
    std::string backend;   ///< "inherit" if the child writes to our own stderr
    std::string medium;    ///< "pipe", "socketpair", "tcp", ...; empty with "inherit"
    bool settles = false;  ///< the kernel cannot report data in transit: docs/choosing-a-backend.md
    std::vector<fallback_step> fallback;
};

class record_access;

/// The record of one child's stderr. It outlives connection and host; copies share it.
/// [any thread, distinct objects; one object: const members only]
class FD2_API stderr_record {
  public:
    stderr_record() noexcept;
    stderr_record(const stderr_record&) noexcept;
    stderr_record(stderr_record&&) noexcept;
    stderr_record& operator=(const stderr_record&) noexcept;
    stderr_record& operator=(stderr_record&&) noexcept;
    ~stderr_record();

    /// Empty for a default-constructed record. If the child inherited our stderr, it has no bytes
    /// and `backend` is "inherit".
    fd2::snapshot snapshot() const;
    /// Its bytes alone.
    std::string output() const;

  private:
    friend class record_access;
    std::shared_ptr<const class record_state> state_;
};

}  // namespace fd2
