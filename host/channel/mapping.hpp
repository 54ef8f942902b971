// Maps plugin files into this process, each content once.
#pragma once

#include <fd2/abi.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "channel/trust.hpp"

namespace fd2::channel {

/// A plugin in memory.
struct mapped_plugin {
    std::int32_t (*entry)(const fd2_backend**) = nullptr;
    std::string hash = {};  ///< of its content (content_hash); empty where nobody has asked for it
    std::uint64_t generation = 0;  ///< which version of the file in this process, from 1
};

struct mapping_options {
    bool hashed = false;    ///< the caller needs the hash
    bool original = false;  ///< no copy: debuggers find symbols and lines by the file's name
    /// Whether what is behind a descriptor, with this hash, may be mapped. Asked before anything is
    /// mapped that this process does not have yet; nothing is locked meanwhile. May be null.
    std::function<status(int image, const std::string& hash)> admit = {};
};

/// The plugin in `file`, which is mapped if this process has not done so before; it stays mapped.
/// What is mapped is a copy (plugin_image) of the very file that was checked, so that nothing that
/// happens to the file later harms this process. A file whose content has changed since is another
/// plugin. Nothing is kept open. `shown` is for the messages.
/// UNSUPPORTED: it cannot be linked, is cut off, or has no entry; or what `admit` says. [any
/// thread]
result<mapped_plugin> map_plugin(const opened_plugin& file, const std::string& shown,
                                 const mapping_options& options = {});

/// The hash of `file`'s content, if that is what this process has mapped of it as this generation.
std::string hash_of_mapped(const opened_plugin& file, std::uint64_t generation);

}  // namespace fd2::channel
