#include "cli/background.hpp"
#include "process/exit_as.hpp"

// A process cannot be split in two here.

namespace fd2::cli {

result<background_run> background_run::begin(const process_start&) {
    return failure{errc::unsupported, 0, "not on Windows"};
}

void background_run::stay(exit_status) noexcept {}

void background_run::end(exit_status status) noexcept {
    process::exit_as(status);
}

void background_run::tell(exit_status, bool) noexcept {}

}  // namespace fd2::cli
