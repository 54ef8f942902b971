// The tail on our own stderr, once, where a command failed and its stderr was not all seen.
#pragma once

#include <fd2/exit_status.hpp>

#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "forward/forwarder.hpp"
#include "settings/settings.hpp"

namespace fd2::runs {

/// What is to be shown, heading included ("ssh process exited with status 255:"); empty where
/// nothing is. `command` is argv[0].
std::string replay_text(settings::surface_policy policy, const std::string& command,
                        exit_status exit, const capture::capture& record,
                        const forward::counters& forwarded);

/// Shows it on `fd` as it is, whatever the forwarding mode. Made where there is something to show.
class replay {
  public:
    /// Offers the text at once; `beside` is the forwarder of the same descriptor, whose unfinished
    /// line is ended first. Where that found nothing open at its start, nothing is written: what
    /// has the number by now is somebody else's.
    replay(int fd, const settings::forward_settings& config, forward::forwarder& beside,
           const std::string& text);

    forward::stream& stream() noexcept { return *stream_; }

  private:
    forward::forwarder out_;
    std::unique_ptr<forward::stream> stream_;
};

}  // namespace fd2::runs
