// Failures that reach an embedding program.
//
// Functions that can fail for reasons outside the program come in pairs: one throws `error`, one
// takes a `std::error_code&` as its last argument, sets it (cleared on success) and returns an
// empty value. A program's own mistakes (a wait on a moved-from object, a host name that would be
// an option) are failures with the code `errc::state` or `errc::invalid`.
//
// A `std::error_code` of fd2 is an errno in std::generic_category() if that says what kind of
// failure it was, and otherwise an `errc` in `error_category()`. Either compares with an `errc`:
//
//     if (ec == fd2::errc::resource) ...  // EMFILE, ENOMEM, ... as well
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

#include "fd2/api.hpp"
#include "fd2/errc.hpp"

namespace fd2 {

/// The category of codes without an errno; its values are those of `errc`.
FD2_API const std::error_category& error_category() noexcept;

FD2_API std::error_condition make_error_condition(errc code) noexcept;
FD2_API std::error_code make_error_code(errc code) noexcept;

/// The `errc` that a code stands for, and the errno behind it (0: none).
FD2_API errc kind_of(const std::error_code& code) noexcept;
FD2_API int errno_of(const std::error_code& code) noexcept;

/// The code for a failure of that kind and errno (0: none).
FD2_API std::error_code code_of(errc kind, int sys_errno) noexcept;

/// `what()` is a message for people, "operation: object: reason". [any thread]
class FD2_API error : public std::runtime_error {
  public:
    /// `operation_size` and `object_size`: their lengths within `what` (see the accessors).
    error(errc kind, int sys_errno, const std::string& what, std::size_t operation_size = 0,
          std::size_t object_size = 0);
    ~error() override;

    errc kind() const noexcept { return kind_; }
    /// The errno of the system call that failed; 0 if none did.
    int sys_errno() const noexcept { return errno_; }
    std::error_code code() const noexcept;

    /// What was done ("open") and to what ("/dev/null") if a system call failed; otherwise empty.
    std::string operation() const;
    std::string object() const;

  private:
    errc kind_;
    int errno_;
    std::size_t operation_size_;
    std::size_t object_size_;
};

}  // namespace fd2

template <>
struct std::is_error_condition_enum<fd2::errc> : std::true_type {};
