// What the running hosts say of themselves, for the commands that list them.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "control/client.hpp"

namespace fd2::cli {

// How long a host may take to answer; its main thread is never busy for long.
inline constexpr nanoseconds_t answer_time = 2 * second;

/// One host, and the channel of it that was meant.
struct target {
    control::socket_entry host;
    std::optional<std::uint64_t> channel;
};

std::vector<target> all_targets();

/// What the hosts answer to List.
struct survey {
    nlohmann::ordered_json hosts = nlohmann::ordered_json::array();
    nlohmann::ordered_json channels =
        nlohmann::ordered_json::array();  ///< each with its host's pid as "host"
    std::vector<std::string> silent;      ///< names of those that did not answer
};
survey ask_all(const std::vector<target>& hosts);

// Members of an answer; what is not there, or of another type, is empty or 0.
std::string text_in(const nlohmann::ordered_json& from, const char* name);
std::int64_t integer_in(const nlohmann::ordered_json& from, const char* name);
const nlohmann::ordered_json& list_in(const nlohmann::ordered_json& from, const char* name);
/// The words of "command", for a person.
std::string command_in(const nlohmann::ordered_json& from);

/// "12s", "3m05s", "4h12m", "9d03h".
std::string short_time(std::int64_t milliseconds);

/// "999", "9.8K", "64K", "1.2M".
std::string short_size(std::int64_t bytes);

}  // namespace fd2::cli
