// Where this copy of fd2 has what belongs to it.
#pragma once

#include <string>

namespace fd2::cli {

/// The directory of backends that moved along with this executable; empty: unknown.
std::string backends_beside_us();

}  // namespace fd2::cli
