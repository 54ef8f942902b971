#include "process/inherited_descriptors.hpp"

// A handle that was inherited has a number that only who passed it on can tell; and a child of ours
// gets the three standard handles, and no others.

namespace fd2::process {

inherited_descriptors inherited_descriptors::note() {
    return {};
}

void inherited_descriptors::close() const noexcept {}

}  // namespace fd2::process
