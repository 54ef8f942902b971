#include "cli/plugin_survey.hpp"

#include "cli/environment.hpp"
#include "cli/isolated.hpp"

namespace fd2::cli {

plugin_row try_here(const channel::found& file, channel::loader& plugins,
                    channel::backend_pool& pool, settings::settings config) {
    config.require.clear();  // what a backend can do is the question here, not the condition
    plugin_row out;
    out.backend = file.id;
    out.file = file.file;
    plugins.ask_for_verdicts();
    auto loaded = plugins.load(file.id);
    if (!loaded) {
        out.why_not = loaded.error();
        return out;
    }
    const fd2_backend& table = *(*loaded)->backend;
    out.loaded = true;
    out.verdict = (*loaded)->verdict;
    out.version = table.version;
    out.description = table.description;
    out.capabilities = channel::capability_names(table.caps);
    out.options = channel::describe_options(table);
    if (const auto wrong = channel::check_configured(pool, config, file.id); !wrong.empty()) {
        failure why{errc::config, 0, {}};
        for (const auto& one : wrong) {
            why.message += (why.message.empty() ? "" : "; ") + one.text_without_level();
        }
        out.why_not = std::move(why);
        return out;
    }
    channel::open_request want;
    want.backends = {file.id};
    want.inherit = false;
    std::vector<channel::attempt> attempts;
    auto opened = channel::open_channel(pool, config, want, {}, &attempts);
    if (!opened) {
        out.why_not = attempts.empty() ? opened.error() : attempts.back().why;
        return out;
    }
    const channel::channel_info info = opened->opened->info();
    out.capabilities = channel::capability_names(info.caps);
    out.medium = info.medium;
    out.capacity = info.capacity;
    out.capacity_small = info.capacity_small;
    out.settles = info.settles;
    return out;
}

plugin_row without_answer(const channel::found& file, const failure& why) {
    plugin_row out;
    out.backend = file.id;
    out.file = file.file;
    out.why_not = why;
    if (why.operation_size == 0) {
        out.why_not->message = "try plugin: " + file.file + ": " + why.message;
    }
    return out;
}

plugin_row try_plugin(const channel::found& file, const settings::settings& config) {
    auto row = isolated_with_plugins<plugin_row>(
        plugin_directories(config), config.plugins.trial,
        [&](channel::loader& plugins, channel::backend_pool& pool) {
            return try_here(file, plugins, pool, config);
        });
    return row ? std::move(*row) : without_answer(file, row.error());
}

}  // namespace fd2::cli
