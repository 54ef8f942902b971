// Peer: what one writes first. A thread reads and cuts lines, a deque of strings under a mutex
// hands them over, and each line gets a write of its own. stdin to stdout.

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "peers/relay_work.hpp"
#include "support/process.hpp"

using namespace fd2::bench;

namespace {

class line_queue {
  public:
    void push(std::string line) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return lines_.size() < limit; });
        lines_.push_back(std::move(line));
        changed_.notify_all();
    }
    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        changed_.notify_all();
    }
    bool pop(std::string& line) {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return closed_ || !lines_.empty(); });
        if (lines_.empty()) return false;
        line = std::move(lines_.front());
        lines_.pop_front();
        changed_.notify_all();
        return true;
    }

  private:
    static constexpr std::size_t limit = 4096;  // lines; without one it would eat the memory
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::string> lines_;
    bool closed_ = false;
};

void cut_lines(line_queue& to) {
    static char chunk[chunk_size];
    std::string held;
    for (;;) {
        const ssize_t got = read_some(STDIN_FILENO, chunk, sizeof(chunk));
        if (got < 0) die("read");
        if (got == 0) break;
        held.append(chunk, static_cast<std::size_t>(got));
        std::size_t start = 0;
        for (std::size_t end; (end = held.find('\n', start)) != held.npos; start = end + 1) {
            to.push(held.substr(start, end + 1 - start));
        }
        held.erase(0, start);
    }
    if (!held.empty()) to.push(std::move(held));
    to.close();
}

}  // namespace

int main() {
    line_queue lines;
    std::thread reader([&] { cut_lines(lines); });
    for (std::string line; lines.pop(line);) {
        if (!write_all(STDOUT_FILENO, line.data(), line.size())) die("write");
    }
    reader.join();
}
