#include "loader/loader.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <set>

#include "loader/posix/elf.hpp"

namespace fd2::loader {

namespace {

constexpr std::string_view suffix = ".so";

/// A library that is never unloaded: the destructor of what it holds does not run.
union never_unloaded {
    never_unloaded() : library() {}
    ~never_unloaded() {}
    boost::dll::shared_library library;
};

bool is_id(const char* text) {
    const std::size_t size = text ? ::strnlen(text, 33) : 0;
    return size >= 1 && size <= 32 && std::all_of(text, text + size, [](unsigned char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
           });
}

failure malformed(const std::string& file, const std::string& what) {
    return {errc::internal, 0, "plugin: " + file + ": malformed table: " + what};
}

bool is_complete(const fd2_channel_ops* ops) {
    return ops && ops->struct_size >= sizeof(fd2_channel_ops) && ops->info && ops->start &&
           ops->take_child_end && ops->resume && ops->finish && ops->join && ops->close;
}

/// Whole, with a name, and with words where it is one of several.
bool is_complete(const fd2_option_spec& option) {
    return option.struct_size >= sizeof(fd2_option_spec) && is_id(option.name) && option.help &&
           (option.type != FD2_OPTION_ENUM || (option.values && option.default_text));
}

/// Everything the host will touch is there, so that no later call needs to ask.
status validate(const fd2_backend* table, const std::string& file) {
    if (!table) return malformed(file, "the entry gave none");
    if (table->struct_size < sizeof(fd2_backend)) {
        return failure{errc::unsupported, 0,
                       "plugin: " + file + ": its table has " + std::to_string(table->struct_size) +
                           " bytes, this host needs " + std::to_string(sizeof(fd2_backend)) +
                           "; rebuild it"};
    }
    if (!is_id(table->id)) return malformed(file, "id is not lower case, digits and '-'");
    if (!table->version || !table->vendor || !table->description) {
        return malformed(file, "version, vendor or description is NULL");
    }
    if (!is_complete(table->channel)) return malformed(file, "a channel function is missing");
    if (!table->init || !table->deinit || !table->open || !table->get_extension) {
        return malformed(file, "a backend function is missing");
    }
    if (table->option_count != 0 &&
        (!table->options || table->option_stride < sizeof(fd2_option_spec))) {
        return malformed(file, "options");
    }
    const auto* options = reinterpret_cast<const unsigned char*>(table->options);
    for (std::uint32_t i = 0; i < table->option_count; ++i) {
        const void* at = options + std::size_t{i} * table->option_stride;
        if (!is_complete(*static_cast<const fd2_option_spec*>(at))) {
            return malformed(file, "option " + std::to_string(i) + ": its name, help or words");
        }
    }
    return {};
}

template <class Table>
const Table* extension(const fd2_backend& backend, const char* id) {
    const auto* table = static_cast<const Table*>(backend.get_extension(id));
    return table && table->struct_size >= sizeof(Table) ? table : nullptr;
}

/// What the run-time linker said, out of Boost.DLL's sentence around it.
std::string linker_message(std::string_view sentence) {
    constexpr std::string_view opening = "(dlerror system message: ";
    const std::size_t from = sentence.find(opening);
    const std::size_t to = sentence.rfind("): ");
    if (from == sentence.npos || to == sentence.npos || to < from) return std::string(sentence);
    return std::string(sentence.substr(from + opening.size(), to - from - opening.size()));
}

/// Maps what `descriptor` names, under a name that no other file can get: the descriptor is never
/// closed, because the run-time linker recognises libraries by name.
result<const fd2_backend*> map(unique_fd descriptor, const std::string& file) {
    namespace dll = boost::dll;
    never_unloaded holder;
    const std::string name = "/proc/self/fd/" + std::to_string(descriptor.get());
    try {
        // Lazy binding would turn a missing symbol into the death of the process at its first use.
        holder.library.load(name, dll::load_mode::rtld_now | dll::load_mode::rtld_local);
    } catch (const std::exception& why) {
        // Only the throwing overload carries the text of dlerror(), inside its own; it names our
        // descriptor.
        std::string text = linker_message(why.what());
        for (std::size_t at = 0; (at = text.find(name, at)) != text.npos; at += file.size()) {
            text.replace(at, name.size(), file);
        }
        for (const int shortage : {EMFILE, ENFILE, ENOMEM}) {
            if (text.find(::strerrordesc_np(shortage)) == text.npos) continue;
            return system_failure("load plugin", file, shortage);
        }
        return failure{errc::unsupported, 0, "load plugin: " + file + ": " + text};
    }
    descriptor.release();
    if (!holder.library.has(FD2_BACKEND_ENTRY)) {
        return failure{errc::unsupported, 0,
                       "load plugin: " + file +
                           ": no symbol " FD2_BACKEND_ENTRY
                           ": not a backend, or made for another major version of the contract"};
    }
    auto* entry = holder.library.get<std::int32_t(const fd2_backend**)>(FD2_BACKEND_ENTRY);
    const fd2_backend* table = nullptr;
    const std::int32_t code = entry(&table);
    if (code != FD2_OK) {
        return failure{
            errc::unsupported, 0,
            "load plugin: " + file + ": its entry refused with code " + std::to_string(code)};
    }
    if (auto good = validate(table, file); !good) return std::move(good).error();
    return table;
}

}  // namespace

loader::loader(std::vector<directory> directories, trusted_party party)
    : directories_(std::move(directories)), party_(party) {
    if (has_raised_privileges()) {
        std::erase_if(directories_, [](const directory& d) { return d.word == trust::callers; });
    }
}

loader::~loader() = default;

result<found> loader::find(std::string_view name, trust word) const {
    if (name.starts_with('/')) {
        if (word == trust::callers && has_raised_privileges()) word = trust::verified;
        return found{std::string(name), std::string(name), word};
    }
    if (name.empty() || name.find('/') != name.npos) {
        return failure{errc::config, 0,
                       "backend: '" + std::string(name) + "': neither a name nor an absolute path"};
    }
    std::string searched;
    for (const auto& where : directories_) {
        std::string file = where.path + "/" + std::string(name) + std::string(suffix);
        if (::access(file.c_str(), F_OK) == 0) return found{std::string(name), file, where.word};
        searched += (searched.empty() ? "" : ", ") + where.path;
    }
    return failure{errc::unsupported, ENOENT,
                   "no " + std::string(name) + std::string(suffix) + " in " +
                       (searched.empty() ? "any directory (the search path is empty)" : searched)};
}

result<std::shared_ptr<const plugin>> loader::load(std::string_view name, trust word) {
    if (const auto known = loaded_.find(name); known != loaded_.end()) return known->second;
    auto where = find(name, word);
    if (!where) return std::move(where).error();
    auto descriptor = open_plugin(where->file, where->word, party_);
    if (!descriptor) return std::move(descriptor).error();
    if (auto whole = check_whole(descriptor->get(), where->file); !whole) {
        return std::move(whole).error();
    }
    auto table = map(std::move(*descriptor), where->file);
    if (!table) return std::move(table).error();
    const fd2_backend& backend = **table;
    if (!name.starts_with('/') && name != backend.id) {
        return failure{errc::unsupported, 0,
                       "plugin: " + where->file + ": calls itself '" + backend.id +
                           "'; the file must be named after its id"};
    }
    auto loaded = std::make_shared<plugin>();
    loaded->id = backend.id;
    loaded->file = where->file;
    loaded->backend = &backend;
    loaded->pollable = extension<fd2_pollable>(backend, FD2_EXT_POLLABLE);
    loaded->handover = extension<fd2_handover>(backend, FD2_EXT_HANDOVER);
    loaded_.emplace(std::string(name), loaded);
    return std::shared_ptr<const plugin>(std::move(loaded));
}

std::vector<contents> loader::look() const {
    std::vector<contents> all;
    std::set<std::string> seen;
    for (const auto& where : directories_) {
        contents& here = all.emplace_back();
        here.where = where;
        const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(where.path.c_str()),
                                                          &::closedir);
        if (!listing) {
            here.error = errno;
            continue;
        }
        if (where.word == trust::verified) {
            if (auto good = check_directory(where.path, party_); !good) here.refused = good.error();
        }
        while (const dirent* entry = ::readdir(listing.get())) {
            const std::string file = where.path + "/" + entry->d_name;
            const std::string_view name = entry->d_name;
            if (name == "." || name == "..") continue;
            const std::string id(
                name.substr(0, name.size() - std::min(name.size(), suffix.size())));
            if (!name.ends_with(suffix) || !is_id(id.c_str())) {
                here.foreign.push_back(file);
            } else if (!seen.insert(id).second) {
                here.hidden.push_back(file);
            } else {
                here.plugins.push_back({id, file, where.word});
            }
        }
        std::sort(here.hidden.begin(), here.hidden.end());
        std::sort(here.foreign.begin(), here.foreign.end());
    }
    return all;
}

std::vector<found> loader::discover() const {
    std::vector<found> all;
    for (auto& here : look()) {
        std::move(here.plugins.begin(), here.plugins.end(), std::back_inserter(all));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
    return all;
}

}  // namespace fd2::loader
