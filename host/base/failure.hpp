// What went wrong: a code that decides what happens next, the errno, a message and advice.
#pragma once

#include <fd2/errc.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace fd2 {

/// An errno's symbolic name ("EMFILE"), or "errno 4711" for one without a name. On Windows an errno
/// is what GetLastError() says ("ERROR_ACCESS_DENIED", "error 4711").
std::string errno_name(int sys_errno);

/// One failure. `message` is a full clause of the form "operation: object: reason", without a
/// trailing full stop or newline.
struct failure {
    errc code = errc::internal;
    int sys_errno = 0;
    std::string message;
    /// If a system call failed, `message` begins with its name, ": " and its object: the sizes of
    /// the two, for fd2::error, which tells them apart. 0: not there.
    std::size_t operation_size = 0;
    std::size_t object_size = 0;
    /// What to do about it ("run: chmod go-w FILE"); empty where the failure itself does not tell.
    std::string advice{};
};

/// The same failure, with advice.
inline failure advise(failure why, std::string advice) {
    why.advice = std::move(advice);
    return why;
}

/// "MESSAGE; ADVICE": what is shown where a failure gets one line.
std::string text_of(const failure& why);

/// The code that an errno stands for, by the table in docs/abi.md (EMFILE is `resource`, ...);
/// `internal` for one that no table entry names.
errc classify(int sys_errno) noexcept;

/// A failed system call: "OPERATION: OBJECT: Too many open files (EMFILE)", classified.
/// `object` may be empty.
failure system_failure(std::string_view operation, std::string_view object, int sys_errno);

}  // namespace fd2
