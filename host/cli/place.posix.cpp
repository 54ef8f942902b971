#include "cli/place.hpp"
#include "base/files.hpp"

namespace fd2::cli {

/// PREFIX/bin/fd2 has its plugins in PREFIX/lib/.../fd2/backends, installed or in a build tree;
/// wherever it was moved to, they moved along.
std::string backends_beside_us() {
    const std::string self = own_executable();
    const std::size_t file = self.rfind('/');
    const std::size_t bin = file == 0 || file == self.npos ? self.npos : self.rfind('/', file - 1);
    return bin == self.npos ? "" : self.substr(0, bin) + "/" FD2_BACKEND_DIR_RELATIVE;
}

}  // namespace fd2::cli
