// How long wrappers take to start a command, and to be done with it.
//
//   startup --rounds=N < candidates      one candidate a line: NAME TAB ARG TAB ARG ...
//
// Each round starts every candidate once, in a shuffled order, and prints `NAME TAB MAIN TAB ALL`:
// nanoseconds from just before the spawn to the wrapped command's main ("-" if it is not `stamp`),
// and to the end of the wrapper. In the arguments, the word {fd} stands for the descriptor that
// `stamp` writes to.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

extern char** environ;

namespace {

using namespace fd2::bench;

struct candidate {
    std::string name;
    std::vector<std::string> words;
    std::vector<char*> argv;
};

std::vector<candidate> read_candidates(int stamp_fd) {
    std::vector<candidate> out;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream fields(line);
        candidate one;
        std::getline(fields, one.name, '\t');
        for (std::string word; std::getline(fields, word, '\t');) {
            one.words.push_back(word == "{fd}" ? std::to_string(stamp_fd) : word);
        }
        if (!one.words.empty()) out.push_back(std::move(one));
    }
    for (auto& one : out) {  // only now: the words stay where they are
        for (auto& word : one.words) one.argv.push_back(word.data());
        one.argv.push_back(nullptr);
    }
    return out;
}

void measure(const candidate& one, int stamps) {
    pid_t pid = 0;
    const fd2::nanoseconds_t start = fd2::now();
    const int failed =
        ::posix_spawnp(&pid, one.argv[0], nullptr, nullptr, one.argv.data(), environ);
    if (failed != 0) {
        errno = failed;
        die(one.argv[0]);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    const fd2::nanoseconds_t end = fd2::now();
    if (status != 0) {
        std::cerr << one.name << ": wait status " << status << '\n';
        std::exit(3);
    }
    std::int64_t reached = 0;
    const bool stamped = read_some(stamps, &reached, sizeof(reached)) == sizeof(reached);
    std::cout << one.name << '\t' << (stamped ? std::to_string(reached - start) : "-") << '\t'
              << end - start << '\n';
}

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    const long rounds = given.number("rounds", 300);
    int ends[2];
    if (::pipe(ends) != 0) die("pipe");
    // Only the read end: the other one's flags are the children's as well.
    if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    if (::fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0) die("fcntl");
    auto candidates = read_candidates(ends[1]);
    std::vector<const candidate*> order;
    for (const auto& one : candidates) order.push_back(&one);
    std::mt19937 random(2);
    for (long round = 0; round < rounds; ++round) {
        std::shuffle(order.begin(), order.end(), random);
        for (const auto* one : order) measure(*one, ends[0]);
    }
}
