// The backends of one host: loaded when first asked for, one instance each, and what is known to be
// wrong with them.
#pragma once

#include <fd2/observer.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "channel/configured_backend.hpp"
#include "settings/settings.hpp"

namespace fd2::channel {

/// [one thread at a time; the loader and the observer outlive it]
class backend_pool {
  public:
    backend_pool(loader& plugins, observer* watch) : plugins_(plugins), watch_(watch) {}

    /// The backend called `name` (an id or an absolute path), or why it cannot be used. One that is
    /// excluded is not tried again.
    result<std::shared_ptr<backend_instance>> get(std::string_view name,
                                                  trust_source source = trust_source::verified);

    /// It with these options, which are checked; the same object for the same options.
    result<shared_backend> configure(const std::shared_ptr<backend_instance>& instance,
                                     const settings::option_map& given);

    /// Backends are looked for again, also those that are excluded: their files may have changed.
    /// What they have that is new is admitted by `policy`. Channels keep the instances that they
    /// have.
    void look_again(load_policy policy);

    /// UNSUPPORTED, TIMEDOUT and INTERNAL exclude a backend for the life of this pool; the rest may
    /// be asked again for the next channel.
    void exclude_if_permanent(std::string_view name, const failure& why);

    /// Tells the observer, once for each backend and cause.
    void report(std::string_view name, const failure& why, severity level);

    loader& plugins() const noexcept { return plugins_; }
    std::uint64_t next_number() noexcept { return ++channels_; }
    observer* watch() const noexcept { return watch_; }

  private:
    loader& plugins_;
    observer* watch_;
    std::map<std::string, std::shared_ptr<backend_instance>, std::less<>> ready_;
    std::map<const backend_instance*, std::pair<settings::option_map, shared_backend>> configured_;
    std::map<std::string, failure, std::less<>> excluded_;
    std::set<std::tuple<std::string, errc, int>> reported_;
    std::uint64_t channels_ = 0;
};

}  // namespace fd2::channel
