#include <windows.h>

#include "base/home_process.hpp"

namespace fd2 {

std::int64_t process_number() noexcept {
    return static_cast<std::int64_t>(::GetCurrentProcessId());
}

}  // namespace fd2
