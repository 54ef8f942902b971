#include "many/own_process.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <string>

#include "base/unique_fd.hpp"
#include "support/process.hpp"

namespace fd2::bench {

namespace {

/// The number behind `key` in a file of /proc; 0 if the file is gone. Allocates nothing.
std::uint64_t number_in(const char* path, std::string_view key) {
    std::array<char, 4096> text;
    const unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
    if (!file) return 0;
    const ssize_t size = read_some(file.get(), text.data(), text.size());
    const std::string_view all(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
    std::size_t at = all.find(key);
    if (at == all.npos) return 0;
    at = all.find_first_of("0123456789", at + key.size());
    std::uint64_t out = 0;
    if (at != all.npos) std::from_chars(all.data() + at, all.data() + all.size(), out);
    return out;
}

template <class Act>
void each_other_thread(const Act& act) {
    const std::string own = std::to_string(::gettid());
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        if (task.path().filename() != own) act(task.path());
    }
}

}  // namespace

std::size_t private_memory() {
    return 1024 * number_in("/proc/self/smaps_rollup", "Private_Dirty:");
}

std::size_t other_threads() {
    std::size_t out = 0;
    each_other_thread([&](const auto&) { ++out; });
    return out;
}

std::uint64_t sleeps_of_others() {
    std::uint64_t out = 0;
    each_other_thread([&](const auto& task) {
        out += number_in((task / "status").c_str(), "\nvoluntary_ctxt_switches:");
    });
    return out;
}

std::int64_t cpu_time() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);  // cannot fail: the clock exists
    return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

}  // namespace fd2::bench
