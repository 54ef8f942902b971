#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

#include "conformance/check.hpp"
#include "conformance/edge.hpp"

namespace fd2::conformance {

namespace {

/// The page that nobody may touch, and whether somebody did.
unsigned char* forbidden = nullptr;
volatile sig_atomic_t was_touched = 0;

void on_fault(int signal, siginfo_t* fault, void*) {
    const auto* at = static_cast<const unsigned char*>(fault->si_addr);
    const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    if (forbidden != nullptr && at >= forbidden && at < forbidden + size) {
        was_touched = 1;
        (void)::mprotect(forbidden, size, PROT_READ | PROT_WRITE);
        return;
    }
    (void)::signal(signal, SIG_DFL);
}

}  // namespace

at_the_edge::at_the_edge(const void* from, std::size_t size) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    size_ = 2 * page;
    void* const made =
        ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(made != MAP_FAILED);
    memory_ = static_cast<unsigned char*>(made);
    std::memcpy(memory_ + page - size, from, size);
    at_ = memory_ + page - size;
    was_touched = 0;
    forbidden = memory_ + page;
    REQUIRE(::mprotect(forbidden, page, PROT_NONE) == 0);
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    REQUIRE(::sigaction(SIGSEGV, &action, nullptr) == 0);
}

at_the_edge::~at_the_edge() {
    forbidden = nullptr;
    (void)::munmap(memory_, size_);
}

bool at_the_edge::touched() const noexcept {
    return was_touched != 0;
}

}  // namespace fd2::conformance
