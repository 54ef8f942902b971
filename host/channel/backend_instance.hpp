// One instance of a backend, and the errors of calls into it.
#pragma once

#include <fd2/abi.h>
#include <fd2/observer.hpp>

#include <memory>

#include "base/result.hpp"
#include "channel/loader.hpp"

namespace fd2::channel {

/// Storage for the error of one call into a backend. Allocates nothing before as_failure.
class call_error {
  public:
    fd2_error* get() noexcept { return &error_; }
    int sys_errno() const noexcept { return error_.sys_errno; }
    /// `code` is what the call returned; the message is the backend's, made safe to print.
    failure as_failure(std::int32_t code) const;

  private:
    fd2_error error_{sizeof(fd2_error), 0, 0, 0, {}};
};

/// One instance of a loaded plugin. Channels share it; it is shut down with the last of them.
class backend_instance {
  public:
    static result<std::shared_ptr<backend_instance>> make(
        std::shared_ptr<const loaded_plugin> loaded, observer* watch);
    ~backend_instance();
    backend_instance(const backend_instance&) = delete;
    backend_instance& operator=(const backend_instance&) = delete;

    const loaded_plugin& plugin() const noexcept { return *plugin_; }
    const std::shared_ptr<const loaded_plugin>& shared_plugin() const noexcept { return plugin_; }
    const fd2_backend& table() const noexcept { return *plugin_->backend; }
    fd2_instance* instance() const noexcept { return instance_; }

  private:
    backend_instance(std::shared_ptr<const loaded_plugin> loaded, observer* watch);
    static void log(void* self, std::int32_t level, const char* text, std::uint32_t size) noexcept;

    std::shared_ptr<const loaded_plugin> plugin_;
    observer* watch_;
    fd2_host host_;
    fd2_instance* instance_ = nullptr;
};

}  // namespace fd2::channel
