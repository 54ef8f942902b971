// A backend as a program has it that speaks the contract itself: loaded by the host's loader, one
// instance, and the options of its channels.
#pragma once

#include <fd2/abi.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.hpp"
#include "channel/backend_pool.hpp"
#include "channel/loader.hpp"
#include "settings/settings.hpp"

namespace fd2::bench {

/// How the bench spells a backend: its id and, behind a stroke, its option `medium`, if any:
/// "pipe", "tokio-like-async/tcp".
struct backend_name {
    std::string id;
    std::string medium;

    explicit backend_name(std::string_view text)
        : id(text.substr(0, text.find('/'))),
          medium(text.find('/') == text.npos ? "" : text.substr(text.find('/') + 1)) {}

    /// The same for what opens channels by the settings.
    settings::settings as_settings() const {
        settings::settings out;
        if (!medium.empty()) out.options[id]["medium"].text = medium;
        return out;
    }
};

/// What fails answers false or null, and `why` says why.
class loaded_backend {
  public:
    loaded_backend(std::string_view directory, std::string_view name);

    bool usable() const { return from_ != nullptr; }
    const std::string& why() const { return why_; }
    const fd2_backend& table() const { return from_->table(); }
    const fd2_channel_ops& ops() const { return *table().channel; }
    const fd2_handover* handover() const { return from_->plugin().handover; }

    /// A channel, OPEN.
    fd2_channel* open(const fd2_sink& sink);
    /// A channel, OPEN, over what another let go of.
    fd2_channel* adopt(const fd2_carry& carry, const fd2_sink& sink);
    bool start(fd2_channel* channel);
    unique_fd take_child_end(fd2_channel* channel);
    /// finish(now), join, close.
    bool end(fd2_channel* channel);

  private:
    bool good(std::int32_t code, const channel::call_error& error);
    fd2_options options() const;

    backend_name name_;
    channel::loader plugins_;
    channel::backend_pool pool_;
    std::shared_ptr<channel::backend_instance> from_;
    std::vector<fd2_option> options_;
    std::string why_;
};

}  // namespace fd2::bench
