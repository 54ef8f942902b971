#include "cli/plugins.hpp"

#include <algorithm>
#include <iomanip>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "channel/selection.hpp"

namespace fd2::cli {

namespace {

struct option {
    std::string name;
    std::string type;
    std::string initial;  ///< the default, as a file spells it
    std::string help;
};

struct row {
    std::string backend;
    std::string version;
    std::string file;
    std::string description;
    std::vector<std::string> capabilities;
    std::string medium;
    std::uint64_t capacity = 0;
    std::uint64_t capacity_small = 0;
    std::vector<option> options;
    std::string why_not;  ///< empty: usable here
};

/// As a file spells it: the largest unit that divides the number.
std::string spelled(const fd2_option_spec& spec) {
    struct unit {
        std::int64_t size;
        const char* name;
    };
    static constexpr unit bytes[] = {
        {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}};
    static constexpr unit times[] = {
        {second, "s"}, {millisecond, "ms"}, {microsecond, "us"}, {1, "ns"}};
    const std::int64_t n = spec.default_number;
    const auto with_unit = [n](const auto& units) {
        for (const unit& one : units) {
            if (n % one.size == 0 && (n != 0 || one.size == 1)) {
                return std::to_string(n / one.size) + one.name;
            }
        }
        return std::to_string(n);
    };
    switch (spec.type) {
        case FD2_OPTION_BOOL:
            return n != 0 ? "true" : "false";
        case FD2_OPTION_BYTES:
            return with_unit(bytes);
        case FD2_OPTION_DURATION:
            return with_unit(times);
        case FD2_OPTION_ENUM:
            return spec.default_text ? spec.default_text : "";
        default:
            return std::to_string(n);
    }
}

const char* type_name(const fd2_option_spec& spec) {
    switch (spec.type) {
        case FD2_OPTION_BOOL:
            return "bool";
        case FD2_OPTION_BYTES:
            return "size";
        case FD2_OPTION_DURATION:
            return "duration";
        case FD2_OPTION_ENUM:
            return spec.values ? spec.values : "word";
        default:
            return "integer";
    }
}

std::vector<option> options_of(const fd2_backend& table) {
    std::vector<option> out;
    const auto* base = reinterpret_cast<const unsigned char*>(table.options);
    for (std::uint32_t i = 0; i < table.option_count; ++i) {
        const auto& spec =
            *reinterpret_cast<const fd2_option_spec*>(base + std::size_t{i} * table.option_stride);
        out.push_back({spec.name, type_name(spec), spelled(spec), spec.help ? spec.help : ""});
    }
    return out;
}

row look_at(const loader::found& file, loader::loader& plugins, channel::backend_pool& pool,
            const settings::settings& with) {
    row out;
    out.backend = file.id;
    out.file = file.file;
    auto loaded = plugins.load(file.id);
    if (!loaded) {
        out.why_not = loaded.error().message;
        return out;
    }
    const fd2_backend& table = *(*loaded)->backend;
    out.version = table.version;
    out.description = table.description;
    out.capabilities = channel::capability_names(table.caps);
    out.options = options_of(table);
    channel::wish want;
    want.backends = {file.id};
    want.inherit = false;
    channel::fallback_trail trail;
    auto opened = channel::open_channel(pool, with, want, {}, &trail);
    if (!opened) {
        out.why_not = trail.empty() ? opened.error().message : trail.back().why.message;
        return out;
    }
    const fd2_info info = opened->opened->info();
    out.capabilities = channel::capability_names(info.caps);
    out.medium = channel::medium_name(info.medium);
    out.capacity = info.capacity_bytes;
    out.capacity_small = info.capacity_small_writes;
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

void print_table(const std::vector<row>& rows, std::ostream& out) {
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
        column(one.why_not.empty() ? "yes" : "no", 6);
        out << one.file << '\n';
        if (!one.why_not.empty()) {
            out << "    why not: " << one.why_not << '\n';
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

void print_json(const std::vector<row>& rows, std::ostream& out) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& one : rows) {
        const bool usable = one.why_not.empty();
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
                                           : nlohmann::ordered_json(one.why_not)},
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
    loaded->values.require.clear();
    loader::loader plugins(plugin_directories(loaded->values));
    channel::backend_pool pool(plugins, nullptr);
    std::vector<row> rows;
    for (const auto& file : plugins.discover()) {
        rows.push_back(look_at(file, plugins, pool, loaded->values));
    }
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
        std::any_of(rows.begin(), rows.end(), [](const row& r) { return r.why_not.empty(); });
    return usable ? 0 : 1;
}

}  // namespace fd2::cli
