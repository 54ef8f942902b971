#include "cli/explain.hpp"

#include <fd2/abi.h>

#include "base/failure.hpp"
#include "base/plain_text.hpp"

namespace fd2::cli {

namespace {

class narrator {
  public:
    void say(std::string_view text) {
        out_ += "fd2: ";
        append_plain(out_, text);
        out_ += '\n';
    }
    std::string take() { return std::move(out_); }

  private:
    std::string out_;
};

std::string count(std::uint64_t n, std::string_view one, std::string_view many) {
    return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

std::string how_it_ended(const capture::snapshot& record, bool settles) {
    switch (record.end) {
        case end_kind::eof:
            return "its stderr ended: everybody who held it has closed it";
        case end_kind::writers_remain:
            // What is under way cannot be told everywhere (docs/choosing-a-backend.md).
            return settles ? "somebody else still holds its stderr; it was read until nothing came "
                             "for a while, for the kernel does not tell what is under way"
                           : "somebody else still holds its stderr; everything that it wrote "
                             "itself is here";
        case end_kind::stopped:
            return "reading was stopped";
        case end_kind::error:
            return "reading failed: " + errno_name(record.end_errno);
        case end_kind::none:
            break;
    }
    return "its stderr was not read";
}

void tell_channel(const run_report& report, narrator& to) {
    for (const auto& [backend, why] : report.trail) {
        to.say("backend " + backend + ": not used (" + std::string(name_of(why.code)) +
               "): " + why.message);
    }
    if (report.backend == "inherit") {
        to.say("no channel: the command wrote to our own stderr; nothing was captured" +
               (report.why_inherit.empty() ? "" : " (" + report.why_inherit + ")"));
        return;
    }
    std::string holds;
    if (report.info.capacity_bytes != 0) {
        holds = ", holds " + std::to_string(report.info.capacity_bytes) + " bytes (" +
                std::to_string(report.info.capacity_small_writes) + " of one-byte writes)";
    }
    to.say("backend " + report.backend + ": carried the command's stderr over a " + report.medium +
           holds);
}

void tell_record(const run_report& report, narrator& to) {
    if (!report.record) return;
    const auto& record = *report.record;
    std::string text = "captured " + count(record.total_bytes, "byte", "bytes") + ", " +
                       count(record.total_lines, "line", "lines");
    if (record.offset != 0) {
        text += "; the newest " + std::to_string(record.bytes.size()) + " are kept (capture.tail)";
    }
    to.say(text);
    text = "forwarded " + count(report.forwarded.forwarded, "byte", "bytes");
    if (report.forward_mode == "off") text = "forwarded nothing (forward.mode: off)";
    if (report.forwarded.dropped != 0) {
        text += ", " + std::to_string(report.forwarded.dropped) + " could not be delivered";
    }
    if (report.forward_errno != 0) {
        text += ": our own stderr failed with " + errno_name(report.forward_errno);
    }
    to.say(text);
    to.say(how_it_ended(record, (report.info.flags & FD2_INFO_SETTLES) != 0));
}

void tell_holders(const run_report& report, narrator& to) {
    if (!report.held_by) return;
    for (const auto& [pid, command] : report.held_by->found) {
        to.say("held by pid " + std::to_string(pid) + ": " + command);
    }
    if (report.held_by->found.empty()) to.say("held by: unknown (nobody that we may look at)");
}

}  // namespace

std::string explain(const run_report& report) {
    narrator to;
    tell_channel(report, to);
    tell_record(report, to);
    tell_holders(report, to);
    if (report.cut_short) to.say("a signal cut lingering and flushing short");
    to.say("the command ended with " + text_of(report.exit));
    return to.take();
}

}  // namespace fd2::cli
