#include "channel/loader.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include "base/files.hpp"
#include "base/text_list.hpp"
#include "channel/plugin_files.hpp"

namespace fd2::channel {

namespace {

bool is_id(const char* text) {
    const std::size_t size = text ? ::strnlen(text, 33) : 0;
    return size >= 1 && size <= 32 && std::all_of(text, text + size, [](unsigned char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

failure malformed(const std::string& file, const std::string& what) {
    return {errc::internal, 0, "plugin: " + file + ": malformed table: " + what};
}

bool is_complete(const fd2_channel_ops* ops) {
    return ops && ops->struct_size >= sizeof(fd2_channel_ops) && ops->info && ops->start &&
           ops->take_child_end && ops->resume && ops->finish && ops->join && ops->close;
}

/// Whole, with a name, and with words where it is one of several.
bool is_complete(const fd2_option_spec& option) {
    return option.struct_size >= sizeof(fd2_option_spec) && is_id(option.name) && option.help &&
           (option.type != FD2_OPTION_ENUM || (option.values && option.default_text));
}

/// Everything the host will touch is there, so that no later call needs to ask.
status validate(const fd2_backend* table, const std::string& file) {
    if (!table) return malformed(file, "the entry function returned NULL");
    if (table->struct_size < sizeof(fd2_backend)) {
        return advise({errc::unsupported, 0,
                       "plugin: " + file + ": its table has " + std::to_string(table->struct_size) +
                           " bytes, this host needs " + std::to_string(sizeof(fd2_backend))},
                      "rebuild it");
    }
    if (!is_id(table->id))
        return malformed(file, "id is not made of lower-case letters, digits and '-'");
    if (!table->version || !table->vendor || !table->description) {
        return malformed(file, "version, vendor or description is NULL");
    }
    if (!is_complete(table->channel)) return malformed(file, "a channel function is missing");
    if (!table->init || !table->deinit || !table->open || !table->get_extension) {
        return malformed(file, "a backend function is missing");
    }
    if (table->option_count != 0 &&
        (!table->options || table->option_stride < sizeof(fd2_option_spec))) {
        return malformed(file, "options");
    }
    const auto* options = reinterpret_cast<const unsigned char*>(table->options);
    for (std::uint32_t i = 0; i < table->option_count; ++i) {
        const void* at = options + std::size_t{i} * table->option_stride;
        if (!is_complete(*static_cast<const fd2_option_spec*>(at))) {
            return malformed(file, "option " + std::to_string(i) + ": invalid name, help or words");
        }
    }
    return {};
}

template <class Table>
const Table* extension(const fd2_backend& backend, const char* id) {
    const auto* table = static_cast<const Table*>(backend.get_extension(id));
    return table && table->struct_size >= sizeof(Table) ? table : nullptr;
}

/// Whether `fd2 conform` has found that the plugin conforms.
status prove(const std::string& hash, const std::string& shown) {
    const auto verdict = find_verdict(hash);
    if (verdict && verdict->conforms) return {};
    return advise(
        {errc::denied, 0,
         "plugin: " + shown + (verdict ? ": does not conform" : ": not checked for conformance")},
        verdict ? "fd2 conform " + shown + " says why"
                : "run: fd2 conform " + shown + "; or set swap.require to trial");
}

/// The failure of a plugin that did not pass its trial for the reason `why`.
failure failed_trial(failure why, const std::string& shown) {
    why.message = "try plugin: " + shown + ": " + why.message;
    why.operation_size = why.object_size = 0;
    return advise(std::move(why), "to try it again: fd2 conform --trial " + shown);
}

/// The plugin of this name that is part of this program; otherwise null.
const linked_plugin* linked_as(std::string_view name) noexcept {
    const auto all = linked_plugins();
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.id == name; });
    return it == all.end() ? nullptr : &*it;
}

found found_in_program(const linked_plugin& plugin) {
    return {plugin.id, linked_file, trust_source::verified, true, &plugin};
}

/// The table that the plugin gives, if it is whole.
result<const fd2_backend*> table_of(mapped_plugin plugin, const std::string& file) {
    const fd2_backend* table = nullptr;
    const std::int32_t code = plugin.entry(&table);
    if (code != FD2_OK) {
        return failure{errc::unsupported, 0,
                       "load plugin: " + file + ": its entry function failed with code " +
                           std::to_string(code)};
    }
    if (auto good = validate(table, file); !good) return std::move(good).error();
    return table;
}

}  // namespace

loader::loader(std::vector<directory> directories, trusted_owner owner)
    : directories_(std::move(directories)), owner_(owner) {
    if (has_raised_privileges()) {
        std::erase_if(directories_,
                      [](const directory& d) { return d.source == trust_source::caller; });
    }
}

loader::~loader() = default;

result<found> loader::find(std::string_view name, trust_source source) const {
    if (is_absolute(name)) {
        if (source == trust_source::caller && has_raised_privileges())
            source = trust_source::verified;
        return found{std::string(name), std::string(name), source};
    }
    if (name.empty() || name.find('/') != name.npos) {
        return failure{errc::config, 0,
                       "backend: '" + std::string(name) + "': neither a name nor an absolute path"};
    }
    if (const linked_plugin* linked = linked_as(name)) return found_in_program(*linked);
    std::vector<std::string_view> searched;
    std::string dangling;
    for (const auto& where : directories_) {
        std::string file = where.path + "/" + std::string(name) + std::string(plugin_suffix);
        std::error_code none;
        if (std::filesystem::exists(path_of(file), none))
            return found{std::string(name), file, where.source, where.own};
        const auto target = std::filesystem::read_symlink(path_of(file), none);
        if (!none && dangling.empty()) {
            dangling = file + ": a link to " + utf8_path(target) + ", which does not exist";
        }
        searched.push_back(where.path);
    }
    if (!dangling.empty()) {
        return advise({errc::unsupported, ENOENT, std::move(dangling)},
                      "install the plugin there, or remove the link");
    }
    return advise({errc::unsupported, ENOENT,
                   "no " + std::string(name) + std::string(plugin_suffix) + " in " +
                       (searched.empty() ? "any directory (the search path is empty)"
                                         : join(searched, ", "))},
                  "install it, or name the directory that has it (plugins.path, --plugin-path)");
}

void loader::tell(const std::string& text) const {
    if (watch_ != nullptr) watch_->on_event({severity::debug, text});
}

void loader::record(const std::string& hash, const recorded_trial& outcome) {
    const auto recorded = record_trial(hash, outcome);
    if (!recorded) tell("the outcome of a trial is not recorded: " + text_of(recorded.error()));
}

/// Whether a plugin that nobody vouches for may be mapped: by what is recorded of its content, or
/// after a trial.
status loader::admit(int image, const std::string& hash, const std::string& shown) {
    if (const auto known = stuck_.find(hash); known != stuck_.end()) return known->second;
    if (const auto verdict = find_verdict(hash); verdict && verdict->conforms) return {};
    if (const auto known = find_trial(hash)) {
        if (known->passed) return {};
        return failed_trial(
            {errc::internal, 0, known->why + ", when it was tried at " + known->time}, shown);
    }
    if (!trial_) return {};
    trial_outcome seen = trial_(image, hash, shown);
    switch (seen.what) {
        case trial_outcome::kind::passed:
            record(hash, {true, "", seen.tried_by, time_of_record()});
            return {};
        case trial_outcome::kind::broken:
            record(hash, {false, seen.why.message, seen.tried_by, time_of_record()});
            return failed_trial(std::move(seen.why), shown);
        case trial_outcome::kind::stuck:
            return stuck_.emplace(hash, failed_trial(std::move(seen.why), shown)).first->second;
        case trial_outcome::kind::refused:
            return {};
        case trial_outcome::kind::under_way:
            return std::move(seen.why);
        case trial_outcome::kind::untried:
            break;
    }
    if (!std::exchange(told_untried_, true)) {
        tell("plugins are loaded without a trial: " + text_of(seen.why));
    }
    return {};
}

/// Maps the file of a plugin, once it is trusted and has passed what `policy` asks for.
result<mapped_plugin> loader::map(const found& where, std::optional<load_policy> policy) {
    auto file = open_plugin(where.file, where.source, owner_);
    if (!file) return std::move(file).error();
    mapping_options options{asks_for_verdicts_, loads_originals_, {}};
    const load_policy how = policy.value_or(policy_);
    // Of those that the package manager installed with this copy of fd2.
    const bool shipped = where.own && belongs_to_root(*file, where.source);
    const bool proves = how == load_policy::proved && !where.own;
    if (how == load_policy::always_tried || how == load_policy::proved ||
        (how == load_policy::automatic && !shipped)) {
        options.admit = [&](int image, const std::string& hash) {
            auto good = proves ? prove(hash, where.file) : status();
            return good ? admit(image, hash, where.file) : good;
        };
    }
    return map_plugin(*file, where.file, options);
}

result<std::shared_ptr<const loaded_plugin>> loader::load(std::string_view name,
                                                          trust_source source,
                                                          std::optional<load_policy> policy) {
    if (const auto known = loaded_.find(name); known != loaded_.end()) return known->second;
    auto where = find(name, source);
    if (!where) return std::move(where).error();
    auto mapped = where->linked != nullptr
                      ? result<mapped_plugin>(mapped_plugin{where->linked->entry, {}, 1})
                      : map(*where, policy);
    if (!mapped) return std::move(mapped).error();
    auto table = table_of(*mapped, where->file);
    if (!table) return std::move(table).error();
    const fd2_backend& backend = **table;
    if (!is_absolute(name) && name != backend.id) {
        return advise({errc::unsupported, 0,
                       "plugin: " + where->file + ": its id is '" + std::string(backend.id) + "'"},
                      "name the file after its id");
    }
    auto loaded = std::make_shared<loaded_plugin>();
    loaded->id = backend.id;
    loaded->file = where->file;
    loaded->source = where->source;
    loaded->generation = mapped->generation;
    loaded->hash = mapped->hash;
    loaded->backend = &backend;
    loaded->pollable = extension<fd2_pollable>(backend, FD2_EXT_POLLABLE);
    loaded->handover = extension<fd2_handover>(backend, FD2_EXT_HANDOVER);
    loaded->terminal = extension<fd2_terminal>(backend, FD2_EXT_TERMINAL);
    if (asks_for_verdicts_ && where->linked == nullptr)
        loaded->verdict = find_verdict(mapped->hash);
    loaded_.emplace(std::string(name), loaded);
    return std::shared_ptr<const loaded_plugin>(std::move(loaded));
}

std::string loader::hash_of(const loaded_plugin& plugin) const {
    if (!plugin.hash.empty()) return plugin.hash;
    if (plugin.file == linked_file) return "";
    const auto file = open_plugin(plugin.file, plugin.source, owner_);
    return file ? hash_of_mapped(*file, plugin.generation) : "";
}

std::vector<contents> loader::list_directories() const {
    std::vector<contents> all;
    std::set<std::string> seen;
    for (const linked_plugin& one : linked_plugins()) seen.insert(one.id);
    for (const auto& where : directories_) {
        contents& here = all.emplace_back();
        here.where = where;
        const auto listed = each_name_in(where.path, [&](std::string_view name) {
            const std::string file = where.path + "/" + std::string(name);
            const std::string id(
                name.substr(0, name.size() - std::min(name.size(), plugin_suffix.size())));
            if (!name.ends_with(plugin_suffix) || !is_id(id.c_str())) {
                here.foreign.push_back(file);
            } else if (!seen.insert(id).second) {
                here.hidden.push_back(file);
            } else {
                here.plugins.push_back({id, file, where.source});
            }
            return true;
        });
        if (!listed) {
            here.error = listed.error().sys_errno;
            continue;
        }
        if (where.source == trust_source::verified) {
            if (auto good = check_directory(where.path, owner_); !good) here.refused = good.error();
        }
        std::sort(here.hidden.begin(), here.hidden.end());
        std::sort(here.foreign.begin(), here.foreign.end());
    }
    return all;
}

std::vector<found> loader::discover() const {
    std::vector<found> all;
    for (const linked_plugin& one : linked_plugins()) all.push_back(found_in_program(one));
    for (auto& here : list_directories()) {
        std::move(here.plugins.begin(), here.plugins.end(), std::back_inserter(all));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return all;
}

}  // namespace fd2::channel
