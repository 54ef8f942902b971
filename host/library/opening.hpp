// A child's stderr, from the settings to the end that the child gets.
#pragma once

#include <fd2/ssh_command.hpp>

#include <functional>
#include <memory>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "channel/channel.hpp"
#include "library/host_state.hpp"
#include "library/line_queue.hpp"
#include "library/record_state.hpp"

namespace fd2 {

struct opening {
    std::unique_ptr<channel::channel> carried;  ///< null: the child inherits our stderr
    unique_fd child_end;                        ///< then: none
    std::shared_ptr<record_state> record;       ///< never null; `forwards` is the caller's to fill
};

/// Checks the command, chooses and opens. `complete` adds the caller's part to the setup; it is
/// called only where a channel is to be opened.
result<opening> open_stderr(host_state& on, const ssh_command& command,
                            settings::transport_kind transport,
                            const std::function<status(channel::channel_setup&)>& complete);

/// Those who subscribed before the spawn. For who was not handed a record nothing comes.
class early_subscribers {
  public:
    explicit early_subscribers(ssh_command& command);
    ~early_subscribers();
    early_subscribers(const early_subscribers&) = delete;
    early_subscribers& operator=(const early_subscribers&) = delete;

    void attach(const record_state& record);

  private:
    std::vector<std::shared_ptr<line_queue>> queues_;
};

}  // namespace fd2
