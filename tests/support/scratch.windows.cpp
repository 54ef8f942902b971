#include <windows.h>

#include <atomic>

#include "support/scratch.hpp"

// The user's own directory of temporary files: nobody else may write there.
std::string make_scratch_directory() {
    static std::atomic<unsigned> number{0};
    const std::filesystem::path base = std::filesystem::temp_directory_path();
    for (;;) {
        const std::filesystem::path path =
            base / ("fd2-test-" + std::to_string(::GetCurrentProcessId()) + "-" +
                    std::to_string(::GetTickCount64()) + "-" + std::to_string(++number));
        if (std::filesystem::create_directory(path)) return path.generic_string();
    }
}
