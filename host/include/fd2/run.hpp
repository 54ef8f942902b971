// A command from its start to its end, in one call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "fd2/api.hpp"
#include "fd2/exit_report.hpp"
#include "fd2/host.hpp"
#include "fd2/snapshot.hpp"
#include "fd2/ssh_command.hpp"

namespace fd2 {

/// The zero value gives no input and sets no limits.
struct run_options {
    std::string_view input = {};  ///< for its stdin, which is then closed
    /// Afterwards the command's stop actions apply, and finally SIGKILL. 0: no limit; negative: at
    /// once.
    std::chrono::milliseconds timeout{};
    std::size_t out_limit = 0;  ///< of `out`; 0: none. Bytes beyond it are counted
};

struct run_result {
    exit_report report;
    std::string out;                ///< its stdout
    std::uint64_t out_dropped = 0;  ///< bytes beyond `out_limit`
    fd2::snapshot err;              ///< its stderr: the newest `capture.tail` bytes of it
    bool timed_out = false;         ///< it had not ended by `timeout`

    bool success() const noexcept { return report.success() && !timed_out; }
};

/// Starts `command`, writes the input while it reads both outputs, and waits for the end. It is not
/// a failure if the child does not read all its input. Returns when the child has ended and its
/// outputs are at EOF, or other processes hold them but write nothing (finish.linger,
/// finish.linger-max): by then it has every byte that the child itself wrote. If stdout is not a
/// pipe, `out` is empty.
///
/// Errors: as fd2::spawn; input for a stdin that is not a pipe (`invalid`); a failure to wait,
/// which leaves no child behind. [any thread, distinct commands]
FD2_API run_result run(const host& context, ssh_command& command, const run_options& options = {});
/// `*why`, if given, is what `error::what` would say.
FD2_API std::optional<run_result> run(const host& context, ssh_command& command,
                                      const run_options& options, std::error_code& failed,
                                      std::string* why = nullptr);

}  // namespace fd2
