#include "cli/plugin_survey.hpp"

#include "base/clock.hpp"

namespace fd2::cli {

namespace {

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

std::vector<plugin_option> options_of(const fd2_backend& table) {
    std::vector<plugin_option> out;
    const auto* base = reinterpret_cast<const unsigned char*>(table.options);
    for (std::uint32_t i = 0; i < table.option_count; ++i) {
        const auto& spec =
            *reinterpret_cast<const fd2_option_spec*>(base + std::size_t{i} * table.option_stride);
        out.push_back({spec.name, type_name(spec), spelled(spec), spec.help ? spec.help : ""});
    }
    return out;
}

}  // namespace

plugin_row try_plugin(const loader::found& file, loader::loader& plugins,
                      channel::backend_pool& pool, settings::settings with) {
    with.require.clear();  // what a backend can do is the question here, not the condition
    plugin_row out;
    out.backend = file.id;
    out.file = file.file;
    auto loaded = plugins.load(file.id);
    if (!loaded) {
        out.why_not = loaded.error();
        return out;
    }
    const fd2_backend& table = *(*loaded)->backend;
    out.loaded = true;
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
        out.why_not = trail.empty() ? opened.error() : trail.back().why;
        return out;
    }
    const fd2_info info = opened->opened->info();
    out.capabilities = channel::capability_names(info.caps);
    out.medium = channel::medium_name(info.medium);
    out.capacity = info.capacity_bytes;
    out.capacity_small = info.capacity_small_writes;
    out.settles = (info.flags & FD2_INFO_SETTLES) != 0;
    return out;
}

std::vector<plugin_row> survey(loader::loader& plugins, channel::backend_pool& pool,
                               const settings::settings& with) {
    std::vector<plugin_row> rows;
    for (const auto& file : plugins.discover()) {
        rows.push_back(try_plugin(file, plugins, pool, with));
    }
    return rows;
}

}  // namespace fd2::cli
