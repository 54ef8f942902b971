#include "channel/selection.hpp"

#include <fd2/abi.h>

#include "settings/backend_options.hpp"

namespace fd2::channel {

/// Makes channels; the only one that may.
class channel_builder {
  public:
    static std::unique_ptr<channel> build(std::uint64_t number,
                                          std::shared_ptr<backend_instance> from,
                                          const channel_setup& setup) {
        auto core = std::make_unique<channel::core>();
        core->number = number;
        core->from = std::move(from);
        core->setup = setup;
        core->record = std::make_shared<capture::capture>(setup.limits);
        return std::unique_ptr<channel>(new channel(std::move(core)));
    }

    /// OPEN, not yet started.
    static fd2::status open(channel& made, const fd2_options& options) {
        const fd2_sink sink{sizeof(fd2_sink), 0,
                            made.core_.get(), &channel::on_bytes,
                            &channel::on_end, &channel::reserve};
        const backend_instance& from = *made.core_->from;
        call_error error;
        const std::int32_t code =
            from.table().open(from.instance(), &options, &sink, &made.handle_, error.get());
        if (code == FD2_OK) return {};
        made.handle_ = nullptr;
        return error.as_failure(code);
    }

    static fd2::status start(channel& made) {
        call_error error;
        const fd2_pollable* const loop = made.core_->from->plugin().pollable;
        std::int32_t code = FD2_OK;
        if (made.core_->setup.polled && loop) {
            fd2_native watched = FD2_NATIVE_NONE;
            code = loop->attach_poll(made.handle_, &watched, error.get());
            if (code == FD2_OK) made.watched_ = static_cast<int>(watched);
        } else {
            code = made.ops().start(made.handle_, error.get());
        }
        if (code == FD2_OK) return {};
        return error.as_failure(code);
    }
};

namespace {

using settings::capability;

std::vector<settings::option_rule> rules_of(const fd2_backend& table) {
    std::vector<settings::option_rule> rules;
    const auto* base = reinterpret_cast<const unsigned char*>(table.options);
    for (std::uint32_t i = 0; i < table.option_count; ++i) {
        const auto* spec =
            reinterpret_cast<const fd2_option_spec*>(base + std::size_t{i} * table.option_stride);
        settings::option_rule rule;
        rule.name = spec->name;
        rule.minimum = spec->minimum;
        rule.maximum = spec->maximum;
        switch (spec->type) {
            case FD2_OPTION_BOOL:
                rule.type = settings::option_type::boolean;
                break;
            case FD2_OPTION_BYTES:
                rule.type = settings::option_type::bytes;
                break;
            case FD2_OPTION_DURATION:
                rule.type = settings::option_type::duration;
                break;
            case FD2_OPTION_ENUM:
                rule.type = settings::option_type::choice;
                break;
            default:
                rule.type = settings::option_type::integer;
                break;
        }
        std::string_view words = spec->values ? spec->values : "";
        while (!words.empty()) {
            const std::size_t bar = words.find('|');
            rule.choices.emplace_back(words.substr(0, bar));
            words.remove_prefix(bar == words.npos ? words.size() : bar + 1);
        }
        rules.push_back(std::move(rule));
    }
    return rules;
}

std::uint32_t abi_type(settings::option_type type) {
    switch (type) {
        case settings::option_type::boolean:
            return FD2_OPTION_BOOL;
        case settings::option_type::integer:
            return FD2_OPTION_INT;
        case settings::option_type::bytes:
            return FD2_OPTION_BYTES;
        case settings::option_type::duration:
            return FD2_OPTION_DURATION;
        case settings::option_type::choice:
            return FD2_OPTION_ENUM;
    }
    return FD2_OPTION_INT;
}

/// The configured options of a backend in the contract's shape; owns what `table` points to.
struct option_table {
    std::vector<settings::checked_option> values;
    std::vector<fd2_option> items;
    fd2_options table{};

    static result<std::unique_ptr<option_table>> make(const backend_instance& from,
                                                      const settings::settings& with) {
        auto out = std::make_unique<option_table>();
        const std::string& id = from.plugin().id;
        if (const auto given = with.options.find(id); given != with.options.end()) {
            const auto rules = rules_of(from.table());
            std::vector<settings::diagnostic> wrong;
            out->values = settings::check_options(id, given->second, rules, wrong);
            if (!wrong.empty()) return settings::as_failure(wrong);
        }
        for (const auto& value : out->values) {
            out->items.push_back({sizeof(fd2_option), abi_type(value.type), value.name.c_str(),
                                  value.text.empty() ? nullptr : value.text.c_str(), value.number});
        }
        out->table = {sizeof(fd2_options), static_cast<std::uint32_t>(out->items.size()),
                      sizeof(fd2_option), 0, out->items.data()};
        return out;
    }
};

std::uint64_t bits_of(const std::vector<capability>& wanted) {
    std::uint64_t bits = 0;
    for (const capability one : wanted) bits |= std::uint64_t{1} << static_cast<unsigned>(one);
    return bits;
}

failure lacks(std::uint64_t missing) {
    std::string names;
    for (const auto& name : capability_names(missing)) names += (names.empty() ? "" : ", ") + name;
    return {errc::unsupported, 0, "does not meet `require`: lacks " + names};
}

/// One candidate, from its name to a running channel.
result<std::unique_ptr<channel>> try_one(backend_pool& pool, const settings::settings& with,
                                         const std::string& name, loader::trust word,
                                         const channel_setup& setup) {
    auto found = pool.get(name, word);
    if (!found) return std::move(found).error();
    const std::uint64_t required = bits_of(with.require);
    if (const std::uint64_t missing = required & ~(*found)->table().caps) return lacks(missing);
    auto options = option_table::make(**found, with);
    if (!options) return std::move(options).error();
    auto made = channel_builder::build(pool.next_number(), *found, setup);
    if (auto good = channel_builder::open(*made, (*options)->table); !good) {
        pool.remember(name, good.error());
        return std::move(good).error();
    }
    if (const std::uint64_t missing = required & ~made->info().caps) return lacks(missing);
    if (auto good = channel_builder::start(*made); !good) {
        pool.remember(name, good.error());
        return std::move(good).error();
    }
    return made;
}

/// A backend that was asked for and broke, or was refused, concerns the operator; one that is not
/// installed or short of descriptors is what falling back is for.
severity level_of(const failure& why) {
    return why.code == errc::internal || why.code == errc::denied ? severity::warning
                                                                  : severity::info;
}

}  // namespace

result<selected> open_channel(backend_pool& pool, const settings::settings& with, const wish& want,
                              channel_setup setup, fallback_trail* trail) {
    selected out;
    const auto word = want.callers_word ? loader::trust::callers : loader::trust::verified;
    setup.watch = pool.watch();
    for (const std::string& name : want.backends) {
        auto made = try_one(pool, with, name, word, setup);
        if (made) {
            out.opened = std::move(*made);
            return out;
        }
        failure why = std::move(made).error();
        if (why.code == errc::invalid || why.code == errc::state ||
            why.code == errc::would_deadlock) {
            why.message += " (a bug in fd2 or in the backend)";
        }
        pool.report(name, why, level_of(why));
        out.trail.push_back({name, why});
        if (trail) trail->push_back({name, why});
        if (why.code == errc::config) return why;
    }
    if (want.inherit) return out;
    // The caller who names a backend means that one.
    std::string text = want.callers_word && want.backends.size() == 1
                           ? "the backend that was asked for cannot be used"
                           : "no backend can be used, and the child may not inherit our stderr";
    for (const auto& entry : out.trail) text += "; " + entry.backend + ": " + entry.why.message;
    return failure{out.trail.empty() ? errc::config : out.trail.back().why.code,
                   out.trail.empty() ? 0 : out.trail.back().why.sys_errno, std::move(text)};
}

status check_configured(backend_pool& pool, const settings::settings& with,
                        const std::string& backend) {
    const auto found = pool.get(backend, loader::trust::verified);
    if (!found) return {};
    auto options = option_table::make(**found, with);
    if (!options) return std::move(options).error();
    return {};
}

std::vector<std::string> capability_names(std::uint64_t bits) {
    std::vector<std::string> names;
    for (unsigned i = 0; i <= static_cast<unsigned>(capability::handover); ++i) {
        if ((bits >> i) & 1u) names.emplace_back(settings::name_of(static_cast<capability>(i)));
    }
    return names;
}

std::string_view medium_name(std::uint32_t medium) noexcept {
    switch (medium) {
        case FD2_MEDIUM_PIPE:
            return "pipe";
        case FD2_MEDIUM_SOCKETPAIR:
            return "socketpair";
        case FD2_MEDIUM_TCP:
            return "tcp";
        case FD2_MEDIUM_PTY:
            return "pty";
        default:
            return "unknown";
    }
}

}  // namespace fd2::channel
