#include "cli/report.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
#include "cli/report/render.hpp"
#include "cli/whole_file.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {
namespace {

// A report has the command's words, of which the kernel takes megabytes; each byte may be six in
// JSON. A longer line is no report.
constexpr std::size_t longest_line = 16U << 20;

/// Reads a descriptor line by line.
class line_source {
  public:
    explicit line_source(int fd) noexcept : fd_(fd) {}

    /// The next line, without its newline; false at the end or after an error. What is beyond
    /// `longest_line` is passed over, so that the line is damaged.
    bool next(std::string& line) {
        line.clear();
        for (bool any = false;; any = true) {
            if (begin_ == end_ && !fill()) return any;
            const char* const from = buffer_.data() + begin_;
            const auto* const newline =
                static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
            const std::size_t size =
                newline != nullptr ? static_cast<std::size_t>(newline - from) : end_ - begin_;
            line.append(from, std::min(size, longest_line - line.size()));
            begin_ += size + (newline != nullptr ? 1 : 0);
            if (newline != nullptr) return true;
        }
    }

    int error() const noexcept { return error_; }

  private:
    bool fill() noexcept {
        const auto size = read_some(fd_, buffer_.data(), buffer_.size());
        if (!size) error_ = size.error().sys_errno;
        begin_ = 0;
        end_ = size ? *size : 0;
        return end_ != 0;
    }

    int fd_;
    int error_ = 0;
    std::size_t begin_ = 0, end_ = 0;
    std::array<char, 1U << 16> buffer_{};
};

status read_lines(const std::string& name, std::optional<std::int64_t> since,
                  reports::summary& all) {
    unique_fd file;
    if (name != "-") {
        auto opened = open_to_read(name, last_link::follow, writers::awaited);
        if (!opened) return std::move(opened).error();
        file = std::move(*opened);
    }
    const auto source =
        std::make_unique<line_source>(file ? file.get() : process::standard_descriptor(0));
    std::string line;
    reports::run one;
    for (std::uint64_t number = 1; source->next(line); ++number) {
        if (line.empty()) continue;
        const auto kind = reports::read_line(line, one);
        if (kind != reports::line_kind::report) {
            all.pass_over(kind, name == "-" ? "standard input" : name, number);
        } else if (since && one.started < *since) {
            ++all.earlier;
        } else {
            all.add(one);
        }
    }
    if (source->error() != 0) return system_failure("read", name, source->error());
    return {};
}

int complain_of(const std::string& text) {
    complain("report: " + text);
    return usage_error;
}

/// The files to read; empty: there are none, which has been said.
std::vector<std::string> files_of(const common_options& given, const report_options& asked) {
    if (!asked.files.empty()) return asked.files;
    const auto loaded = load_settings(given, true);
    if (!loaded) return {};
    const std::string& file = loaded->values.report.file;
    if (file.empty()) {
        (void)complain_of(
            "no FILE, and report.file is off (outside of rules); name a file, or set report.file "
            "in "
            "fd2.yaml so that runs leave reports");
        return {};
    }
    return {file};
}

std::string about_missing(const failure& why, const report_options& asked) {
    if (why.sys_errno != ENOENT || !asked.files.empty()) return {};
    return "; it is report.file, and the first run that is reported creates it";
}

}  // namespace

int report(const common_options& given, const report_options& asked, const output_options& shown,
           std::ostream& out) {
    if (asked.prometheus && shown.json) {
        return complain_of("--json and --prometheus cannot be used together");
    }
    reports::question question;
    if (!asked.since.empty()) {
        if (asked.prometheus) {
            return complain_of(
                "--since and --prometheus cannot be used together: counters must not "
                "decrease; omit --since");
        }
        question.since = reports::parse_since(asked.since, wall_clock());
        if (!question.since) {
            return complain_of(
                "--since: " + settings::display(asked.since) +
                " is neither a duration nor a time; write, for example, 30min, 24h, 7d, "
                "2026-11-29 or 2026-11-29T15:56Z (UTC)");
        }
    }
    question.files = files_of(given, asked);
    if (question.files.empty()) return usage_error;
    reports::summary all;
    for (const std::string& file : question.files) {
        if (auto good = read_lines(file, question.since, all); !good) {
            return complain_of(text_of(good.error()) + about_missing(good.error(), asked));
        }
    }
    const screen page = asked.out.empty() ? look_at_stdout(shown.colour) : screen{};
    const std::string text = asked.prometheus ? reports::as_prometheus(all)
                             : shown.json     ? reports::as_json(all, question)
                                              : reports::as_text(all, question, page);
    if (asked.out.empty()) {
        out << text;
        return 0;
    }
    const std::string_view whole[] = {text};
    if (auto good = replace_file(absolute(asked.out), whole, 0666); !good) {
        return complain_of("--out: " + text_of(good.error()));
    }
    return 0;
}

}  // namespace fd2::cli
