// The look at a plugin's file before the run-time linker gets it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "base/unique_fd.hpp"
#include "channel/elf.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const fd2::unique_fd file(::memfd_create("plugin", MFD_CLOEXEC));
    if (::ftruncate(file.get(), 0) != 0 ||
        ::pwrite(file.get(), data, size, 0) != static_cast<ssize_t>(size)) {
        std::abort();
    }
    const auto good = fd2::channel::check_elf(file.get(), "plugin.so");
    if (!good && good.error().message.empty()) std::abort();
    return 0;
}
