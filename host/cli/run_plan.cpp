#include "cli/run_plan.hpp"

#include "cli/ssh_words.hpp"

namespace fd2::cli {

namespace {

using settings::source;

class planner {
  public:
    planner(const run_options& options, const settings::loaded& loaded)
        : options_(options), loaded_(loaded), config_(loaded.values) {}

    run_plan plan(bool on_terminal) {
        run_plan out;
        out.readers = readers();
        out.stderr_from = runs::plan_stderr(config_, config_.transport, options_.explicit_backend);
        if (!out.stderr_from.captures) return out;
        if (on_terminal) leave_terminal(out);
        // What the command finds is a terminal, as without us, unless somebody chose the backends.
        if (on_terminal && !options_.explicit_backend && is_built_in(list_of_backends())) {
            runs::prefer_terminal(out.stderr_from);
        }
        if (requires_by_default()) {
            out.stderr_from.want.unless_ssh = config_.require_unless_ssh;
            out.stderr_from.want.all_built_in =
                is_built_in("require-unless-ssh") && is_built_in(list_of_backends());
        }
        out.follow = out.stderr_from.captures && follows();
        return out;
    }

  private:
    std::vector<std::string> readers() const {
        std::vector<std::string> out;
        const auto add = [&out](bool wanted, std::string name) {
            if (wanted) out.push_back(std::move(name));
        };
        const auto key = [](std::string_view name, std::string_view value) {
            return std::string(name).append(": ").append(value);
        };
        add(!options_.stats_file.empty(), "--stats");
        add(options_.stats_fd.has_value(), "--stats-fd");
        add(!options_.tail_file.empty(), "--tail-out");
        add(!config_.tail.file.empty(), "tail.file");
        add(options_.explain, "--explain");
        add(options_.explicit_backend, "--backend");
        add(!options_.explicit_backend && names_backends(), std::string(list_of_backends()));
        add(config_.why.hint, "why.hint");
        add(from_caller("require"), "require");
        add(loaded_.origin_of("capture.tail").layer == source::option, "--tail");
        add(config_.log.lines && (!config_.log.file.empty() || config_.log.syslog), "log.lines");
        const auto& forward = config_.forward;
        add(forward.mode != forward_mode::raw,
            key("forward.mode", settings::name_of(forward.mode)));
        add(forward.mode == forward_mode::raw && !forward.prefix.empty(), "forward.prefix");
        add(forward.when_blocked == blocked_policy::drop, "forward.when-blocked: drop");
        add(config_.surface == settings::surface_policy::always, "surface: always");
        return out;
    }

    /// On a terminal, where nothing reads the capture, the command gets the terminal itself. ssh
    /// asks its questions on /dev/tty, past our channel: what it wrote to stderr just before could
    /// appear after the question.
    void leave_terminal(run_plan& out) const {
        auto& plan = out.stderr_from;
        // --backend means that one or an error, here as everywhere.
        if (options_.explicit_backend) return;
        switch (config_.capture.on_terminal) {
            case settings::terminal_policy::always:
                return;
            case settings::terminal_policy::never:
                plan.captures = false;
                plan.why_inherit = "stderr is a terminal, and capture.on-terminal is never (" +
                                   loaded_.origin_of("capture.on-terminal").text() + ")";
                return;
            case settings::terminal_policy::when_asked:
                if (!out.readers.empty()) return;
                plan.captures = false;
                plan.why_inherit =
                    "stderr is a terminal, and nothing asks for a capture "
                    "(capture.on-terminal: when-asked)";
                return;
        }
    }

    bool requires_by_default() const {
        return is_built_in("require") && !options_.explicit_backend && !names_backends() &&
               !is_ssh(options_.command);
    }

    bool follows() const {
        switch (config_.finish.writers_remain) {
            case settings::writers_policy::automatic:
                return goes_to_background(options_.command);
            case settings::writers_policy::leave:
                return false;
            case settings::writers_policy::follow:
                return true;
        }
        return false;
    }

    std::string_view list_of_backends() const {
        return config_.transport == settings::transport_kind::async ? "backends.async"
                                                                    : "backends.sync";
    }

    bool names_backends() const { return from_caller(list_of_backends()); }

    bool is_built_in(std::string_view key) const {
        return loaded_.origin_of(key).layer == source::built_in;
    }

    bool from_caller(std::string_view key) const { return loaded_.origin_of(key).from_caller(); }

    const run_options& options_;
    const settings::loaded& loaded_;
    const settings::settings& config_;
};

}  // namespace

run_plan plan_run(const run_options& options, const settings::loaded& loaded, bool on_terminal) {
    return planner(options, loaded).plan(on_terminal);
}

}  // namespace fd2::cli
