#include "cli/explain.hpp"

#include "base/failure.hpp"
#include "base/plain_text.hpp"
#include "base/signal_set.hpp"
#include "base/text_list.hpp"
#include "cli/screen.hpp"
#include "process/standard_fds.hpp"
#include "settings/rollout.hpp"

namespace fd2::cli {

namespace {

class narrator {
  public:
    void say(std::string_view text) { out_ += line_of_ours(text); }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

/// "a pipe": how a report's `medium` reads in a sentence.
std::string with_article(std::string_view medium) {
    if (medium == "tcp") return "TCP";
    if (medium == "pty") return "a pseudo-terminal";
    return medium == "socketpair" ? "a socket pair" : "a " + std::string(medium);
}

std::string how_it_ended(const capture::snapshot& record, bool settles) {
    switch (record.end) {
        case end_kind::eof:
            return "stderr reached end of file";
        case end_kind::writers_remain:
            // Some kernels do not report data in transit (docs/choosing-a-backend.md).
            return settles ? "another process still holds stderr; it was read until nothing came "
                             "for a while, because the kernel does not report data in transit"
                           : "another process still holds stderr; everything that the command "
                             "wrote is captured";
        case end_kind::stopped:
            return "reading was stopped";
        case end_kind::error:
            return "reading failed: " + errno_name(record.end_errno);
        case end_kind::none:
            break;
    }
    return "stderr was not read";
}

void tell_channel(const run_report& report, narrator& out) {
    for (const auto& [backend, why] : report.attempts) {
        out.say("backend " + backend + ": not used (" + std::string(name_of(why.code)) +
                "): " + text_of(why));
    }
    if (report.backend == "inherit") {
        out.say("nothing was captured: the command wrote to fd2's own stderr" +
                (report.why_inherit.empty() ? "" : " (" + report.why_inherit + ")"));
        return;
    }
    std::string holds;
    if (report.info.capacity != 0) {
        holds = ", which holds " + std::to_string(report.info.capacity) + " bytes (" +
                std::to_string(report.info.capacity_small) + " in one-byte writes)";
    }
    out.say("backend " + report.backend + ": carried the command's stderr over " +
            with_article(report.info.medium) + holds);
}

void tell_record(const run_report& report, narrator& out) {
    if (!report.record) return;
    const auto& record = *report.record;
    std::string text = "captured " + count_of(record.total_bytes, "byte") + ", " +
                       count_of(record.total_lines, "line");
    if (record.offset != 0) {
        text += "; the newest " + std::to_string(record.tail_bytes()) + " are kept (capture.tail)";
    }
    out.say(text);
    text = "forwarded " + count_of(report.forwarded.forwarded, "byte");
    if (report.forward_mode == "off") text = "forwarded nothing (forward.mode: off)";
    if (report.forwarded.dropped != 0) {
        text += ", " + std::to_string(report.forwarded.dropped) + " could not be delivered";
    }
    if (report.forward_errno != 0) {
        text += ": fd2's own stderr failed with " + errno_name(report.forward_errno);
    }
    out.say(text);
    if (report.log_lines_lost != 0) {
        out.say(count_of(report.log_lines_lost, "line") +
                (report.log_lines_lost == 1 ? " is" : " are") + " missing from the log file");
    }
    out.say(how_it_ended(record, report.info.settles));
}

void tell_holders(const run_report& report, narrator& out) {
    if (!report.held_by) return;
    for (const auto& [pid, command] : report.held_by->found) {
        out.say("held by pid " + std::to_string(pid) + ": " + command);
    }
    if (report.held_by->found.empty()) out.say("held by: unknown (no permission to inspect)");
}

void tell_settings(const run_report& report, narrator& out) {
    if (report.rule) {
        std::string text = report.rule->text() + " applies";
        if (const auto& rollout = report.rule->rollout) {
            text += ": bucket " + settings::format_percent(rollout->bucket.value_or(0)) +
                    " is below " + settings::format_percent(rollout->percent) + " percent";
        }
        out.say(text);
    }
    if (report.flag) return;
    out.say("features.ssh-socketpair-stderr is off (" + report.flag_origin + ")" +
            (report.flag_counts ? "" : ", which has no effect on this run"));
}

void tell_cause(const run_report& report, narrator& out) {
    if (!report.cause) return;
    const cause::found_cause& found = *report.cause;
    out.say("cause: " + std::string(cause::name_of(found.is)) + ", confidence " +
            std::string(cause::name_of(found.sure)) +
            (found.rule.empty() ? "" : " (" + found.rule + ")") +
            (found.line ? ": " + *found.line : ""));
    if (!found.next.empty()) out.say("what to do: " + found.next);
}

}  // namespace

std::string line_of_ours(std::string_view text) {
    std::string out = "fd2: ";
    const std::size_t indent = out.size();
    append_wrapped(out, plain(text), width_of(process::standard_descriptor(2)), indent, indent);
    return out + '\n';
}

std::string explain(const run_report& report) {
    narrator out;
    tell_settings(report, out);
    tell_channel(report, out);
    tell_record(report, out);
    tell_holders(report, out);
    if (report.followed) {
        out.say(
            "the command's status was returned before that; the rest of its stderr was read in the "
            "background");
    }
    if (report.cut_short) out.say("interrupted by a signal before stderr was fully flushed");
    const bool killed = report.exit.how() == exit_status::kind::signalled;
    out.say("the command " + (killed ? "was killed by " + signal_name(report.exit.signal())
                                     : "ended with " + text_of(report.exit)));
    tell_cause(report, out);
    return out.take();
}

}  // namespace fd2::cli
