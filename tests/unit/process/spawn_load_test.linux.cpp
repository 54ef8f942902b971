// Many spawns, and spawns from a large process.
#include <sys/mman.h>
#include <sys/resource.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "process/spawn.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

long open_descriptors() {
    long count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

long stack_mappings() {
    // A child's stack and its guard page; thread stacks come and go, so only this pair is counted.
    std::ifstream maps("/proc/self/maps");
    long count = 0;
    unsigned long begin = 0, end = 0, guard_end = 0;
    for (std::string line; std::getline(maps, line);) {
        char mode[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, mode) != 3) continue;
        if (mode[0] == '-' && end - begin == 4096) guard_end = end;
        if (mode[0] == 'r' && begin == guard_end && end - begin == 64 * 1024) ++count;
    }
    return count;
}

long minor_faults() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return used.ru_minflt;
}

}  // namespace

TEST_CASE("a thousand spawns from eight threads end as told and leave nothing") {
    const long descriptors = open_descriptors();
    const long stacks = stack_mappings();
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&wrong, t] {
            for (int i = 0; i < 125; ++i) {
                const int code = (t * 125 + i) % 256;
                spawn_spec spec;
                spec.argv = {i % 5 == 4 ? "/nonexistent" : child_program, "exit",
                             std::to_string(code)};
                auto child = spawn(spec);
                if (i % 5 == 4) {
                    if (child) ++wrong;
                    continue;
                }
                if (!child || child->pidfd() < 0) {
                    ++wrong;
                    continue;
                }
                const auto status = child->wait(fd2::after(fd2::now(), 60 * fd2::second));
                if (!status || status->code() != code) ++wrong;
            }
        });
    }
    for (auto& thread : threads) thread.join();
    CHECK(wrong == 0);
    CHECK(open_descriptors() == descriptors);
    CHECK(stack_mappings() == stacks);
    CHECK(::waitpid(-1, nullptr, WNOHANG | __WALL) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("a spawn from a process with 1 GiB resident copies none of it") {
    constexpr std::size_t size = std::size_t{1} << 30;
    constexpr long pages = 4096;
    constexpr std::size_t stride = size / pages;
    const int code = in_fork([&] {
        void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) return 1;
        ::madvise(memory, size, MADV_NOHUGEPAGE);
        volatile char* bytes = static_cast<char*>(memory);
        for (std::size_t at = 0; at < size; at += 4096) bytes[at] = 1;

        spawn_spec spec;
        spec.argv = {child_program, "pause"};
        channel out;
        spec.standard_output = out.writing.get();
        const long before = minor_faults();
        auto child = spawn(spec);
        if (!child) return 3;
        // After a fork each of these writes would fault, for the page would be shared.
        for (long page = 0; page < pages; ++page)
            bytes[static_cast<std::size_t>(page) * stride] = 1;
        return minor_faults() - before < pages / 8 ? 0 : 4;
    });
    CHECK(code == 0);
}
