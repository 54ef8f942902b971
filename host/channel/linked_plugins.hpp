// Backends that are part of this program: a static program cannot load any
// (-DFD2_STATIC_PLUGINS=ON).
#pragma once

#include <fd2/abi.h>

#include <cstdint>
#include <span>

namespace fd2::channel {

struct linked_plugin {
    const char* id;
    std::int32_t (*entry)(const fd2_backend** out);
};

/// By id, sorted; empty unless the program was built with them.
std::span<const linked_plugin> linked_plugins() noexcept;

/// What stands where other plugins have the name of their file.
inline constexpr char linked_file[] = "built in";

}  // namespace fd2::channel
