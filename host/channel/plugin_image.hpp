// What of a plugin's file is mapped: a copy of our own, which nobody can change any more.
//
// A library that is mapped from its file is at the mercy of whoever writes to that file: `cp new.so
// /usr/lib/.../pipe.so` changes the code under every running process, and a truncated file ends
// them with SIGBUS. A copy costs the time to copy some 40 KB, and the memory.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "channel/trust.hpp"

namespace fd2::channel {

/// Where the copy is; in the order in which they are tried.
enum class image_kind {
    memory,     ///< a memory file, sealed
    directory,  ///< a file in a new directory of ours, gone when the image is destroyed
    original,   ///< no copy: the plugin's file itself, where the system allows neither
};

class plugin_image {
  public:
    /// A copy of the file, made anew. UNSUPPORTED or DENIED: not in this way, here.
    static result<plugin_image> make(image_kind kind, const opened_plugin& file);

    plugin_image(plugin_image&& other) noexcept;
    plugin_image& operator=(plugin_image&&) = delete;
    ~plugin_image();

    int descriptor() const noexcept { return descriptor_.get(); }
    /// A name by which it can be opened; empty for a memory file, which has none but its
    /// descriptor's.
    const std::string& path() const noexcept { return path_; }

  private:
    plugin_image() = default;

    unique_fd descriptor_;
    std::string path_;
    std::string directory_;  // to be removed, with `path_`
};

}  // namespace fd2::channel
