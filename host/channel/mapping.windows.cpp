// Maps the files themselves. Nobody can write to one that is mapped, so that no copy is needed; one
// that was renamed and replaced is another file, but the loader knows libraries by their names:
// what lies there now is used by the next process.
#include "channel/mapping.hpp"

#include <winsock2.h>

#include <windows.h>

#include <boost/dll/shared_library.hpp>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "base/winsock.windows.hpp"
#include "channel/verdict_store.hpp"

namespace fd2::channel {

namespace {

/// What tells one file from the next: the volume and the number on it. (Never destroyed: the
/// libraries stay mapped.)
using file_id = std::pair<DWORD, std::uint64_t>;

struct mapped_files {
    std::mutex mutex;
    std::map<file_id, mapped_plugin> known;
};

mapped_files& of_this_process() {
    static auto* const all = new mapped_files;
    return *all;
}

/// A library that is never unloaded: the destructor of what it holds does not run.
union never_unloaded {
    never_unloaded() : library() {}
    ~never_unloaded() {}
    boost::dll::shared_library library;
};

result<file_id> id_of(const opened_plugin& file, const std::string& shown) {
    BY_HANDLE_FILE_INFORMATION about{};
    if (!::GetFileInformationByHandle(handle_of(file.descriptor.get()), &about)) {
        return system_failure("GetFileInformationByHandle", shown, last_system_code());
    }
    return file_id(about.dwVolumeSerialNumber,
                   std::uint64_t{about.nFileIndexHigh} << 32 | about.nFileIndexLow);
}

failure cannot_load(int code, const std::string& shown) {
    if (code == ERROR_NOT_ENOUGH_MEMORY || code == ERROR_OUTOFMEMORY) {
        return system_failure("load plugin", shown, code);
    }
    std::string why = reason_of(code);
    if (code == ERROR_BAD_EXE_FORMAT) why = "not a library for this machine";
    if (code == ERROR_MOD_NOT_FOUND) why = "a library that it needs is missing";
    return {errc::unsupported, 0, "load plugin: " + shown + ": " + why};
}

/// The entry is null in a library that has none.
result<mapped_plugin> checked(mapped_plugin plugin, const std::string& shown) {
    if (plugin.entry != nullptr) return plugin;
    return failure{errc::unsupported, 0,
                   "load plugin: " + shown +
                       ": no symbol " FD2_BACKEND_ENTRY
                       ": not a backend, or made for another major version of the contract"};
}

result<mapped_plugin> load(const opened_plugin& file, const std::string& shown) {
    // No message box where something is missing; and what it needs is looked for beside it and in
    // the system's directory, never in the working directory or in PATH.
    DWORD before = 0;
    ::SetThreadErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX, &before);
    constexpr auto beside = static_cast<boost::dll::load_mode::type>(
        LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    never_unloaded holder;
    std::error_code failed;
    holder.library.load(system_path(file.path), failed, beside);
    ::SetThreadErrorMode(before, nullptr);
    if (failed) return cannot_load(failed.value(), shown);
    mapped_plugin plugin;
    plugin.generation = 1;
    if (holder.library.has(FD2_BACKEND_ENTRY)) {
        plugin.entry = holder.library.get<std::int32_t(const fd2_backend**)>(FD2_BACKEND_ENTRY);
    }
    return plugin;
}

}  // namespace

result<mapped_plugin> map_plugin(const opened_plugin& file, const std::string& shown,
                                 const mapping_options& options) {
    auto id = id_of(file, shown);
    if (!id) return std::move(id).error();
    mapped_files& mapped = of_this_process();
    {
        const std::lock_guard lock(mapped.mutex);
        const auto known = mapped.known.find(*id);
        if (known != mapped.known.end()) {
            if (options.hashed && known->second.hash.empty()) {
                auto hash = content_hash(file.descriptor.get());
                if (!hash) return std::move(hash).error();
                known->second.hash = std::move(*hash);
            }
            return checked(known->second, shown);
        }
    }
    std::string hash;
    if (options.hashed || options.admit) {
        auto made = content_hash(file.descriptor.get());
        if (!made) return std::move(made).error();
        hash = std::move(*made);
    }
    if (options.admit) {
        if (auto good = options.admit(file.descriptor.get(), hash); !good) {
            return std::move(good).error();
        }
    }
    // Plugins do not do that themselves (base/winsock.windows.hpp).
    if (const int why = start_winsock()) return system_failure("WSAStartup", "", why);
    const std::lock_guard lock(mapped.mutex);
    const auto known = mapped.known.find(*id);  // another thread may have been faster
    if (known != mapped.known.end()) return checked(known->second, shown);
    auto made = load(file, shown);
    if (!made) return std::move(made).error();
    made->hash = std::move(hash);
    mapped.known.emplace(*id, *made);
    return checked(std::move(*made), shown);
}

std::string hash_of_mapped(const opened_plugin& file, std::uint64_t) {
    const auto hash = content_hash(file.descriptor.get());
    return hash ? *hash : "";
}

}  // namespace fd2::channel
