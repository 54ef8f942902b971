// What a spawn costs the host, by the size of the host.
//
//   spawn_cost --rounds=N [--mib=1024] -- COMMAND [ARG...]
//
// Each round measures every way to start the command in this process as it is, and again with --mib
// of touched memory beside it: nanoseconds from the call to its return, the median of several. One
// JSON object: {"way": {"small": [...], "large": [...]}}, an element a round.

#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#ifdef FD2_BENCH_LIBUV
#include <uv.h>
#endif

#include "base/clock.hpp"
#include "process/spawn.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

extern char** environ;

namespace {

using namespace fd2;

/// Starts the command, returns how long that took, and reaps it.
using way = std::function<nanoseconds_t(char** command)>;

void reap(pid_t pid) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

nanoseconds_t by_fd2(char** command) {
    process::spawn_spec spec;
    for (; *command; ++command) spec.argv.emplace_back(*command);
    const nanoseconds_t start = now();
    auto child = process::spawn(spec);
    const nanoseconds_t taken = now() - start;
    if (!child || !child->wait()) bench::die("fd2 spawn");
    return taken;
}

nanoseconds_t by_posix_spawn(char** command) {
    pid_t pid = 0;
    const nanoseconds_t start = now();
    if (::posix_spawnp(&pid, command[0], nullptr, nullptr, command, environ) != 0)
        bench::die("posix_spawn");
    const nanoseconds_t taken = now() - start;
    reap(pid);
    return taken;
}

nanoseconds_t by_fork(char** command) {
    const nanoseconds_t start = now();
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::execvp(command[0], command);
        ::_exit(127);
    }
    const nanoseconds_t taken = now() - start;
    if (pid < 0) bench::die("fork");
    reap(pid);
    return taken;
}

#ifdef FD2_BENCH_LIBUV
nanoseconds_t by_libuv(char** command) {
    static uv_loop_t* const loop = uv_default_loop();
    uv_process_t process;
    uv_process_options_t options{};
    options.file = command[0];
    options.args = command;
    options.exit_cb = [](uv_process_t* ended, std::int64_t, int) {
        uv_close(reinterpret_cast<uv_handle_t*>(ended), nullptr);
    };
    const nanoseconds_t start = now();
    if (uv_spawn(loop, &process, &options) != 0) bench::die("uv_spawn");
    const nanoseconds_t taken = now() - start;
    uv_run(loop, UV_RUN_DEFAULT);
    return taken;
}
#endif

/// Memory that is really there, in small pages, as in a host that has lived for a while.
class resident_memory {
  public:
    explicit resident_memory(std::size_t size)
        : size_(size),
          at_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        if (at_ == MAP_FAILED) bench::die("mmap");
        ::madvise(at_, size_, MADV_NOHUGEPAGE);  // refused: large pages, and fork looks cheaper
        for (std::size_t page = 0; page < size_; page += 4096) {
            static_cast<volatile char*>(at_)[page] = 1;
        }
    }
    ~resident_memory() { ::munmap(at_, size_); }
    resident_memory(const resident_memory&) = delete;
    resident_memory& operator=(const resident_memory&) = delete;

  private:
    std::size_t size_;
    void* at_;
};

nanoseconds_t median_of(const way& how, char** command) {
    constexpr std::size_t samples = 9;
    std::vector<nanoseconds_t> all;
    for (std::size_t i = 0; i < samples; ++i) all.push_back(how(command));
    std::nth_element(all.begin(), all.begin() + samples / 2, all.end());
    return all[samples / 2];
}

using series = std::map<std::string, std::vector<nanoseconds_t>>;

void print(const char* name, const std::vector<nanoseconds_t>& all) {
    std::printf("\"%s\":[", name);
    for (std::size_t i = 0; i < all.size(); ++i) {
        std::printf("%s%lld", i ? "," : "", static_cast<long long>(all[i]));
    }
    std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
    const bench::arguments given(argc, argv);
    const long rounds = given.number("rounds", 7);
    const auto large_size = static_cast<std::size_t>(given.number("mib", 1024)) << 20;
    const std::map<std::string, way> ways{
        {"fd2", by_fd2},
        {"posix_spawn", by_posix_spawn},
        {"fork and exec", by_fork},
#ifdef FD2_BENCH_LIBUV
        {"libuv", by_libuv},
#endif
    };
    series small;
    series large;
    for (long round = 0; round < rounds; ++round) {
        for (const auto& [name, how] : ways) {
            small[name].push_back(median_of(how, given.command()));
        }
        const resident_memory beside(large_size);
        for (const auto& [name, how] : ways) {
            large[name].push_back(median_of(how, given.command()));
        }
    }
    const char* separator = "{";
    for (const auto& [name, how] : ways) {
        std::printf("%s\"%s\":{", separator, name.c_str());
        print("small", small[name]);
        std::printf(",");
        print("large", large[name]);
        std::printf("}");
        separator = ",";
    }
    std::printf("}\n");
}
