#include "channel/mapping.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <map>
#include <mutex>
#include <optional>
#include <tuple>
#include <utility>

#include "base/clock.hpp"
#include "channel/elf.hpp"
#include "channel/plugin_image.hpp"
#include "channel/verdict_store.hpp"

namespace fd2::channel {

namespace {

using file_id = std::pair<dev_t, ino_t>;

// Versions of one file in one process; none is ever unmapped. 40 to 110 KB each.
constexpr std::uint64_t max_generations = 256;

/// What tells one content of a file from the next, as far as the kernel's clock does: see
/// was_just_changed.
using file_version = std::tuple<dev_t, ino_t, off_t, std::int64_t, std::int64_t>;

std::int64_t in_nanoseconds(const timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * second + time.tv_nsec;
}

file_version version_of(const struct stat& status) {
    return {status.st_dev, status.st_ino, status.st_size, in_nanoseconds(status.st_mtim),
            in_nanoseconds(status.st_ctim)};
}

/// The times of a file come from a clock that ticks every few milliseconds. A file that has changed
/// so lately may change once more and look the same.
bool was_just_changed(const struct stat& status) {
    timespec present{};
    ::clock_gettime(CLOCK_REALTIME, &present);
    return in_nanoseconds(present) - in_nanoseconds(status.st_ctim) < 100 * millisecond;
}

/// The plugins that this process has mapped, by file and version: one that was replaced or
/// overwritten is another plugin. One list for the process, like the run-time linker's own, and
/// never destroyed, because the libraries stay mapped.
struct mapped_files {
    std::mutex mutex;
    std::map<file_version, mapped_plugin> known;
    std::map<std::string, std::uint64_t> generations;  // how many of each name
    std::uint64_t names = 0;
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

bool is_file(const std::string& name, const file_id& id) {
    struct stat found {};
    return ::stat(name.c_str(), &found) == 0 && file_id(found.st_dev, found.st_ino) == id;
}

/// "/DIRECTORY/" in its `number`th spelling, with more or fewer "./" and "/": the same place for
/// the kernel, but a new name for the run-time linker. The linker returns what it already has under
/// a name without looking at the file. Example: a plugin was loaded as /proc/self/fd/5 and the
/// descriptor closed; the next plugin is opened as descriptor 5 as well, and under the same name
/// dlopen would return the first one.
std::string respelled(std::string directory, std::uint64_t number) {
    for (; number != 0; number >>= 1) directory += (number & 1) != 0 ? "./" : "/";
    return directory;
}

/// What the run-time linker said, out of Boost.DLL's sentence around it.
std::string linker_message(std::string_view sentence) {
    constexpr std::string_view opening = "(dlerror system message: ";
    const std::size_t begin = sentence.find(opening);
    const std::size_t end = sentence.rfind("): ");
    if (begin == sentence.npos || end == sentence.npos || end < begin) return std::string(sentence);
    return std::string(sentence.substr(begin + opening.size(), end - begin - opening.size()));
}

/// The failure that Boost.DLL reports of loading `name`, which a person knows as `shown`.
failure as_failure(const std::exception& why, const std::string& name, const std::string& shown) {
    // Only the throwing overload carries the text of dlerror(), inside its own.
    std::string text = linker_message(why.what());
    for (std::size_t at = 0; (at = text.find(name, at)) != text.npos; at += shown.size()) {
        text.replace(at, name.size(), shown);
    }
    if (text.starts_with(shown + ": ")) text.erase(0, shown.size() + 2);
    for (const int shortage : {EMFILE, ENFILE, ENOMEM}) {
        if (text.find(::strerrordesc_np(shortage)) == text.npos) continue;
        return system_failure("load plugin", shown, shortage);
    }
    return {errc::unsupported, 0, "load plugin: " + shown + ": " + text};
}

failure changed(const std::string& shown) {
    return advise({errc::denied, 0, "plugin refused: " + shown + ": changed while it was checked"},
                  "try again");
}

/// The entry is null in a library that has none.
result<mapped_plugin> checked(mapped_plugin plugin, const std::string& shown) {
    if (plugin.entry != nullptr) return plugin;
    return failure{errc::unsupported, 0,
                   "load plugin: " + shown +
                       ": no symbol " FD2_BACKEND_ENTRY
                       ": not a backend, or made for another major version of the contract"};
}

/// Maps `image`, a copy of the file that a person knows as `shown`. `by_path`: under its path,
/// where the descriptor would do.
result<mapped_plugin> map_image(const plugin_image& image, const std::string& shown,
                                std::uint64_t number, bool by_path) {
    namespace dll = boost::dll;
    struct stat status {};
    if (::fstat(image.descriptor(), &status) != 0) return system_failure("fstat", shown, errno);
    const file_id id(status.st_dev, status.st_ino);
    // With our number where that is ours in this /proc: a debugger opens the name in a process of
    // its own, where /proc/self would be something else, at worst a pipe that it reads for ever.
    const std::string file = "fd/" + std::to_string(image.descriptor());
    std::string name = respelled("/proc/" + std::to_string(::getpid()) + "/", number) + file;
    bool by_descriptor = !by_path && is_file(name, id);
    if (!by_descriptor && !by_path) {
        name = respelled("/proc/self/", number) + file;
        by_descriptor = is_file(name, id);
    }
    if (!by_descriptor) {
        if (image.path().empty()) {
            return failure{errc::unsupported, ENOENT, "load plugin: " + shown + ": needs /proc"};
        }
        name = respelled("/", number) + image.path().substr(1);
        if (!is_file(name, id)) return changed(shown);
    }
    never_unloaded holder;
    try {
        // Lazy binding would turn a missing symbol into the death of the process at its first use.
        holder.library.load(name, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception& why) {
        return as_failure(why, name, shown);
    }
    // A descriptor of ours means the same file all the while; a path need not.
    if (!by_descriptor && !is_file(name, id)) return changed(shown);
    mapped_plugin plugin;
    if (holder.library.has(FD2_BACKEND_ENTRY)) {
        plugin.entry = holder.library.get<std::int32_t(const fd2_backend**)>(FD2_BACKEND_ENTRY);
    }
    return plugin;
}

/// Whether the next kind of image is worth a try.
bool is_forbidden_here(const failure& why, image_kind kind) {
    if (kind == image_kind::original || why.sys_errno == EMFILE || why.sys_errno == ENFILE) {
        return false;
    }
    // A memory file or a directory that may not be executed from.
    return why.sys_errno != 0 || why.message.find("failed to map segment") != std::string::npos;
}

bool has_version(const opened_plugin& file, const file_version& version) {
    struct stat now {};
    return ::fstat(file.descriptor.get(), &now) == 0 && version_of(now) == version;
}

/// What this process has mapped of that version, if it has: with its hash where `hashed`. [under
/// the lock]
result<std::optional<mapped_plugin>> find_mapped(mapped_files& mapped, const opened_plugin& file,
                                                 const file_version& version, bool hashed) {
    const auto it = mapped.known.find(version);
    if (it == mapped.known.end()) return std::optional<mapped_plugin>();
    mapped_plugin& known = it->second;
    if (!hashed) return std::optional(known);
    auto hash = content_hash(file.descriptor.get());
    if (!hash) return std::move(hash).error();
    if (known.hash.empty()) known.hash = *hash;
    return known.hash == *hash ? std::optional(known) : std::nullopt;
}

}  // namespace

result<mapped_plugin> map_plugin(const opened_plugin& file, const std::string& shown,
                                 const mapping_options& options) {
    struct stat status {};
    if (::fstat(file.descriptor.get(), &status) != 0) return system_failure("fstat", shown, errno);
    const file_version version = version_of(status);
    const bool hashed = options.hashed || was_just_changed(status);
    mapped_files& mapped = of_this_process();
    {
        const std::lock_guard lock(mapped.mutex);
        auto known = find_mapped(mapped, file, version, hashed);
        if (!known) return std::move(known).error();
        if (*known) return checked(**known, shown);
    }
    std::string admitted;  // the hash of what was
    for (const image_kind kind :
         {image_kind::memory, image_kind::directory, image_kind::original}) {
        if (options.original && kind != image_kind::original) continue;
        auto image = plugin_image::make(kind, file);
        if (!image) {
            if (is_forbidden_here(image.error(), kind)) continue;
            return std::move(image).error();
        }
        if (!has_version(file, version)) return changed(shown);
        if (auto good = check_elf(image->descriptor(), shown); !good) {
            return std::move(good).error();
        }
        std::string hash;
        if (hashed || options.admit) {
            auto made = content_hash(image->descriptor());
            if (!made) return std::move(made).error();
            hash = std::move(*made);
        }
        if (options.admit && hash != admitted) {
            if (auto good = options.admit(image->descriptor(), hash); !good) {
                return std::move(good).error();
            }
            admitted = hash;
            // That may have taken long, and this is no copy.
            if (kind == image_kind::original && !has_version(file, version)) return changed(shown);
        }
        const std::lock_guard lock(mapped.mutex);
        // Another thread may have been faster.
        auto known = find_mapped(mapped, file, version, hashed);
        if (!known) return std::move(known).error();
        if (*known) return checked(**known, shown);
        if (mapped.generations[shown] == max_generations) {
            return advise(
                {errc::resource, ENOMEM,
                 "load plugin: " + shown + ": this process has loaded " +
                     std::to_string(max_generations) + " versions of it, and can keep no more"},
                "restart the process");
        }
        auto made = map_image(*image, shown, ++mapped.names, options.original);
        if (!made) {
            if (is_forbidden_here(made.error(), kind)) continue;
            return std::move(made).error();
        }
        made->hash = std::move(hash);
        made->generation = ++mapped.generations[shown];
        mapped.known.insert_or_assign(version, *made);
        return checked(std::move(*made), shown);
    }
    return changed(shown);  // not reached: the original is not forbidden
}

std::string hash_of_mapped(const opened_plugin& file, std::uint64_t generation) {
    struct stat status {};
    if (::fstat(file.descriptor.get(), &status) != 0) return {};
    mapped_files& mapped = of_this_process();
    const std::lock_guard lock(mapped.mutex);
    const auto known = find_mapped(mapped, file, version_of(status), true);
    return known && *known && (*known)->generation == generation ? (*known)->hash : "";
}

}  // namespace fd2::channel
