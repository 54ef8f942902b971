// The file itself, read as data: what the run-time linker would do with it. Nothing of it runs.
#include <fd2/abi.h>

#include <elf.h>
#include <link.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "conformance/check.hpp"
#include "conformance/worker.hpp"

using namespace fd2::conformance;

namespace {

/// A shared library of this machine's class and byte order, as bytes. Every read is checked: the
/// file is somebody else's.
class library {
  public:
    library() {
        std::ifstream file(tested_file(), std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(file), {});
        REQUIRE(bytes_.size() >= sizeof(ElfW(Ehdr)));
        const auto head = at<ElfW(Ehdr)>(0);
        for (std::size_t i = 0; i < head.e_phnum; ++i) {
            segments_.push_back(at<ElfW(Phdr)>(head.e_phoff + i * sizeof(ElfW(Phdr))));
        }
        for (const auto& segment : segments_) {
            if (segment.p_type != PT_DYNAMIC) continue;
            for (std::size_t i = 0; i < segment.p_filesz / sizeof(ElfW(Dyn)); ++i) {
                dynamic_.push_back(at<ElfW(Dyn)>(segment.p_offset + i * sizeof(ElfW(Dyn))));
                if (dynamic_.back().d_tag == DT_NULL) break;
            }
        }
        REQUIRE(!dynamic_.empty());
        const auto sections = head.e_shnum;
        for (std::size_t i = 0; i < sections; ++i) {
            const auto section = at<ElfW(Shdr)>(head.e_shoff + i * sizeof(ElfW(Shdr)));
            if (section.sh_type != SHT_DYNSYM) continue;
            for (std::size_t k = 1; k < section.sh_size / sizeof(ElfW(Sym)); ++k) {
                symbols_.push_back(at<ElfW(Sym)>(section.sh_offset + k * sizeof(ElfW(Sym))));
            }
        }
    }

    const std::vector<ElfW(Phdr)>& segments() const { return segments_; }
    const std::vector<ElfW(Sym)>& symbols() const { return symbols_; }

    std::string name_of(const ElfW(Sym) & symbol) const { return text(symbol.st_name); }

    bool has(ElfW(Sxword) tag) const {
        for (const auto& each : dynamic_) {
            if (each.d_tag == tag) return true;
        }
        return false;
    }
    /// The or of all values of a tag.
    ElfW(Xword) flags(ElfW(Sxword) tag) const {
        ElfW(Xword) all = 0;
        for (const auto& each : dynamic_) {
            if (each.d_tag == tag) all |= each.d_un.d_val;
        }
        return all;
    }
    std::vector<std::string> texts(ElfW(Sxword) tag) const {
        std::vector<std::string> out;
        for (const auto& each : dynamic_) {
            if (each.d_tag == tag) out.push_back(text(each.d_un.d_val));
        }
        return out;
    }

  private:
    template <class T>
    T at(std::size_t offset) const {
        REQUIRE(offset <= bytes_.size());
        REQUIRE(sizeof(T) <= bytes_.size() - offset);
        T out;
        std::memcpy(&out, bytes_.data() + offset, sizeof(T));
        return out;
    }

    /// Of the table of dynamic strings.
    std::string text(std::size_t index) const {
        for (const auto& each : dynamic_) {
            if (each.d_tag != DT_STRTAB) continue;
            for (const auto& segment : segments_) {
                const auto address = each.d_un.d_ptr;
                if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
                    address >= segment.p_vaddr + segment.p_filesz) {
                    continue;
                }
                const std::size_t begin = address - segment.p_vaddr + segment.p_offset + index;
                REQUIRE(begin < bytes_.size());
                return std::string(bytes_.data() + begin,
                                   ::strnlen(bytes_.data() + begin, bytes_.size() - begin));
            }
        }
        return {};
    }

    std::vector<char> bytes_;
    std::vector<ElfW(Phdr)> segments_;
    std::vector<ElfW(Dyn)> dynamic_;
    std::vector<ElfW(Sym)> symbols_;
};

}  // namespace

CHECK_CASE(S01, must, "X11", "the file is a shared library for this machine",
           "reads its header: class, byte order, machine, type") {
    std::ifstream self("/proc/self/exe", std::ios::binary);
    ElfW(Ehdr) host{};
    REQUIRE(self.read(reinterpret_cast<char*>(&host), sizeof(host)));
    // Not through `library`, which takes the rest of the file for one of this machine's.
    std::ifstream file(tested_file(), std::ios::binary);
    ElfW(Ehdr) head{};
    CHECK_SAYS("the file has the header of an ELF file",
               file.read(reinterpret_cast<char*>(&head), sizeof(head)).good());
    CHECK(std::memcmp(head.e_ident, host.e_ident, EI_VERSION) == 0);
    CHECK(head.e_machine == host.e_machine);
    CHECK(head.e_type == ET_DYN);
}

CHECK_CASE(S02, must, "X1", "the entry is exported", "looks for it in the dynamic symbols") {
    const library file;
    bool found = false;
    for (const auto& symbol : file.symbols()) {
        found =
            found || (symbol.st_shndx != SHN_UNDEF && file.name_of(symbol) == FD2_BACKEND_ENTRY);
    }
    CHECK(found);
}

CHECK_CASE(S03, should, "X1",
           "nothing but the entry is exported: another library's function of the same name stays "
           "its own",
           "lists the dynamic symbols that are defined") {
    const library file;
    std::string more;
    for (const auto& symbol : file.symbols()) {
        const auto name = file.name_of(symbol);
        const auto seen = symbol.st_other & 3;
        if (symbol.st_shndx == SHN_UNDEF || seen == STV_HIDDEN || seen == STV_INTERNAL) continue;
        if (name != FD2_BACKEND_ENTRY && symbol.st_shndx != SHN_ABS) more += name + " ";
    }
    CHECK(more == "");
}

CHECK_CASE(S04, must, "X11", "no symbol is unique in the process: the linker would pin the file",
           "looks for STB_GNU_UNIQUE (g++ -fno-gnu-unique makes none)") {
    const library file;
    std::string unique;
    for (const auto& symbol : file.symbols()) {
        if (symbol.st_shndx != SHN_UNDEF && ELF64_ST_BIND(symbol.st_info) == STB_GNU_UNIQUE) {
            unique += file.name_of(symbol) + " ";
        }
    }
    CHECK(unique == "");
}

CHECK_CASE(S05, must, "X11", "the stack stays not executable",
           "PT_GNU_STACK is there, without X; the linker would make every stack of the host "
           "executable otherwise") {
    bool found = false;
    bool executable = false;
    const library file;
    for (const auto& segment : file.segments()) {
        found = found || segment.p_type == PT_GNU_STACK;
        executable =
            executable || (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X) != 0);
    }
    CHECK(found);
    CHECK_FALSE(executable);
}

CHECK_CASE(S06, must, "X11", "no memory is writable and executable, and code is not relocated",
           "reads the segments, DT_TEXTREL and DF_TEXTREL") {
    const library file;
    for (const auto& segment : file.segments()) {
        const bool both =
            segment.p_type == PT_LOAD && (segment.p_flags & (PF_W | PF_X)) == (PF_W | PF_X);
        CHECK_FALSE(both);
    }
    CHECK_FALSE(file.has(DT_TEXTREL));
    CHECK((file.flags(DT_FLAGS) & DF_TEXTREL) == 0);
}

CHECK_CASE(S07, should, "X1", "everything is bound when the file is loaded, and then read-only",
           "looks for BIND_NOW (-z now) and PT_GNU_RELRO (-z relro)") {
    const library file;
    const bool now = file.has(DT_BIND_NOW) || (file.flags(DT_FLAGS) & DF_BIND_NOW) != 0 ||
                     (file.flags(DT_FLAGS_1) & DF_1_NOW) != 0;
    CHECK_SAYS("its symbols are bound when it is loaded: link with -Wl,-z,now", now);
    bool relro = false;
    for (const auto& segment : file.segments()) relro = relro || segment.p_type == PT_GNU_RELRO;
    CHECK(relro);
}

CHECK_CASE(S08, must, "X11", "libraries are found without the file's own search path",
           "looks for DT_RPATH, and for a DT_RUNPATH that is relative or has $ORIGIN: what is "
           "mapped from memory has no place") {
    const library file;
    CHECK(file.texts(DT_RPATH).empty());
    for (const auto& path : file.texts(DT_RUNPATH)) {
        CHECK(path.starts_with('/'));
        CHECK(path.find('$') == path.npos);
    }
}

CHECK_CASE(S10, must, "X11", "the file asks the linker for nothing that reaches beyond it",
           "looks for NODELETE, GLOBAL, INITFIRST, INTERPOSE and PIE in DT_FLAGS_1") {
    constexpr ElfW(Xword) unwanted =
        DF_1_NODELETE | DF_1_GLOBAL | DF_1_INITFIRST | DF_1_INTERPOSE | DF_1_PIE;
    CHECK((library().flags(DT_FLAGS_1) & unwanted) == 0);
}

CHECK_CASE(S14, should, "X4 S9", "nothing is imported that changes the process",
           "looks for fork, system, exit, setenv, chdir, umask, setlocale, signal, sigaction and "
           "the like among the undefined symbols") {
    static const std::set<std::string_view> risky = {
        "fork",   "vfork",     "system",  "popen",      "exit",      "_exit",  "setenv",
        "putenv", "unsetenv",  "chdir",   "umask",      "setlocale", "signal", "sigaction",
        "dlopen", "setrlimit", "setpgid", "setsid",     "daemon",    "setuid", "setitimer",
        "alarm",  "waitpid",   "wait",    "sigprocmask"};
    const library file;
    std::string found;
    for (const auto& symbol : file.symbols()) {
        const auto name = file.name_of(symbol);
        if (symbol.st_shndx == SHN_UNDEF && risky.count(name) != 0) found += name + " ";
    }
    CHECK(found == "");
}

CHECK_CASE(S15, should, "X11", "the file has a build id: a crash in it can be told from others",
           "looks for a note NT_GNU_BUILD_ID (-Wl,--build-id)") {
    bool found = false;
    const library file;
    for (const auto& segment : file.segments()) found = found || segment.p_type == PT_NOTE;
    CHECK(found);
}
