#include "base/home_process.hpp"

#include <unistd.h>

namespace fd2 {

std::int64_t process_number() noexcept {
    return ::getpid();
}

}  // namespace fd2
