// The backends of one host: loaded when first asked for, one instance each, and what is known to be
// wrong with them.
#pragma once

#include <fd2/abi.h>
#include <fd2/observer.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>

#include "base/result.hpp"
#include "loader/loader.hpp"

namespace fd2::channel {

/// Storage for the error of one call into a backend.
class call_error {
  public:
    fd2_error* get() noexcept { return &error_; }
    /// `code` is what the call returned; the message is the backend's, made safe to print.
    failure as_failure(std::int32_t code) const;

  private:
    fd2_error error_{sizeof(fd2_error), 0, 0, 0, {}};
};

/// One instance of a loaded plugin. Channels share it; it is taken down with the last of them.
class backend_instance {
  public:
    static result<std::shared_ptr<backend_instance>> make(
        std::shared_ptr<const loader::plugin> from, observer* watch);
    ~backend_instance();
    backend_instance(const backend_instance&) = delete;
    backend_instance& operator=(const backend_instance&) = delete;

    const loader::plugin& plugin() const noexcept { return *plugin_; }
    const fd2_backend& table() const noexcept { return *plugin_->backend; }
    fd2_instance* instance() const noexcept { return instance_; }

  private:
    backend_instance(std::shared_ptr<const loader::plugin> from, observer* watch);
    static void log(void* self, std::int32_t level, const char* text, std::uint32_t size) noexcept;

    std::shared_ptr<const loader::plugin> plugin_;
    observer* watch_;
    fd2_host host_;
    fd2_instance* instance_ = nullptr;
};

/// [one thread at a time; the loader and the observer outlive it]
class backend_pool {
  public:
    backend_pool(loader::loader& plugins, observer* watch) : plugins_(plugins), watch_(watch) {}

    /// The backend called `name` (an id or an absolute path), or why it cannot be used. What was
    /// found wrong for good (see `remember`) is answered again without another try.
    result<std::shared_ptr<backend_instance>> get(std::string_view name,
                                                  loader::trust word = loader::trust::verified);

    /// UNSUPPORTED and TIMEDOUT keep a backend out until the configuration is read again, INTERNAL
    /// for the life of the process; the rest may be asked again for the next channel.
    void remember(std::string_view name, const failure& why);

    /// Tells the observer, once for each backend and cause.
    void report(std::string_view name, const failure& why, severity level);

    std::uint64_t next_number() noexcept { return ++channels_; }
    observer* watch() const noexcept { return watch_; }

  private:
    loader::loader& plugins_;
    observer* watch_;
    std::map<std::string, std::shared_ptr<backend_instance>, std::less<>> ready_;
    std::map<std::string, failure, std::less<>> out_;
    std::set<std::tuple<std::string, errc, int>> reported_;
    std::uint64_t channels_ = 0;
};

}  // namespace fd2::channel
