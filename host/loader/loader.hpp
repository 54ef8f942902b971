// Finds, checks and loads backend plugins.
#pragma once

#include <fd2/abi.h>
#include <fd2/ext/handover.h>
#include <fd2/ext/pollable.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "loader/trust.hpp"

namespace fd2::loader {

/// One directory of plugins and whose word it is.
struct directory {
    std::string path;  ///< absolute
    trust word = trust::verified;
};

/// A plugin file that exists; nothing of it has been run.
struct found {
    std::string id;    ///< the file's name without ".so"
    std::string file;  ///< absolute
    trust word = trust::verified;
};

/// What one directory of the search path holds. Runs nothing.
struct contents {
    directory where;
    int error = 0;                     ///< errno of reading it
    std::optional<failure> refused;    ///< no plugin below it is loaded: others may write there
    std::vector<found> plugins;        ///< those that stand for their name
    std::vector<std::string> hidden;   ///< files of backends that an earlier directory has
    std::vector<std::string> foreign;  ///< files whose name is no backend's
};

/// One loaded copy of a plugin (a generation). It stays mapped for the life of the process: code
/// may be on a stack, in a thread-local destructor or in a signal handler, and what is mapped can
/// do no harm. Its tables are therefore valid for ever.
struct plugin {
    std::string id;
    std::string file;
    const fd2_backend* backend = nullptr;
    const fd2_pollable* pollable = nullptr;  ///< null if not offered
    const fd2_handover* handover = nullptr;  ///< null if not offered
};

/// Loads each plugin at most once. Every loader that loads a plugin keeps one descriptor open for
/// good (the mapping goes by its number), so a program has one loader, not one a connection.
/// [one thread at a time]
class loader {
  public:
    /// Directories are searched in this order. With raised privileges the caller's are left out.
    explicit loader(std::vector<directory> directories,
                    trusted_party party = party_of_executable());
    ~loader();
    loader(const loader&) = delete;
    loader& operator=(const loader&) = delete;

    /// The plugin that `name` stands for: an id, or an absolute path (whose word is `word`).
    /// UNSUPPORTED: there is none, or it speaks another version; DENIED: refused by the trust
    /// check; INTERNAL: its tables are malformed. A failure is not remembered.
    result<std::shared_ptr<const plugin>> load(std::string_view name, trust word = trust::verified);

    /// What could be loaded, first of a name wins, by id. Runs nothing.
    std::vector<found> discover() const;

    /// Directory by directory, in the order of the search.
    std::vector<contents> look() const;

    const std::vector<directory>& directories() const noexcept { return directories_; }

  private:
    result<found> find(std::string_view name, trust word) const;

    std::vector<directory> directories_;
    trusted_party party_;
    std::map<std::string, std::shared_ptr<const plugin>, std::less<>> loaded_;
};

}  // namespace fd2::loader
