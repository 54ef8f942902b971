#include "channel/backend_pool.hpp"

namespace fd2::channel {

result<std::shared_ptr<backend_instance>> backend_pool::get(std::string_view name,
                                                            trust_source source) {
    if (const auto bad = excluded_.find(name); bad != excluded_.end()) return bad->second;
    if (const auto known = ready_.find(name); known != ready_.end()) return known->second;
    auto loaded = plugins_.load(name, source);
    if (!loaded) {
        exclude_if_permanent(name, loaded.error());
        return std::move(loaded).error();
    }
    auto made = backend_instance::make(std::move(*loaded), watch_);
    if (!made) {
        exclude_if_permanent(name, made.error());
        return std::move(made).error();
    }
    ready_.emplace(std::string(name), *made);
    return std::move(*made);
}

result<shared_backend> backend_pool::configure(const std::shared_ptr<backend_instance>& instance,
                                               const settings::option_map& given) {
    const auto known = configured_.find(instance.get());
    if (known != configured_.end() && known->second.first == given) return known->second.second;
    auto options = option_table::make(instance->table(), instance->plugin().id, given);
    if (!options) return std::move(options).error();
    auto made = std::make_shared<const configured_backend>(instance, std::move(*options));
    configured_.insert_or_assign(instance.get(), std::pair(given, made));
    return made;
}

void backend_pool::look_again(load_policy policy) {
    plugins_.look_again(policy);
    excluded_.clear();
    reported_.clear();
    configured_.clear();
    // An instance whose plugin is still the one in the file serves on.
    std::erase_if(ready_, [this](const auto& entry) {
        const auto& [name, instance] = entry;
        const auto found = plugins_.load(name, instance->plugin().source);
        return !found || (*found)->backend != instance->plugin().backend;
    });
}

void backend_pool::exclude_if_permanent(std::string_view name, const failure& why) {
    if (why.code == errc::unsupported || why.code == errc::timedout || why.code == errc::internal) {
        excluded_.insert_or_assign(std::string(name), why);
    }
}

void backend_pool::report(std::string_view name, const failure& why, severity level) {
    if (!watch_) return;
    if (!reported_.emplace(std::string(name), why.code, why.sys_errno).second) return;
    const std::string text = "backend " + std::string(name) + " not used: " + text_of(why);
    watch_->on_event({level, text, name});
}

}  // namespace fd2::channel
