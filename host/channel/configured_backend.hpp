// A backend and how it is to open or adopt channels.
#pragma once

#include <memory>
#include <utility>

#include "channel/backend_instance.hpp"
#include "channel/plugin_table.hpp"

namespace fd2::channel {

/// Shared by all channels that have it.
struct configured_backend {
    configured_backend(std::shared_ptr<backend_instance> of,
                       std::shared_ptr<const option_table> with)
        : instance(std::move(of)), options(std::move(with)), plugin(instance->shared_plugin()) {}
    /// What remains of it when the last channel is closed.
    explicit configured_backend(std::shared_ptr<const loaded_plugin> was)
        : plugin(std::move(was)) {}

    std::shared_ptr<backend_instance> instance;  ///< null: closed
    std::shared_ptr<const option_table> options;
    std::shared_ptr<const loaded_plugin> plugin;
};

using shared_backend = std::shared_ptr<const configured_backend>;

}  // namespace fd2::channel
