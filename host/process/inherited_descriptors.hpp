// The descriptors above 2 that this process was started with. A wrapper passes them on to its
// command and must not keep them itself: a lock, a pipe's write end or a listening socket would
// otherwise stay in use for as long as the wrapper lives, whatever the command does with its own.
#pragma once

#include <vector>

namespace fd2::process {

class inherited_descriptors {
  public:
    inherited_descriptors() noexcept = default;

    /// Those open at this moment. What is close-on-exec did not come through our exec: it belongs
    /// to a library that was loaded before main, and is left out.
    /// [in main, before anything of ours is opened]
    static inherited_descriptors note();

    /// Closes them, except those that have become close-on-exec since: fd2 was given these for its
    /// own use and has taken them over, or the number is somebody else's by now.
    /// [after the spawn, once]
    void close() const noexcept;

    const std::vector<int>& numbers() const noexcept { return numbers_; }

  private:
    std::vector<int> numbers_;
};

}  // namespace fd2::process
