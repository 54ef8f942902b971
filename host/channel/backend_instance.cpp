#include "channel/backend_instance.hpp"

#include <cstring>

#include "base/plain_text.hpp"

namespace fd2::channel {

// errc's comment promises the numbers of the contract, and a code is taken over as it is.
static_assert(static_cast<int>(errc::unsupported) == FD2_E_UNSUPPORTED &&
              static_cast<int>(errc::resource) == FD2_E_RESOURCE &&
              static_cast<int>(errc::denied) == FD2_E_DENIED &&
              static_cast<int>(errc::timedout) == FD2_E_TIMEDOUT &&
              static_cast<int>(errc::config) == FD2_E_CONFIG &&
              static_cast<int>(errc::invalid) == FD2_E_INVALID &&
              static_cast<int>(errc::state) == FD2_E_STATE &&
              static_cast<int>(errc::would_deadlock) == FD2_E_WOULD_DEADLOCK &&
              static_cast<int>(errc::internal) == FD2_E_INTERNAL);

failure call_error::as_failure(std::int32_t code) const {
    failure why;
    const bool known = code > FD2_OK && code <= FD2_E_INTERNAL;
    why.code = known ? static_cast<errc>(code) : errc::internal;
    why.sys_errno = error_.sys_errno;
    why.message =
        blank_controls({error_.message, ::strnlen(error_.message, sizeof(error_.message))});
    if (why.message.empty()) why.message = "failed without a message";
    if (!known) why.message += " (unknown code " + std::to_string(code) + ")";
    return why;
}

backend_instance::backend_instance(std::shared_ptr<const loaded_plugin> loaded, observer* watch)
    : plugin_(std::move(loaded)), watch_(watch), host_{sizeof(fd2_host), 0, this, &log, nullptr} {}

result<std::shared_ptr<backend_instance>> backend_instance::make(
    std::shared_ptr<const loaded_plugin> loaded, observer* watch) {
    std::shared_ptr<backend_instance> made(new backend_instance(std::move(loaded), watch));
    call_error error;
    fd2_instance* instance = nullptr;
    const std::int32_t code = made->table().init(&made->host_, &instance, error.get());
    // A failed init has made nothing; its out parameter is not looked at.
    if (code != FD2_OK) return error.as_failure(code);
    made->instance_ = instance;
    return made;
}

backend_instance::~backend_instance() {
    if (!instance_ || table().deinit(instance_) == FD2_OK || !watch_) return;
    watch_->on_event({severity::error, "deinit refused with no channel open", plugin_->id});
}

void backend_instance::log(void* self, std::int32_t level, const char* text,
                           std::uint32_t size) noexcept {
    const auto& me = *static_cast<const backend_instance*>(self);
    if (!me.watch_) return;
    severity how = severity::error;
    if (level <= FD2_LOG_DEBUG) how = severity::debug;
    if (level == FD2_LOG_INFO) how = severity::info;
    if (level == FD2_LOG_WARNING) how = severity::warning;
    me.watch_->on_event({how, std::string_view(text, size), me.plugin_->id});
}

}  // namespace fd2::channel
