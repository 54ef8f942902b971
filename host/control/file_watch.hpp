// Tells when files have changed, however they are replaced: written in place, renamed over, or
// reached through symbolic links of which one was pointed elsewhere (as Kubernetes mounts them).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::control {

/// Watches the directories on the way to each file, every link included, and looks at the files
/// themselves once there was quiet for 50 ms: what an editor does in several steps is seen once.
/// [one thread]
class file_watch {
  public:
    /// `paths` are absolute; what does not exist may come. RESOURCE: no inotify instance or watch
    /// is left.
    static result<file_watch> make(std::vector<std::string> paths);

    /// Readable when `changed` is to be asked; two of them.
    int events() const noexcept { return events_.get(); }
    int quiet() const noexcept { return quiet_.get(); }

    /// True: at least one of the files is another one, or has another content, than when it was
    /// last true. Does not block.
    bool changed();

    /// These from now on. A failure: not all of them can be watched.
    status follow(std::vector<std::string> paths);

  private:
    /// Device, inode, size, times of the last changes; all 0: there is no such file.
    using version =
        std::tuple<std::uint64_t, std::uint64_t, std::int64_t, std::int64_t, std::int64_t>;
    static version version_of(const std::string& path);
    status watch_way_to(const std::string& path);
    status watch(const std::string& directory);

    unique_fd events_;
    unique_fd quiet_;  // a timer
    std::map<std::string, version> files_;
};

}  // namespace fd2::control
