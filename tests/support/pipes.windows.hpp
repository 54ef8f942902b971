// A pipe between a test and what it starts.
#pragma once

#include <windows.h>

#include <string>
#include <vector>

#include "base/handle.windows.hpp"
#include "base/unique_fd.hpp"
#include "support/catch.hpp"

struct pipe_ends {
    fd2::unique_fd reading, writing;
    pipe_ends() {
        HANDLE read = nullptr, write = nullptr;
        REQUIRE(::CreatePipe(&read, &write, nullptr, 65536));
        reading.reset(fd2::fd_of(read));
        writing.reset(fd2::fd_of(write));
    }
};

/// Up to the end, or to an error.
inline std::string read_all(int fd) {
    std::string out;
    std::vector<char> bytes(65536);
    for (;;) {
        DWORD got = 0;
        if (!::ReadFile(fd2::handle_of(fd), bytes.data(), static_cast<DWORD>(bytes.size()), &got,
                        nullptr) ||
            got == 0) {
            return out;
        }
        out.append(bytes.data(), got);
    }
}
