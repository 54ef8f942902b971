#include "cli/lines_of.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/files.hpp"
#include "base/unique_fd.hpp"
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

}  // namespace

status each_line(const std::string& name,
                 const std::function<void(std::string_view, std::uint64_t)>& use) {
    unique_fd file;
    if (name != "-") {
        auto opened = open_to_read(name, last_link::follow, writers::awaited);
        if (!opened) return std::move(opened).error();
        file = std::move(*opened);
    }
    const auto source =
        std::make_unique<line_source>(file ? file.get() : process::standard_descriptor(0));
    std::string line;
    for (std::uint64_t number = 1; source->next(line); ++number) {
        if (!line.empty()) use(line, number);
    }
    if (source->error() != 0) return system_failure("read", name, source->error());
    return {};
}

std::string about_missing(const failure& why, bool configured) {
    if (why.sys_errno != ENOENT || !configured) return {};
    return "; it is report.file, and the first run that is reported creates it";
}

}  // namespace fd2::cli
