// What many reports of runs come to: counts, in bounded memory.
#pragma once

#include <fd2/exit_status.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace fd2::cli::reports {

/// A backend that was not used in a run.
struct refusal {
    std::string backend;
    std::string code;
    std::string message;
};

/// What the summary uses of one fd2.stats/1.
struct run {
    std::string command;              ///< the last part of its name
    std::optional<std::string> host;  ///< the remote host, as ssh's command line names it
    std::string backend;
    std::string not_captured;  ///< why; empty: something was
    std::vector<refusal> refused;
    std::string rule;  ///< as messages name it; empty: none applied
    bool flag = false;
    std::string flag_origin;
    std::string how;  ///< "status 3", "signal SIGTERM"
    bool failed = false;
    std::string cause;                   ///< its class; empty: it did not fail, or nobody knows
    std::uint64_t bytes = 0, lines = 0;  ///< captured
    std::uint64_t lost_bytes = 0, lost_log_lines = 0,
                  lost_lines = 0;  ///< see fd2.stats.schema.json
    bool cut = false;              ///< reading failed or was stopped
    bool forward_failed = false;   ///< fd2's own stderr did
    std::int64_t started = 0;      ///< nanoseconds since the epoch
    double seconds = 0;            ///< until the command exited

    /// As report.on: loss.
    bool has_loss() const noexcept {
        return lost_bytes != 0 || lost_log_lines != 0 || lost_lines != 0 || cut || forward_failed;
    }
};

/// What a line may be.
enum class line_kind : std::uint8_t {
    report,   ///< fd2.stats/1, alone or in the log's record of a run
    logged,   ///< another record of fd2's log
    foreign,  ///< JSON, but nothing of fd2's that is known here
    damaged   ///< not JSON, or a report with a member missing or wrong
};

/// What a line is; `out` is the report, or a record of the log.
line_kind take_apart(std::string_view line, nlohmann::json& out);

/// Of a report's `exit`. Throws where that is none.
exit_status read_exit(const nlohmann::json& exit);

/// Takes a line apart; `out` is set for a report.
line_kind read_line(std::string_view line, run& out);

using key = std::vector<std::string>;

/// Rows by key, as many as `limit`; what would be one more is added to `other`.
template <class Row>
class table {
  public:
    static constexpr std::size_t limit = 1000;
    static constexpr std::size_t longest = 256;  ///< bytes of a part of a key

    Row& operator[](key which) {
        for (std::string& part : which) shorten(part);
        const auto found = rows_.find(which);
        if (found != rows_.end()) return found->second;
        if (rows_.size() == limit) return other_;
        return rows_[std::move(which)];
    }
    const std::map<key, Row>& rows() const noexcept { return rows_; }
    const Row& other() const noexcept { return other_; }

  private:
    static void shorten(std::string& part) {
        if (part.size() <= longest) return;
        std::size_t size = longest;
        while ((static_cast<unsigned char>(part[size]) & 0xC0U) == 0x80U) --size;  // UTF-8
        part.resize(size);
    }

    std::map<key, Row> rows_;
    Row other_{};
};

struct group {
    std::uint64_t runs = 0, failed = 0, with_loss = 0;
    double seconds = 0;
    void add(const run& one) noexcept;
};

struct loss {
    std::uint64_t amount = 0, runs = 0;
    void add(std::uint64_t more) noexcept {
        amount += more;
        runs += more != 0 ? 1 : 0;
    }
};

/// A line that was passed over.
struct place {
    std::string file;
    std::uint64_t line = 0;
};

struct summary {
    static constexpr std::size_t most_slowest = 5;

    group all;
    std::uint64_t earlier = 0;           ///< runs before --since
    std::int64_t first = 0, last = 0;    ///< when they were started
    std::uint64_t with_fallback = 0;     ///< runs in which a backend was refused
    std::uint64_t bytes = 0, lines = 0;  ///< captured
    loss lost_bytes, lost_log_lines, lost_lines, cut;
    table<group> commands;                  ///< by command
    table<group> hosts;                     ///< by remote host; runs with one
    table<std::uint64_t> backends;          ///< by command and backend
    table<std::uint64_t> failures;          ///< by command and `how`
    table<std::uint64_t> causes;            ///< by command and class
    table<std::uint64_t> refusals;          ///< by backend, code and message
    table<std::uint64_t> refused_backends;  ///< by backend
    table<std::uint64_t> not_captured;      ///< by reason
    table<std::uint64_t> rules;             ///< by rule
    table<std::uint64_t> flags;             ///< by "on" or "off", and its origin
    std::vector<run> slowest;               ///< the slowest one first

    std::uint64_t damaged = 0, foreign = 0, logged = 0;  ///< lines
    std::optional<place> first_bad;                      ///< damaged or foreign

    void add(const run& one);
    void pass_over(line_kind what, const std::string& file, std::uint64_t line);
};

/// RFC 3339 in UTC, or its beginning: 2026-11-29, 2026-11-29T15:56, ...:34.5, with or without Z.
std::optional<std::int64_t> parse_time(std::string_view text);

/// What --since means: a time, or a length (30min, 24h, 7d) before `present`.
std::optional<std::int64_t> parse_since(std::string_view text, std::int64_t present);

}  // namespace fd2::cli::reports
