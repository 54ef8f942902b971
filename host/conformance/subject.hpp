// The backend that is checked, loaded by the host's own loader, and the ways of driving it.
#pragma once

#include <fd2/abi.h>
#include <fd2/ext/handover.h>
#include <fd2/ext/pollable.h>

#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "channel/loader.hpp"
#include "channel/plugin_table.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

/// One backend, with one instance.
class backend {
  public:
    /// `configured`: "name=value&name=value", options of every channel that is opened; sizes and
    /// lengths of time with their units.
    backend(std::shared_ptr<const fd2::channel::loaded_plugin> plugin,
            const std::string& configured);
    ~backend();
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;

    /// With its configuration.
    const std::string& id() const { return id_; }
    const std::string& file() const { return plugin_->file; }
    const fd2_backend& table() const { return *plugin_->backend; }
    const fd2_channel_ops& ops() const { return *plugin_->backend->channel; }
    /// Null where a channel, as configured, does not claim it.
    const fd2_pollable* pollable() const {
        return claims(FD2_CAP_POLLABLE) ? plugin_->pollable : nullptr;
    }
    const fd2_handover* handover() const {
        return claims(FD2_CAP_HANDOVER) ? plugin_->handover : nullptr;
    }
    fd2_instance* instance() const { return instance_; }
    /// Of a channel as configured; by its own account.
    std::uint32_t medium() const { return kind_.medium; }
    /// What the child's end of such a channel is, as the kernel says.
    object_kind object() const { return object_; }
    /// Whether a drain of its channels waits for silence (FD2_INFO_SETTLES).
    bool settles() const { return (kind_.flags & FD2_INFO_SETTLES) != 0; }
    bool claims(std::uint64_t caps) const { return (kind_.caps & caps) == caps; }
    /// `given` and whatever was configured beside it.
    std::vector<fd2_option> with_configured(std::vector<fd2_option> given) const;

    /// What the backend said through the host's log since the last call.
    std::string said() const;

  private:
    static void log(void* ctx, std::int32_t level, const char* message, std::uint32_t size);

    std::shared_ptr<const fd2::channel::loaded_plugin> plugin_;
    std::string id_;
    std::unique_ptr<channel::option_table> configured_;
    fd2_info kind_{};
    object_kind object_ = object_kind::other;
    fd2_host host_{};
    mutable std::mutex mutex_;
    mutable std::string said_;
    fd2_instance* instance_ = nullptr;
};

/// Loads the backend that this process checks: a plugin's file, options of every channel
/// ("name=value&name=value"), and the backends that it may hand channels over to ("FILE?OPTIONS").
/// Once per process; `debugged`: so that a debugger finds them. Throws std::runtime_error where the
/// first cannot be loaded; of the others those that can be are.
void load_tested(const std::string& file, const std::string& configured,
                 const std::vector<std::string>& beside, bool debugged);

/// The backend under test, and those beside it.
const std::shared_ptr<backend>& tested();
const std::vector<std::shared_ptr<backend>>& beside();

enum class way { thread, poll };

/// One backend, driven one way.
struct variant {
    std::shared_ptr<backend> tested;
    way driven = way::thread;
};
std::ostream& operator<<(std::ostream& out, const variant& v);

/// The ways in which a backend can be driven; without an argument: the tested one.
std::vector<variant> variants_of(const std::shared_ptr<backend>& one);
std::vector<variant> variants();

/// An empty error, ready to be filled.
fd2_error blank_error();

}  // namespace fd2::conformance
