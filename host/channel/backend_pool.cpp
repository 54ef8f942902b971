#include "channel/backend_pool.hpp"

#include <algorithm>
#include <cstring>

namespace fd2::channel {

namespace {

/// One printable line, whatever the backend wrote.
std::string printable(std::string_view text) {
    std::string out(text);
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return out;
}

}  // namespace

failure call_error::as_failure(std::int32_t code) const {
    failure why;
    const bool known = code > FD2_OK && code <= FD2_E_INTERNAL;
    why.code = known ? static_cast<errc>(code) : errc::internal;
    why.sys_errno = error_.sys_errno;
    why.message = printable({error_.message, ::strnlen(error_.message, sizeof(error_.message))});
    if (why.message.empty()) why.message = "failed without a message";
    if (!known) why.message += " (unknown code " + std::to_string(code) + ")";
    return why;
}

backend_instance::backend_instance(std::shared_ptr<const loader::plugin> from, observer* watch)
    : plugin_(std::move(from)), watch_(watch), host_{sizeof(fd2_host), 0, this, &log, nullptr} {}

result<std::shared_ptr<backend_instance>> backend_instance::make(
    std::shared_ptr<const loader::plugin> from, observer* watch) {
    std::shared_ptr<backend_instance> made(new backend_instance(std::move(from), watch));
    call_error error;
    fd2_instance* instance = nullptr;
    const std::int32_t code = made->table().init(&made->host_, &instance, error.get());
    // A failed init has made nothing, whatever stands in its out parameter.
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

result<std::shared_ptr<backend_instance>> backend_pool::get(std::string_view name,
                                                            loader::trust word) {
    if (const auto bad = out_.find(name); bad != out_.end()) return bad->second;
    if (const auto known = ready_.find(name); known != ready_.end()) return known->second;
    auto loaded = plugins_.load(name, word);
    if (!loaded) {
        remember(name, loaded.error());
        return std::move(loaded).error();
    }
    auto made = backend_instance::make(std::move(*loaded), watch_);
    if (!made) {
        remember(name, made.error());
        return std::move(made).error();
    }
    ready_.emplace(std::string(name), *made);
    return std::move(*made);
}

void backend_pool::remember(std::string_view name, const failure& why) {
    if (why.code == errc::unsupported || why.code == errc::timedout || why.code == errc::internal) {
        out_.insert_or_assign(std::string(name), why);
    }
}

void backend_pool::report(std::string_view name, const failure& why, severity level) {
    if (!watch_) return;
    if (!reported_.emplace(std::string(name), why.code, why.sys_errno).second) return;
    const std::string text = "backend " + std::string(name) + " not used: " + why.message;
    watch_->on_event({level, text, name});
}

}  // namespace fd2::channel
