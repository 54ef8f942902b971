#include <fstream>

#include "base/files.hpp"
#include "cli/link.hpp"
#include "cli/place.hpp"

namespace fd2::cli {

// In `backends` beside fd2.exe. A copy that `fd2 link` made says beside it where it came from: who
// could write that file could write the copy as well.
std::string backends_beside_us() {
    const std::string self = own_executable();
    const std::size_t slash = self.rfind('/');
    if (slash == self.npos) return {};
    std::string beside = self.substr(0, slash) + "/backends";
    if (is_there(beside)) return beside;
    std::string home;
    std::ifstream in(path_of(home_note_of(self)), std::ios::binary);
    if (!std::getline(in, home) || !is_absolute(home)) return beside;
    return home + "/backends";
}

}  // namespace fd2::cli
