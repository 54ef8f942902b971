#include "cli/host_survey.hpp"

#include <cstdio>
#include <utility>

#include "base/plain_text.hpp"

namespace fd2::cli {

using nlohmann::ordered_json;

std::string text_in(const ordered_json& from, const char* name) {
    const auto found = from.find(name);
    return found != from.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::int64_t integer_in(const ordered_json& from, const char* name) {
    const auto found = from.find(name);
    return found != from.end() && found->is_number() ? found->get<std::int64_t>() : 0;
}

const ordered_json& list_in(const ordered_json& from, const char* name) {
    static const ordered_json none = ordered_json::array();
    const auto found = from.find(name);
    return found != from.end() && found->is_array() ? *found : none;
}

std::string command_in(const ordered_json& from) {
    std::string out;
    for (const auto& word : list_in(from, "command")) {
        if (word.is_string()) out += (out.empty() ? "" : " ") + word.get<std::string>();
    }
    return plain(out);
}

std::string short_time(std::int64_t milliseconds) {
    const std::int64_t s = milliseconds / 1000;
    const auto two = [](std::int64_t number, const char* unit) {
        return (number < 10 ? "0" : "") + std::to_string(number) + unit;
    };
    if (s < 60) return std::to_string(s) + "s";
    if (s < 3600) return std::to_string(s / 60) + "m" + two(s % 60, "s");
    if (s < 86400) return std::to_string(s / 3600) + "h" + two(s / 60 % 60, "m");
    return std::to_string(s / 86400) + "d" + two(s / 3600 % 24, "h");
}

std::string short_size(std::int64_t bytes) {
    const char* const units = "KMGTPE";
    if (bytes < 1000) return std::to_string(bytes);
    double value = static_cast<double>(bytes) / 1024;
    int unit = 0;
    for (; value >= 1000; value /= 1024) ++unit;
    char text[16];
    std::snprintf(text, sizeof(text), value < 10 ? "%.1f%c" : "%.0f%c", value, units[unit]);
    return text;
}

std::vector<target> all_targets() {
    std::vector<target> out;
    for (auto& each : control::list_sockets()) out.push_back({std::move(each), std::nullopt});
    return out;
}

survey ask_all(const std::vector<target>& hosts) {
    survey out;
    const nanoseconds_t deadline = after(now(), answer_time);
    for (const target& each : hosts) {
        auto connection = control::client::connect(each.host);
        if (!connection) continue;  // it has just ended
        auto answer = connection->call("List", ordered_json::object(), deadline);
        if (!answer || !answer->error.empty()) {
            if (!answer && answer.error().code != errc::timedout) continue;
            out.silent.push_back(each.host.name);
            continue;
        }
        out.hosts.push_back(answer->parameters.value("host", ordered_json::object()));
        for (ordered_json channel : list_in(answer->parameters, "channels")) {
            if (each.channel &&
                integer_in(channel, "number") != static_cast<std::int64_t>(*each.channel)) {
                continue;
            }
            ordered_json entry = {{"host", each.host.pid},
                                  {"uid", integer_in(out.hosts.back(), "uid")}};
            entry.update(channel);
            out.channels.push_back(std::move(entry));
        }
    }
    return out;
}

}  // namespace fd2::cli
