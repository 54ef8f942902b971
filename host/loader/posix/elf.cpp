#include "loader/posix/elf.hpp"

#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace fd2::loader {

namespace {

/// False at the end of the file and on an error: the linker will meet the same one.
bool read_at(int descriptor, std::uint64_t offset, void* to, std::size_t size) {
    ssize_t got;
    do {
        got = ::pread(descriptor, to, size, static_cast<off_t>(offset));
    } while (got < 0 && errno == EINTR);
    return got == static_cast<ssize_t>(size);
}

}  // namespace

status check_whole(int descriptor, const std::string& file) {
    constexpr int ours = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return system_failure("fstat", file, errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    ElfW(Ehdr) header{};
    if (!read_at(descriptor, 0, &header, sizeof(header)) ||
        std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ours ||
        header.e_phentsize != sizeof(ElfW(Phdr))) {
        return {};
    }
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) segment{};
        if (!read_at(descriptor, header.e_phoff + i * sizeof(segment), &segment, sizeof(segment))) {
            return {};
        }
        const bool fits = segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset;
        if (segment.p_type == PT_LOAD && !fits) {
            return failure{errc::unsupported, 0,
                           "load plugin: " + file + ": truncated at " + std::to_string(size) +
                               " bytes; install it again"};
        }
    }
    return {};
}

}  // namespace fd2::loader
