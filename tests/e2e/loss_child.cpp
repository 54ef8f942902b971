// loss_child SEED TRUTH idle|flood
//
// Writes a random amount (0 to 300 KiB, in writes of random size) to fd 2 and exits at once, while
// a grandchild still holds that fd 2. TRUTH gets, before the first write, exactly what will be
// written.
//
// The text is lines of "c SEQUENCE PADDING" in ASCII; each byte of a flooding grandchild has its
// high bit set. So the two are told apart wherever they meet, also where writes are torn (TCP). The
// grandchild lives until stdin ends (the test's leash) or its fd 2 breaks.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

constexpr size_t most_bytes = 300 * 1024;
constexpr size_t most_at_once = 4096;
constexpr int trouble = 70;

bool write_all(int fd, const char* data, size_t size) {
    while (size > 0) {
        const ssize_t done = write(fd, data, size);
        if (done < 0) {
            if (errno == EINTR) continue;
            return false;
        }
        data += done;
        size -= static_cast<size_t>(done);
    }
    return true;
}

[[noreturn]] void hold(bool flood) {
    signal(SIGPIPE, SIG_IGN);
    std::string line;
    for (unsigned long long number = 0;; ++number) {
        pollfd leash{0, POLLIN, 0};
        const int ready = poll(&leash, 1, flood ? 0 : -1);
        char byte;
        if (ready > 0 && read(0, &byte, 1) <= 0) _exit(0);
        if (!flood) continue;
        line = "g " + std::to_string(number) + " ............................................\n";
        for (char& c : line) c = static_cast<char>(c | 0x80);
        if (!write_all(2, line.data(), line.size())) _exit(0);
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return trouble;
    std::mt19937 random(static_cast<std::mt19937::result_type>(std::strtoul(argv[1], nullptr, 10)));
    const bool flood = std::string(argv[3]) == "flood";
    auto pick = [&](size_t least, size_t most) {
        return std::uniform_int_distribution<size_t>(least, most)(random);
    };

    // One amount in eight is tiny: the interesting ends are near nothing and around the pipe's 64
    // KiB.
    const size_t amount = pick(0, 7) == 0 ? pick(0, 200) : pick(0, most_bytes);
    std::string text;
    std::vector<size_t> write_sizes;
    while (text.size() < amount) {
        const size_t start = text.size();
        const size_t wanted = pick(1, pick(0, 3) == 0 ? most_at_once : 200);
        do {
            std::string line = "c " + std::to_string(text.size()) + " ";
            line.append(pick(0, 120), static_cast<char>('a' + text.size() % 26));
            line += '\n';
            if (text.size() - start + line.size() > most_at_once) break;
            text += line;
        } while (text.size() - start < wanted);
        write_sizes.push_back(text.size() - start);
    }

    const int truth = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (truth < 0 || !write_all(truth, text.data(), text.size())) return trouble;

    const pid_t grandchild = fork();
    if (grandchild < 0) return trouble;
    if (grandchild == 0) hold(flood);

    const char* at = text.data();
    for (const size_t size : write_sizes) {
        if (!write_all(2, at, size)) return trouble;
        at += size;
    }
    _exit(static_cast<int>(text.size() % 251));  // a status that is checked, too
}
