#include "cli/last_resort.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <typeinfo>

#include "cli/environment.hpp"
#include "cli/system.hpp"
#include "process/exit_as.hpp"

namespace fd2::cli {
namespace {

// std::terminate takes a function and nothing for it to know.
constinit std::optional<exit_status> known;

[[noreturn]] void leave() noexcept {
    if (known) {
        say_at_once(
            "fd2: error: out of memory after the command's end; reports and the rest of its stderr "
            "may be missing\n");
        process::exit_as(*known);
    }
    const std::type_info* const thrown = abi::__cxa_current_exception_type();
    if (thrown == nullptr || *thrown != typeid(std::bad_alloc)) std::abort();
    say_at_once("fd2: out of memory\n");
    leave_at_once(own_failure);
}

// Before the constructors of other static objects, which allocate (those of the option parser's
// header do). Lower numbers are the implementation's.
[[gnu::constructor(101)]] void watch() noexcept {
    std::set_terminate(leave);
}

}  // namespace

void set_status_for_terminate(exit_status status) noexcept {
    known = status;
}

}  // namespace fd2::cli
