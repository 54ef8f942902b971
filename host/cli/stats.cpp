#include "cli/stats.hpp"

#include <array>
#include <charconv>
#include <concepts>
#include <cstdio>
#include <initializer_list>
#include <optional>

#include "base/plain_text.hpp"
#include "base/utc.hpp"

namespace fd2::cli {

namespace {

/// Writes JSON as it comes: no tree, no allocation.
class json_writer {
  public:
    explicit json_writer(text_out& out) noexcept : out_(out) {}

    void open(char bracket) noexcept {
        separate();
        raw({&bracket, 1});
        first_ = true;
    }
    void close(char bracket) noexcept {
        raw({&bracket, 1});
        first_ = false;
    }
    json_writer& key(std::string_view name) noexcept {
        string(name);
        raw(":");
        first_ = true;  // its value needs no comma
        return *this;
    }

    void null() noexcept {
        separate();
        raw("null");
    }
    void value(bool yes) noexcept {
        separate();
        raw(yes ? "true" : "false");
    }
    void value(std::integral auto number) noexcept requires(!std::same_as<decltype(number), bool>) {
        std::array<char, 24> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        separate();
        raw({digits.data(), end});
    }
    /// The parts as one string. What is not UTF-8 is replaced: arguments may hold any bytes.
    void string(std::initializer_list<std::string_view> parts) noexcept {
        separate();
        raw("\"");
        for (const std::string_view part : parts) {
            escape_json(part, [this](std::string_view piece) { raw(piece); });
        }
        raw("\"");
    }
    void string(std::string_view text) noexcept {
        string(std::initializer_list<std::string_view>{text});
    }
    void raw(std::string_view text) noexcept { out_.put(text); }

    /// Before a value whose text is written with `raw`.
    void separate() noexcept {
        if (!first_) raw(",");
        first_ = false;
    }

  private:
    text_out& out_;
    bool first_ = true;
};

void put_time(json_writer& out, std::int64_t wall) noexcept {
    const utc_time at = utc_of(wall);
    char text[80];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", at.year, at.month,
                  at.day, at.hour, at.minute, at.second,
                  static_cast<long>(wall % second / microsecond));
    out.string(text);
}

/// Milliseconds since the start, to the microsecond: 12.0, 0.765; null for what did not happen.
void put_since(json_writer& out, nanoseconds_t start, nanoseconds_t moment) noexcept {
    if (moment == 0) return out.null();
    const nanoseconds_t us = (moment - start + microsecond / 2) / microsecond;
    char text[32];
    int size = std::snprintf(text, sizeof(text), "%lld.%03lld", static_cast<long long>(us / 1000),
                             static_cast<long long>(us % 1000));
    while (text[size - 1] == '0' && text[size - 2] != '.') --size;
    out.separate();
    out.raw({text, static_cast<std::size_t>(size)});
}

void put_exit(json_writer& out, exit_status exit) noexcept {
    out.open('{');
    switch (exit.how()) {
        case exit_status::kind::exited:
            // On Windows all 32 bits count: 3221225477 is 0xC0000005.
            out.key("code").value(static_cast<std::uint32_t>(exit.code()));
            break;
        case exit_status::kind::signalled:
            out.key("signal").value(exit.signal());
            out.key("core").value(exit.core());
            break;
        case exit_status::kind::lost:
            out.key("lost_errno").value(exit.lost_errno());
            break;
    }
    out.close('}');
}

/// null where there is no text.
void put_text(json_writer& out, std::string_view text) noexcept {
    if (text.empty()) return out.null();
    out.string(text);
}

void put_cause(json_writer& out, const std::optional<cause::found_cause>& cause) noexcept {
    if (!cause) return out.null();
    out.open('{');
    out.key("class").string(cause::name_of(cause->is));
    out.key("confidence").string(cause::name_of(cause->sure));
    put_text(out.key("line"), cause->line ? std::string_view(*cause->line) : std::string_view());
    put_text(out.key("rule"), cause->rule);
    put_text(out.key("next"), cause->next);
    out.close('}');
}

void put_attempts(json_writer& out, const std::vector<channel::attempt>& attempts) noexcept {
    out.open('[');
    for (const auto& [backend, why] : attempts) {
        out.open('{');
        out.key("backend").string(backend);
        out.key("code").string(name_of(why.code));
        out.key("errno").value(why.sys_errno);
        out.key("message");
        if (why.advice.empty()) {
            out.string(why.message);
        } else {
            out.string({why.message, "; ", why.advice});  // as text_of has it
        }
        out.close('}');
    }
    out.close(']');
}

void put_moves(json_writer& out, const std::vector<channel::hand_over>& moves) noexcept {
    out.open('[');
    for (const auto& one : moves) {
        out.open('{');
        out.key("from").string(one.from);
        out.key("to").string(one.to);
        out.key("pause_us").value(one.pause / microsecond);
        out.close('}');
    }
    out.close(']');
}

void put_holders(json_writer& out, const std::optional<process::holders>& held_by) noexcept {
    if (!held_by) return out.null();
    out.open('[');
    for (const auto& holder : held_by->found) {
        out.open('{');
        out.key("pid").value(holder.pid);
        out.key("command").string(holder.command);
        out.close('}');
    }
    out.close(']');
}

/// In percent, with at most two decimals.
void put_hundredths(json_writer& out, std::optional<std::uint32_t> number) noexcept {
    if (!number) return out.null();
    char text[16];
    const int size = std::snprintf(text, sizeof(text), "%u.%02u", *number / 100, *number % 100);
    out.separate();
    out.raw({text, static_cast<std::size_t>(size)});
}

void put_rule(json_writer& out, const std::optional<settings::rule_result>& rule) noexcept {
    if (!rule) return out.null();
    out.open('{');
    put_text(out.key("name"), rule->name);
    out.key("file").string(rule->at.name);
    out.key("line").value(rule->at.line);
    out.key("percent");
    put_hundredths(out, rule->rollout ? std::optional(rule->rollout->percent) : std::nullopt);
    out.key("bucket");
    put_hundredths(out, rule->rollout ? rule->rollout->bucket : std::nullopt);
    out.close('}');
}

}  // namespace

void write_stats(const run_report& report, text_out& target) noexcept {
    const capture::snapshot none;
    const capture::snapshot& record = report.record ? *report.record : none;
    json_writer out(target);
    out.open('{');
    out.key("schema").string("fd2.stats/1");
    out.key("command").open('[');
    for (const std::string& word : report.command) out.string(word);
    out.close(']');
    out.key("transport").string(report.transport);
    out.key("flag").value(report.flag);
    out.key("flag_origin").string(report.flag_origin);
    out.key("flag_counts").value(report.flag_counts);
    put_rule(out.key("rule"), report.rule);
    out.key("backend").string(report.backend);
    put_text(out.key("medium"), report.info.medium);
    put_attempts(out.key("fallback"), report.attempts);
    put_moves(out.key("swaps"), report.moves);
    put_text(out.key("inherit_reason"), report.why_inherit);
    out.key("bytes").value(record.total_bytes);
    out.key("lines").value(record.total_lines);
    out.key("tail").open('{');
    out.key("bytes").value(record.tail_bytes());
    out.key("offset").value(record.offset);
    out.close('}');
    out.key("dropped").open('{');
    out.key("tail_bytes").value(record.dropped_bytes());
    out.key("warnings").value(record.lines_dropped);
    out.key("forward_bytes").value(report.forwarded.dropped);
    out.key("log_lines").value(report.log_lines_lost);
    out.close('}');
    out.key("forwarded_bytes").value(report.forwarded.forwarded);
    out.key("forward_errno").value(report.forward_errno);
    out.key("end").string(name_of(record.end));
    out.key("end_errno").value(record.end_errno);
    out.key("followed").value(report.followed);
    put_holders(out.key("held_by"), report.held_by);
    put_exit(out.key("exit"), report.exit);
    put_cause(out.key("cause"), report.cause);
    out.key("pid").value(report.pid);
    out.key("times").open('{');
    put_time(out.key("started"), report.times.started_wall);
    put_since(out.key("first_byte_ms"), report.times.started, record.first_byte);
    put_since(out.key("exited_ms"), report.times.started, report.times.exited);
    put_since(out.key("finished_ms"), report.times.started, report.times.finished);
    out.close('}');
    out.close('}');
    out.raw("\n");
}

}  // namespace fd2::cli
