// Runs a command on another host through ssh and writes each line of its stderr to a file, one JSON
// object per line.
//
// A subscription on a thread of its own. Its queue is bounded and never slows the command down: if
// the file is too slow, lines are dropped and counted.
#include <fd2/fd2.hpp>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr std::string_view usage =
    R"(Usage: line-logger [--log FILE] [OPTION...] HOST COMMAND [ARGUMENT...]

Runs COMMAND on HOST, passes stdout and stderr on, and appends each line of stderr to FILE:
{"seq":1,"time":"2026-01-31T12:00:00.000000Z","text":"..."}

  --log FILE       where to (stderr.jsonl)
  --rsh WORDS      use instead of "ssh", split at spaces: --rsh "ssh -p 2222"
  --only TEXT      only lines that contain TEXT
  --capacity SIZE  bytes that may wait for the file; what does not fit is dropped (262144)

How many lines were logged and dropped is said at the end, on stderr. Exit status: the command's;
125 when something here failed, 2 for wrong usage.
)";

struct usage_error : std::runtime_error {
    using runtime_error::runtime_error;
};

struct options {
    bool help = false;
    std::string log = "stderr.jsonl";
    std::vector<std::string> rsh{"ssh"};
    std::string only;
    std::size_t capacity = fd2::stderr_lines::default_capacity;
    std::string host;
    std::vector<std::string> command;
};

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream in(text);
    std::vector<std::string> out;
    for (std::string word; in >> word;) out.push_back(word);
    if (out.empty()) throw usage_error("--rsh needs at least one word");
    return out;
}

std::size_t size_of(std::string_view text) {
    std::size_t out = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (wrong != std::errc() || end != text.data() + text.size()) {
        throw usage_error("--capacity needs a number of bytes, not \"" + std::string(text) + "\"");
    }
    return out;
}

options parse(const std::vector<std::string>& words) {
    options out;
    std::size_t at = 0;
    const auto value = [&] {
        if (at + 1 >= words.size()) throw usage_error(words[at] + " needs a value");
        return words[++at];
    };
    for (; at < words.size() && words[at].starts_with('-'); ++at) {
        if (words[at] == "-h" || words[at] == "--help") {
            out.help = true;
            return out;
        }
        if (words[at] == "--log") {
            out.log = value();
        } else if (words[at] == "--rsh") {
            out.rsh = words_of(value());
        } else if (words[at] == "--only") {
            out.only = value();
        } else if (words[at] == "--capacity") {
            out.capacity = size_of(value());
        } else {
            throw usage_error("unknown option " + words[at]);
        }
    }
    if (words.size() < at + 2) throw usage_error("a host and a command are needed");
    out.host = words[at];
    out.command.assign(words.begin() + static_cast<std::ptrdiff_t>(at) + 1, words.end());
    return out;
}

/// "2026-01-31T12:00:00.000000Z".
std::string text_of(std::chrono::system_clock::time_point when) {
    using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::seconds;
    const auto since = duration_cast<microseconds>(when.time_since_epoch());
    const std::time_t whole = duration_cast<seconds>(since).count();
    std::tm parts{};
    ::gmtime_r(&whole, &parts);
    char text[64];
    const std::size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(text + size, sizeof(text) - size, ".%06dZ",
                  static_cast<int>(since.count() % 1'000'000));
    return text;
}

/// Writes until the stream of lines has ended. Returns how many lines the file took.
std::uint64_t log_lines(fd2::stderr_lines& lines, std::ofstream& file) {
    std::uint64_t logged = 0;
    while (const auto block = lines.wait_block()) {
        std::uint64_t written = 0;
        for (const fd2::stderr_line_view& line : block) {
            nlohmann::ordered_json entry{
                {"seq", line.number}, {"time", text_of(line.time)}, {"text", line.text}};
            // A line longer than capture.max-line comes in pieces that share a number.
            if (fd2::more_follows(line.piece)) entry["more"] = true;
            // A child may write anything; JSON is UTF-8.
            file << entry.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
            ++written;
        }
        if (!file.flush()) break;
        logged += written;
    }
    return logged;
}

void pass_on(fd2::wire_reader& from) {
    std::vector<char> buffer(64 * 1024);
    while (const std::size_t size = from.read_some(buffer.data(), buffer.size())) {
        if (std::fwrite(buffer.data(), 1, size, stdout) != size || std::fflush(stdout) != 0) {
            throw std::system_error(errno, std::generic_category(), "write to stdout");
        }
    }
}

int run(const options& with) {
    std::ofstream file(with.log, std::ios::app);
    if (!file) throw std::system_error(errno, std::generic_category(), "open " + with.log);

    fd2::ssh_command command(with.host);
    command.program(with.rsh).remote(with.command);
    fd2::line_filter wanted;
    if (!with.only.empty()) {
        wanted = [&](std::string_view text) { return text.find(with.only) != text.npos; };
    }
    // Before the spawn: no line is missed.
    fd2::stderr_lines lines = command.subscribe(wanted, with.capacity);

    fd2::host host;
    std::uint64_t logged = 0;
    std::jthread
        logger;  // joined after the connection is destroyed, which ends the lines in any case
    fd2::SshConnection connection = fd2::spawn(host, command);
    logger = std::jthread([&] { logged = log_lines(lines, file); });
    connection.in().close();
    pass_on(connection.out());
    const fd2::exit_report report = connection.wait();
    logger.join();

    host.flush();  // the command's last output before our summary
    std::fprintf(stderr, "line-logger: %s: %s; %llu lines logged, %llu dropped, %llu not wanted\n",
                 with.host.c_str(), fd2::text_of(report.status).c_str(),
                 static_cast<unsigned long long>(logged),
                 static_cast<unsigned long long>(lines.dropped()),
                 static_cast<unsigned long long>(lines.filtered()));
    if (!file) throw std::runtime_error("write to " + with.log + " failed");
    return fd2::shell_code(report.status);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const options with = parse({argv + 1, argv + argc});
        if (!with.help) return run(with);
        std::fwrite(usage.data(), 1, usage.size(), stdout);
        return 0;
    } catch (const usage_error& wrong) {
        std::fprintf(stderr, "line-logger: %s; see line-logger --help\n", wrong.what());
        return 2;
    } catch (const std::exception& failed) {  // fd2::error is one
        std::fprintf(stderr, "line-logger: %s\n", failed.what());
        return 125;
    }
}
