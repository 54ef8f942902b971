#pragma once

// Where this build is to be installed, as CMake was told. A tree that was moved finds its own files
// from where its program or library lies, and looks there first.

namespace fd2 {

extern const char installed_backends[];  ///< the directory of the backends
extern const char installed_conform[];   ///< the program behind `fd2 conform`

}  // namespace fd2
