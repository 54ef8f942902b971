#include "cli/top.hpp"

#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "base/plain_text.hpp"
#include "base/unique_fd.hpp"
#include "cli/environment.hpp"
#include "cli/host_survey.hpp"
#include "cli/screen.hpp"

namespace fd2::cli {

namespace {

constexpr nanoseconds_t interval = 1 * second;
constexpr std::size_t history = 16;  // rates that the line shows

/// Single keys, without an echo, until destroyed. The cursor is hidden meanwhile.
class raw_keys {
  public:
    explicit raw_keys(std::ostream& out) : out_(out) {
        changed_ = ::tcgetattr(STDIN_FILENO, &before_) == 0;
        if (!changed_) return;
        termios raw = before_;
        raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        changed_ = ::tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
        out_ << "\x1b[?1049h\x1b[?25l";
    }
    ~raw_keys() {
        out_ << "\x1b[?25h\x1b[?1049l" << std::flush;
        if (changed_) (void)::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
    }
    raw_keys(const raw_keys&) = delete;
    raw_keys& operator=(const raw_keys&) = delete;

  private:
    std::ostream& out_;
    termios before_{};
    bool changed_ = false;
};

/// Eight heights: "▁▂▃▄▅▆▇█", each rate against the largest of them.
std::string spark(const std::deque<std::int64_t>& rates) {
    const char* const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::int64_t most = 1;
    for (const std::int64_t one : rates) most = std::max(most, one);
    std::string out(history - std::min(history, rates.size()), ' ');
    for (const std::int64_t one : rates) out += one == 0 ? " " : bars[one * 7 / most];
    return out;
}

struct seen_channel {
    std::int64_t bytes = 0;
    std::deque<std::int64_t> rates;  ///< bytes a second
};

class display {
  public:
    explicit display(std::ostream& out) : out_(out) {}

    void draw() {
        const nanoseconds_t present = now();
        const survey seen = ask_all(all_targets());
        std::map<std::pair<std::int64_t, std::int64_t>, seen_channel> next;
        std::vector<std::pair<std::int64_t, std::string>> rows;
        std::int64_t total = 0;
        for (const auto& one : seen.channels) {
            const std::pair key(integer_in(one, "host"), integer_in(one, "number"));
            const std::int64_t bytes = integer_in(one, "bytes");
            seen_channel kept = known_.contains(key) ? known_[key] : seen_channel{bytes, {}};
            const nanoseconds_t since = std::max<nanoseconds_t>(present - drawn_, millisecond);
            const std::int64_t rate =
                drawn_ == 0 ? 0 : (bytes - kept.bytes) * 1000 / (since / millisecond);
            kept.bytes = bytes;
            kept.rates.push_back(rate);
            if (kept.rates.size() > history) kept.rates.pop_front();
            rows.emplace_back(rate, row(one, rate, kept));
            total += rate;
            next.emplace(key, std::move(kept));
        }
        std::stable_sort(rows.begin(), rows.end(),
                         [](const auto& a, const auto& b) { return a.first > b.first; });
        known_ = std::move(next);
        drawn_ = present;
        const auto size = size_of_terminal();
        const std::size_t lines = size && size->rows > 4 ? size->rows : 24;
        std::string page = "\x1b[H";
        line(page, "fd2: " + std::to_string(rows.size()) + " running, " + short_size(total) +
                       " bytes per second" +
                       (seen.silent.empty()
                            ? ""
                            : ", " + std::to_string(seen.silent.size()) + " not answering"));
        line(page, "    PID CHAN   B/s  LAST SECONDS      BYTES   AGE BACKEND          COMMAND");
        std::size_t left = lines - 3;
        for (const auto& [rate, text] : rows) {
            if (left-- == 0) break;
            line(page, text);
        }
        page += "\x1b[J";
        out_ << page << std::flush;
    }

  private:
    static std::string right(std::string text, std::size_t width) {
        return std::string(width - std::min(width, text.size()), ' ') + std::move(text);
    }
    static std::string row(const nlohmann::ordered_json& one, std::int64_t rate,
                           const seen_channel& kept) {
        std::string backend = plain(text_in(one, "backend"));
        backend.resize(std::max<std::size_t>(backend.size(), 16), ' ');
        return right(std::to_string(integer_in(one, "host")), 7) + " " +
               right(std::to_string(integer_in(one, "number")), 4) + " " +
               right(short_size(rate), 5) + "  " + spark(kept.rates) + " " +
               right(short_size(kept.bytes), 6) + " " +
               right(short_time(integer_in(one, "age")), 5) + " " + backend + " " + command_in(one);
    }
    void line(std::string& page, const std::string& text) const {
        const std::size_t width = width_of(STDOUT_FILENO);
        std::size_t columns = 0;
        for (const char c : text) {
            // Of a character of several bytes the first one counts.
            columns += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
            if (width != 0 && columns > width) break;
            page += c;
        }
        page += "\x1b[K\n";
    }

    std::ostream& out_;
    std::map<std::pair<std::int64_t, std::int64_t>, seen_channel> known_;
    nanoseconds_t drawn_ = 0;
};

}  // namespace

int top(std::ostream& out) {
    if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
        complain("top: needs a terminal; elsewhere use: fd2 ps --watch");
        return usage_error;
    }
    sigset_t ends;
    ::sigemptyset(&ends);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ends, signal);
    sigset_t before;
    ::pthread_sigmask(SIG_BLOCK, &ends, &before);
    const unique_fd signals(::signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK));
    {
        const raw_keys keys(out);
        display shown(out);
        for (bool over = !signals; !over;) {
            shown.draw();
            const nanoseconds_t next = after(now(), interval);
            for (nanoseconds_t left = interval; left > 0 && !over; left = next - now()) {
                pollfd waits[] = {{STDIN_FILENO, POLLIN, 0}, {signals.get(), POLLIN, 0}};
                const int ready = ::poll(waits, 2, static_cast<int>(left / millisecond) + 1);
                if (ready <= 0) continue;
                char key = 'q';
                if (waits[0].revents != 0 && ::read(STDIN_FILENO, &key, 1) <= 0) key = 'q';
                over =
                    waits[1].revents != 0 || (waits[0].revents != 0 && (key == 'q' || key == 'Q'));
            }
        }
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return 0;
}

}  // namespace fd2::cli
