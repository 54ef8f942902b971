#include "cli/plugins.hpp"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>

#include "cli/plugin_survey.hpp"

namespace fd2::cli {

namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

void print_table(const std::vector<plugin_row>& rows, std::ostream& out) {
    std::size_t width = std::string_view("BACKEND").size();
    for (const auto& one : rows) width = std::max(width, one.backend.size());
    const auto column = [&](std::string_view text, std::size_t size) {
        out << std::left << std::setw(static_cast<int>(size + 2)) << text;
    };
    column("BACKEND", width);
    column("VERSION", 8);
    column("USABLE", 6);
    out << "FILE\n";
    for (const auto& one : rows) {
        column(one.backend, width);
        column(one.version.empty() ? "-" : one.version, 8);
        column(one.usable() ? "yes" : "no", 6);
        out << one.file << '\n';
        if (!one.usable()) {
            out << "    why not: " << one.why_not->message << '\n';
            continue;
        }
        out << "    " << one.description << '\n'
            << "    can: " << joined(one.capabilities) << '\n'
            << "    medium: " << one.medium;
        if (one.capacity != 0) {
            out << ", holds " << one.capacity << " bytes (" << one.capacity_small
                << " of one-byte writes)";
        }
        out << '\n';
        for (const auto& each : one.options) {
            out << "    option " << each.name << " (" << each.type << ", default " << each.initial
                << "): " << each.help << '\n';
        }
    }
}

void print_json(const std::vector<plugin_row>& rows, std::ostream& out) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& one : rows) {
        const bool usable = one.usable();
        nlohmann::ordered_json options = nlohmann::ordered_json::array();
        for (const auto& [name, type, initial, help] : one.options) {
            options.push_back(
                {{"name", name}, {"type", type}, {"default", initial}, {"help", help}});
        }
        list.push_back({{"backend", one.backend},
                        {"version", one.version.empty() ? nlohmann::ordered_json(nullptr)
                                                        : nlohmann::ordered_json(one.version)},
                        {"file", one.file},
                        {"description", one.description},
                        {"capabilities", one.capabilities},
                        {"usable", usable},
                        {"why_not", usable ? nlohmann::ordered_json(nullptr)
                                           : nlohmann::ordered_json(one.why_not->message)},
                        {"medium", one.medium.empty() ? nlohmann::ordered_json(nullptr)
                                                      : nlohmann::ordered_json(one.medium)},
                        {"capacity_bytes", one.capacity},
                        {"capacity_small_writes", one.capacity_small},
                        {"options", options}});
    }
    const nlohmann::ordered_json all = {{"schema", "fd2.plugins/1"}, {"plugins", list}};
    out << all.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
}

}  // namespace

int plugins(const common_options& given, bool as_json, std::ostream& out) {
    auto loaded = load_settings(given, true);
    if (!loaded) return 1;
    loader::loader plugins(plugin_directories(loaded->values));
    channel::backend_pool pool(plugins, nullptr);
    const auto rows = survey(plugins, pool, loaded->values);
    if (as_json) {
        print_json(rows, out);
    } else if (rows.empty()) {
        out << "no plugins found in:\n";
        for (const auto& where : plugins.directories()) out << "    " << where.path << '\n';
        out << "point --plugin-path or FD2_PLUGIN_PATH at the directory that holds them\n";
    } else {
        print_table(rows, out);
    }
    const bool usable =
        std::any_of(rows.begin(), rows.end(), [](const plugin_row& r) { return r.usable(); });
    return usable ? 0 : 1;
}

}  // namespace fd2::cli
