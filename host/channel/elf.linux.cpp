#include "channel/elf.hpp"

#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace fd2::channel {

using file_header = ElfW(Ehdr);

/// The header of the file that this code is in; the linker defines the symbol.
extern const file_header own_header __asm__("__ehdr_start") __attribute__((visibility("hidden")));

namespace {

/// Reads a file in small pieces. Its start is fetched once: a linker puts the program headers right
/// behind the file's own.
class file_reader {
  public:
    explicit file_reader(int descriptor) noexcept : descriptor_(descriptor) {
        got_ = read_some(0, start_, sizeof(start_));
    }

    /// False at the end of the file and on an error, which dlopen will report better.
    bool read_at(std::uint64_t offset, void* buffer, std::size_t size) const noexcept {
        if (offset > got_ || size > got_ - offset) return read_some(offset, buffer, size) == size;
        std::memcpy(buffer, start_ + offset, size);
        return true;
    }

  private:
    std::size_t read_some(std::uint64_t offset, void* buffer, std::size_t size) const noexcept {
        ssize_t got;
        do {
            got = ::pread(descriptor_, buffer, size, static_cast<off_t>(offset));
        } while (got < 0 && errno == EINTR);
        return got < 0 ? 0 : static_cast<std::size_t>(got);
    }

    int descriptor_;
    std::size_t got_ = 0;
    unsigned char start_[1024];
};

/// The name of a machine as uname(2) has it.
std::string machine_name(unsigned machine, bool is_64_bit) {
    switch (machine) {
        case EM_386:
            return "i386";
        case EM_X86_64:
            return is_64_bit ? "x86_64" : "x32";
        case EM_ARM:
            return "arm";
        case EM_AARCH64:
            return "aarch64";
        case EM_PPC64:
            return "ppc64";
        case EM_S390:
            return "s390x";
        case EM_RISCV:
            return is_64_bit ? "riscv64" : "riscv32";
        case EM_MIPS:
            return "mips";
        case 258:  // EM_LOONGARCH
            return "loongarch64";
        default:
            return "machine " + std::to_string(machine);
    }
}

std::string built_for(const unsigned char* ident, unsigned machine) {
    std::string text = machine_name(machine, ident[EI_CLASS] == ELFCLASS64);
    if (ident[EI_DATA] != own_header.e_ident[EI_DATA]) {
        text += ident[EI_DATA] == ELFDATA2MSB ? ", big-endian" : ", little-endian";
    }
    return text;
}

/// e_machine, in the byte order that the header names.
unsigned machine_of(const unsigned char* start) {
    const unsigned low = start[start[EI_DATA] == ELFDATA2MSB ? 19 : 18];
    const unsigned high = start[start[EI_DATA] == ELFDATA2MSB ? 18 : 19];
    return high << 8 | low;
}

}  // namespace

status check_elf(int descriptor, const std::string& file) {
    struct stat status {};
    if (::fstat(descriptor, &status) != 0) return system_failure("fstat", file, errno);
    const auto size = static_cast<std::uint64_t>(status.st_size);
    // Up to here (the kind and the machine) the header is the same for all machines.
    unsigned char start[20];
    if (size < sizeof(start)) {
        return failure{errc::unsupported, 0, "load plugin: " + file + ": file too short"};
    }
    const file_reader reader(descriptor);
    if (!reader.read_at(0, start, sizeof(start))) return {};
    if (std::memcmp(start, ELFMAG, SELFMAG) != 0) {
        return failure{errc::unsupported, 0, "load plugin: " + file + ": not an ELF file"};
    }
    const file_header& ours = own_header;
    const unsigned machine = machine_of(start);
    if (machine != ours.e_machine || start[EI_CLASS] != ours.e_ident[EI_CLASS] ||
        start[EI_DATA] != ours.e_ident[EI_DATA]) {
        return advise({errc::unsupported, 0,
                       "load plugin: " + file + ": built for " + built_for(start, machine) +
                           ", this is " + built_for(ours.e_ident, ours.e_machine)},
                      "build it for this machine");
    }
    file_header header{};
    if (!reader.read_at(0, &header, sizeof(header)) || header.e_phentsize != sizeof(ElfW(Phdr))) {
        return {};
    }
    for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
        ElfW(Phdr) segment{};
        if (!reader.read_at(header.e_phoff + i * sizeof(segment), &segment, sizeof(segment))) {
            return {};
        }
        const bool fits = segment.p_offset <= size && segment.p_filesz <= size - segment.p_offset;
        if (segment.p_type == PT_LOAD && !fits) {
            return advise(
                {errc::unsupported, 0,
                 "load plugin: " + file + ": truncated at " + std::to_string(size) + " bytes"},
                "reinstall it");
        }
    }
    return {};
}

}  // namespace fd2::channel
