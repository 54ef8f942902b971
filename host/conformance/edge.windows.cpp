#include <windows.h>

#include <atomic>
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/edge.hpp"

namespace fd2::conformance {

namespace {

constexpr std::size_t page = 4096;

/// The page that nobody may touch, and whether somebody did.
unsigned char* forbidden = nullptr;
std::atomic<bool> was_touched{false};

LONG CALLBACK on_fault(EXCEPTION_POINTERS* what) {
    const auto& record = *what->ExceptionRecord;
    if (record.ExceptionCode != EXCEPTION_ACCESS_VIOLATION || forbidden == nullptr) {
        return EXCEPTION_CONTINUE_SEARCH;
    }
    const auto at = static_cast<std::uintptr_t>(record.ExceptionInformation[1]);
    const auto begin = reinterpret_cast<std::uintptr_t>(forbidden);
    if (at < begin || at >= begin + page) return EXCEPTION_CONTINUE_SEARCH;
    was_touched = true;
    DWORD before = 0;
    (void)VirtualProtect(forbidden, page, PAGE_READWRITE, &before);
    return EXCEPTION_CONTINUE_EXECUTION;
}

}  // namespace

at_the_edge::at_the_edge(const void* from, std::size_t size) {
    static void* const handler = AddVectoredExceptionHandler(1, on_fault);
    REQUIRE(handler != nullptr);
    size_ = 2 * page;
    memory_ = static_cast<unsigned char*>(
        VirtualAlloc(nullptr, size_, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    REQUIRE(memory_ != nullptr);
    std::memcpy(memory_ + page - size, from, size);
    at_ = memory_ + page - size;
    was_touched = false;
    forbidden = memory_ + page;
    DWORD before = 0;
    REQUIRE(VirtualProtect(forbidden, page, PAGE_NOACCESS, &before) != 0);
}

at_the_edge::~at_the_edge() {
    forbidden = nullptr;
    (void)VirtualFree(memory_, 0, MEM_RELEASE);
}

bool at_the_edge::touched() const noexcept {
    return was_touched;
}

}  // namespace fd2::conformance
