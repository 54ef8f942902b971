// Peer: the drain loop of the implementation that fd2's design started from, as its behaviour is
// known, in our own words. One blocking thread: 8 KiB reads, a line at a time; each line becomes
// text (invalid UTF-8 replaced), is written at once, and is appended to a window that is kept at
// 64 KiB by moving it down. stdin to stdout.

#include <string>
#include <thread>
#include <vector>

#include "support/process.hpp"

using namespace fd2::bench;

namespace {

constexpr std::size_t read_size = 8 * 1024;
constexpr std::size_t window_size = 64 * 1024;

/// The length of the well-formed UTF-8 sequence at `at`, 0 if there is none.
std::size_t sequence_at(const std::string& text, std::size_t at) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) return 0;
    }
    if (lead == 0xE0 && byte(1) < 0xA0) return 0;
    if (lead == 0xED && byte(1) > 0x9F) return 0;
    if (lead == 0xF0 && byte(1) < 0x90) return 0;
    if (lead == 0xF4 && byte(1) > 0x8F) return 0;
    return length;
}

/// `raw` itself where it is valid, as the usual case costs no copy; else a repaired copy.
const std::string& as_text(const std::string& raw, std::string& repaired) {
    std::size_t at = 0;
    while (at < raw.size()) {
        const std::size_t length = sequence_at(raw, at);
        if (length == 0) break;
        at += length;
    }
    if (at == raw.size()) return raw;
    repaired.assign(raw, 0, at);
    while (at < raw.size()) {
        const std::size_t length = sequence_at(raw, at);
        if (length == 0) {
            repaired += "\xEF\xBF\xBD";
            ++at;
        } else {
            repaired.append(raw, at, length);
            at += length;
        }
    }
    return repaired;
}

class line_reader {
  public:
    /// The next line with its newline, or what is left at the end; false when nothing is.
    bool next(std::string& line) {
        line.clear();
        for (;;) {
            if (at_ == filled_ && !fill()) return !line.empty();
            const std::string_view rest(buffer_.data() + at_, filled_ - at_);
            const std::size_t end = rest.find('\n');
            const std::size_t take = end == rest.npos ? rest.size() : end + 1;
            line.append(rest.substr(0, take));
            at_ += take;
            if (end != rest.npos) return true;
        }
    }

  private:
    bool fill() {
        const ssize_t got = read_some(STDIN_FILENO, buffer_.data(), buffer_.size());
        at_ = 0;
        filled_ = got > 0 ? static_cast<std::size_t>(got) : 0;
        return got > 0;
    }

    std::vector<char> buffer_ = std::vector<char>(read_size);
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
};

void append_bounded(std::vector<char>& window, const std::string& line) {
    window.insert(window.end(), line.begin(), line.end());
    if (window.size() > window_size) {
        const auto excess = static_cast<std::ptrdiff_t>(window.size() - window_size);
        window.erase(window.begin(), window.begin() + excess);
    }
}

void drain() {
    line_reader lines;
    std::vector<char> window;
    std::string line;
    std::string repaired;
    while (lines.next(line)) {
        const std::string& text = as_text(line, repaired);
        if (!write_all(STDOUT_FILENO, text.data(), text.size())) die("write");
        append_bounded(window, line);
    }
}

}  // namespace

int main() {
    std::thread thread(drain);
    thread.join();
}
