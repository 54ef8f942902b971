#include <exception>

#include "process/isolated.hpp"

namespace fd2::process {

// A process cannot be copied here: the work is done in this one, and what it does, it does to us.
result<std::string> run_isolated(const std::function<std::string()>& work, nanoseconds_t) {
    try {
        return work();
    } catch (const std::exception& why) {
        return failure{errc::internal, 0, why.what()};
    }
}

}  // namespace fd2::process
