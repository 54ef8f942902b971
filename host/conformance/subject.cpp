#include "conformance/subject.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "conformance/recorder.hpp"
#include "conformance/words.hpp"
#include "settings/values.hpp"

namespace fd2::conformance {

namespace {
constexpr int most_loops = 2;  // of any backend as it is checked

/// "name=value&name=value", each value as in a configuration file.
settings::option_map parsed(const std::string& configured) {
    settings::option_map out;
    std::stringstream pairs(configured);
    for (std::string pair; std::getline(pairs, pair, '&');) {
        const auto sign = std::min(pair.find('='), pair.size());
        const std::string value = pair.substr(std::min(sign + 1, pair.size()));
        out.insert_or_assign(pair.substr(0, sign),
                             settings::raw_option{value,
                                                  settings::guess(value, false),
                                                  {settings::source::option, "?" + configured}});
    }
    return out;
}
}  // namespace

backend::backend(std::shared_ptr<const fd2::channel::loaded_plugin> plugin,
                 const std::string& configured)
    : plugin_(std::move(plugin)), id_(plugin_->id) {
    if (!configured.empty()) id_ += " " + configured;
    auto options = channel::option_table::make(table(), plugin_->id, parsed(configured));
    if (!options) throw std::runtime_error(text_of(options.error()));
    configured_ = std::move(*options);
    host_.struct_size = sizeof(host_);
    host_.ctx = this;
    host_.log = log;
    fd2_error error = blank_error();
    const auto need = [&](const char* step, std::int32_t code) {
        if (code == FD2_OK) return;
        throw std::runtime_error(id_ + ": " + step + " returned " + code_word(code) +
                                 (error.message[0] != 0 ? ": " : "") + error.message);
    };
    need("init", table().init(&host_, &instance_, &error));

    recorder unused;
    const fd2_sink sink = unused.sink();
    // Each event loop is made with the first channel that it drives, once for all: here, so that
    // tests that count descriptors and threads see what a channel costs.
    for (int i = 0; i < most_loops; ++i) {
        fd2_channel* channel = nullptr;
        need("open", table().open(instance_, &configured_->table, &sink, &channel, &error));
        fd2_native end = FD2_NATIVE_NONE;
        need("take_child_end", ops().take_child_end(channel, &end, &error));
        const unique_fd writer(static_cast<int>(end));
        object_ = kind_of(writer.get());
        need("start", ops().start(channel, &error));
        kind_.struct_size = sizeof(kind_);
        need("info", ops().info(channel, &kind_));
        need("finish", ops().finish(channel, FD2_FINISH_NOW));
        need("join", ops().join(channel, never));
        need("close", ops().close(channel));
    }
}

std::vector<fd2_option> backend::with_configured(std::vector<fd2_option> given) const {
    for (const auto& each : configured_->items) {
        const bool named = std::any_of(given.begin(), given.end(), [&](const fd2_option& other) {
            return std::string_view(other.name) == each.name;
        });
        if (!named) given.push_back(each);
    }
    return given;
}

backend::~backend() {
    (void)table().deinit(instance_);
}

void backend::log(void* ctx, std::int32_t, const char* message, std::uint32_t size) {
    auto& self = *static_cast<backend*>(ctx);
    const std::lock_guard lock(self.mutex_);
    self.said_.append(message != nullptr ? std::string_view(message, size)
                                         : "(log was called without a message)") += "\n";
}

std::string backend::said() const {
    const std::lock_guard lock(mutex_);
    return std::exchange(said_, {});
}

namespace {
std::shared_ptr<backend> loaded;
std::vector<std::shared_ptr<backend>> loaded_beside;

std::shared_ptr<backend> load(channel::loader& from, const std::string& file,
                              const std::string& configured) {
    auto plugin = from.load(file, channel::trust_source::caller);
    if (!plugin) throw std::runtime_error(text_of(plugin.error()));
    return std::make_shared<backend>(*plugin, configured);
}
}  // namespace

void load_tested(const std::string& file, const std::string& configured,
                 const std::vector<std::string>& others, bool debugged) {
    channel::loader from({}, {});
    if (debugged) from.load_originals();
    loaded = load(from, file, configured);
    for (const auto& each : others) {
        const auto mark = each.find('?');
        try {
            loaded_beside.push_back(
                load(from, each.substr(0, mark), mark == each.npos ? "" : each.substr(mark + 1)));
        } catch (const std::runtime_error&) {
            // Its own checks say why.
        }
    }
}

const std::shared_ptr<backend>& tested() {
    return loaded;
}

const std::vector<std::shared_ptr<backend>>& beside() {
    return loaded_beside;
}

std::ostream& operator<<(std::ostream& out, const variant& v) {
    return out << v.tested->id() << (v.driven == way::thread ? ", own thread" : ", polled");
}

std::vector<variant> variants_of(const std::shared_ptr<backend>& one) {
    std::vector<variant> all = {{one, way::thread}};
    if (one->pollable() != nullptr) all.push_back({one, way::poll});
    return all;
}

std::vector<variant> variants() {
    return variants_of(tested());
}

fd2_error blank_error() {
    fd2_error error{};
    error.struct_size = sizeof(error);
    return error;
}

}  // namespace fd2::conformance
