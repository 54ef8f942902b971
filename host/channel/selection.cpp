#include "channel/selection.hpp"

#include <set>

#include "base/text_list.hpp"
#include "channel/configured_backend.hpp"
#include "channel/plugin_table.hpp"

namespace fd2::channel {

namespace {

/// What is asked of a backend, by the key that asks it.
struct demands {
    std::uint64_t require = 0;
    std::uint64_t unless_ssh = 0;

    /// Why a backend with these capabilities is not taken; none: it is. Those of `refuted` it only
    /// claims.
    std::optional<failure> refuse(std::uint64_t has, std::uint64_t refuted = 0) const {
        const std::uint64_t claimed = require & has & refuted;
        if (claimed != 0) {
            return advise(
                {errc::unsupported, 0,
                 "does not meet `require`: claims " + join(capability_names(claimed), ", ") +
                     ", which fd2 conform has refuted"},
                "list another backend; what failed: fd2 plugins NAME");
        }
        const std::uint64_t all = require & ~has;
        const std::uint64_t missing = all != 0 ? all : unless_ssh & ~has;
        if (missing == 0) return std::nullopt;
        std::string text = all != 0 ? "does not meet `require`: lacks "
                                    : "does not meet `require-unless-ssh`: lacks ";
        const auto names = capability_names(missing);
        for (const auto& name : names) text += (&name == &names.front() ? "" : ", ") + name;
        failure why{errc::unsupported, 0, std::move(text)};
        if (all == 0) return why;  // intended by the built-in settings: nothing to advise
        return advise(std::move(why),
                      "remove it from `require`, or list a backend that has it (see fd2 plugins)");
    }
};

/// Capabilities that are missing whatever plugin has this id: a socket cannot be opened by name.
/// Known without the plugin, because loading one takes time at the start of every command, and with
/// the built-in settings every command but ssh passes over `socketpair`.
std::uint64_t known_to_lack(std::string_view id) noexcept {
    return id == "socketpair" || id == "tcpshim" ? FD2_CAP_REOPENABLE : 0;
}

/// Adds to a backend's refusal of an option where the option was set, which the backend does not
/// know: for the options that its message names, or for all of them if it names none.
failure refused_options(failure why, const std::string& backend, const settings::settings& config) {
    std::string named, all;
    if (const auto given = config.options.find(backend); given != config.options.end()) {
        for (const auto& [name, option] : given->second) {
            const std::string text =
                "; options." + backend + '.' + name + " is set by " + option.at.text();
            all += text;
            if (why.message.find(name) != std::string::npos) named += text;
        }
    }
    why.message = "backend " + backend + ": " + why.message + (named.empty() ? all : named);
    return why;
}

/// A backend that has what is asked for, as far as its table says.
result<shared_backend> configured(backend_pool& pool, const settings::settings& config,
                                  const std::string& name, trust_source source,
                                  const demands& asked) {
    auto found = pool.get(name, source);
    if (!found) return std::move(found).error();
    const auto& verdict = (*found)->plugin().verdict;
    const std::uint64_t refuted = verdict ? verdict->refuted : 0;
    if (auto why = asked.refuse((*found)->table().caps, refuted)) return std::move(*why);
    static const settings::option_map none;
    const auto given = config.options.find((*found)->plugin().id);
    return pool.configure(*found, given != config.options.end() ? given->second : none);
}

/// One candidate, from its name to a running channel.
result<std::unique_ptr<channel>> try_one(backend_pool& pool, const settings::settings& config,
                                         const std::string& name, trust_source source,
                                         const demands& asked, const channel_setup& setup) {
    auto backend = configured(pool, config, name, source, asked);
    if (!backend) return std::move(backend).error();
    auto made = channel::make(pool.next_number(), *backend, setup);
    if (auto good = made->open(); !good) {
        failure why = std::move(good).error();
        if (why.code == errc::config) {
            why = refused_options(std::move(why), (*backend)->plugin->id, config);
        }
        pool.exclude_if_permanent(name, why);
        return why;
    }
    if (auto why = asked.refuse(made->info().caps)) return std::move(*why);
    if (auto good = made->start(); !good) {
        pool.exclude_if_permanent(name, good.error());
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

result<selected> open_channel(backend_pool& pool, const settings::settings& config,
                              const open_request& want, channel_setup setup,
                              std::vector<attempt>* attempts) {
    selected out;
    const auto source = want.named_by_caller ? trust_source::caller : trust_source::verified;
    const demands asked{bits_of(config.require), bits_of(want.unless_ssh)};
    setup.watch = pool.watch();
    std::set<std::string_view> expected;  // what is passed over in an ordinary run
    const auto is_expected = [&](const attempt& one) { return expected.contains(one.backend); };
    for (const std::string& name : want.backends) {
        std::optional<failure> known = asked.refuse(~known_to_lack(name));
        // With the built-in settings that is every run of a command other than ssh.
        const bool usual = known && (asked.require & known_to_lack(name)) == 0;
        auto made = known ? result<std::unique_ptr<channel>>(std::move(*known))
                          : try_one(pool, config, name, source, asked, setup);
        if (made) {
            out.opened = std::move(*made);
            std::erase_if(out.attempts, is_expected);
            if (attempts) std::erase_if(*attempts, is_expected);
            return out;
        }
        if (usual && want.all_built_in) expected.insert(name);
        failure why = std::move(made).error();
        if (why.code == errc::invalid || why.code == errc::state ||
            why.code == errc::would_deadlock) {
            why.message += " (a bug in fd2 or in the backend)";
        }
        pool.report(name, why, usual ? severity::debug : level_of(why));
        out.attempts.push_back({name, why});
        if (attempts) attempts->push_back({name, why});
        if (why.code == errc::config) return why;
    }
    if (want.inherit) return out;
    if (want.named_by_caller && out.attempts.size() == 1) {  // that one was meant
        failure why = std::move(out.attempts.back().why);
        why.message = "cannot use backend " + out.attempts.back().backend + ": " + why.message;
        why.operation_size = why.object_size = 0;
        return why;
    }
    std::string text = "no usable backend";
    if (!want.named_by_caller) text += ", and fallback.inherit is off";
    for (const auto& entry : out.attempts) text += "; " + entry.backend + ": " + text_of(entry.why);
    return failure{out.attempts.empty() ? errc::config : out.attempts.back().why.code,
                   out.attempts.empty() ? 0 : out.attempts.back().why.sys_errno, std::move(text)};
}

result<shared_backend> backend_to_move_to(backend_pool& pool, const settings::settings& config,
                                          const std::string& name, trust_source source) {
    return configured(pool, config, name, source, {bits_of(config.require), 0});
}

std::vector<settings::diagnostic> check_configured(backend_pool& pool,
                                                   const settings::settings& config,
                                                   const std::string& backend) {
    std::vector<settings::diagnostic> wrong;
    const auto given = config.options.find(backend);
    if (given == config.options.end()) return wrong;
    const auto found = pool.get(backend, trust_source::verified);
    if (!found) return wrong;
    (void)settings::check_options((*found)->plugin().id, given->second, rules_of((*found)->table()),
                                  wrong);
    return wrong;
}

}  // namespace fd2::channel
