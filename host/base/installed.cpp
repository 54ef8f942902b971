#include "base/installed.hpp"

namespace fd2 {

const char installed_backends[] = FD2_BACKEND_DIR;
const char installed_conform[] = FD2_CONFORM_PROGRAM;

}  // namespace fd2
