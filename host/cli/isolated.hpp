// Runs a plugin's code in a child process, for callers that only want to see what happens.
#pragma once

#include <boost/pfr/core.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/result.hpp"
#include "channel/backend_pool.hpp"
#include "channel/loader.hpp"
#include "channel/plugin_path.hpp"
#include "process/isolated.hpp"

namespace nlohmann {

template <class T>
struct adl_serializer<std::optional<T>> {
    static void to_json(json& out, const std::optional<T>& value) {
        out = json::array();
        if (value) out.push_back(*value);
    }
    static void from_json(const json& in, std::optional<T>& value) {
        value.reset();
        if (!in.empty()) value = in.at(0).get<T>();
    }
};

/// A plain struct is sent as the list of its members, in their order. Both sides are the same
/// program, so neither needs their names.
template <class T>
requires(std::is_class_v<T>&& std::is_aggregate_v<T>) struct adl_serializer<T> {
    static void to_json(json& out, const T& value) {
        out = json::array();
        boost::pfr::for_each_field(value, [&](const auto& member) { out.push_back(member); });
    }
    static void from_json(const json& in, T& value) {
        std::size_t i = 0;
        boost::pfr::for_each_field(value, [&](auto& member) { in.at(i++).get_to(member); });
    }
};

}  // namespace nlohmann

namespace fd2::cli {

/// What `work` returns when it runs in a child (see process::run_isolated), or why there is none.
/// It may return a plain struct, of plain structs, vectors and optional values.
template <class T>
result<T> isolated(const std::function<T()>& work, nanoseconds_t limit) {
    // MessagePack: text from plugins need not be UTF-8.
    auto answer = process::run_isolated(
        [&work] {
            std::string bytes;
            nlohmann::json::to_msgpack(nlohmann::json(work()), bytes);
            return bytes;
        },
        limit);
    if (!answer) return std::move(answer).error();
    try {
        return nlohmann::json::from_msgpack(*answer).template get<T>();
    } catch (const nlohmann::json::exception&) {
        return failure{errc::internal, 0, "crashed (malformed reply)"};
    }
}

/// How long one plugin may take. Each step is immediate on a machine that is not stuck.
inline constexpr nanoseconds_t plugin_patience = 10 * second;

/// What `work(plugins, pool)` returns, in a child, with the plugins of these directories. The child
/// needs no trial, but does not load what is known to have failed one, if that counts by `policy`.
template <class T, class Work>
result<T> isolated_with_plugins(const std::vector<channel::directory>& directories,
                                settings::trial_policy policy, Work work,
                                nanoseconds_t limit = plugin_patience) {
    return isolated<T>(
        [&] {
            channel::loader plugins(directories);
            plugins.set_trial(channel::policy_of(policy), {}, nullptr);
            channel::backend_pool pool(plugins, nullptr);
            return work(plugins, pool);
        },
        limit);
}

}  // namespace fd2::cli
