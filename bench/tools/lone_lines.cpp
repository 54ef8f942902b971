// A child that says something now and then: one line, a pause, the next line. Each line begins with
// the moment at which it was written (CLOCK_MONOTONIC, nanoseconds), for `sink --stamps`.
//
//   lone_lines --count=N [--gap-us=1000] [--cpu=N]
//
// The gap is followed by up to as much again, so that no timer of a relay can fall into step.

#include <time.h>

#include <cstring>
#include <random>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2::bench;

constexpr std::size_t line_size = 80;

void sleep_until(fd2::nanoseconds_t moment) {
    const timespec until{static_cast<time_t>(moment / fd2::second),
                         static_cast<long>(moment % fd2::second)};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    const long count = given.number("count", 1000);
    const long gap = given.number("gap-us", 1000) * fd2::microsecond;
    pin(given.number("cpu", -1));
    std::minstd_rand random(2);
    std::uniform_int_distribution<long> more(0, gap);
    for (long i = 0; i < count; ++i) {
        sleep_until(fd2::now() + gap + more(random));
        char line[line_size + 1];
        std::snprintf(line, sizeof(line), "%020lld %-59s", static_cast<long long>(fd2::now()),
                      "one line, and silence behind it");
        line[line_size - 1] = '\n';
        if (!write_all(STDERR_FILENO, line, line_size)) die("lone_lines");
    }
}
