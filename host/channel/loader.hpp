// Finds, checks and loads backend plugins.
#pragma once

#include <fd2/abi.h>
#include <fd2/ext/handover.h>
#include <fd2/ext/pollable.h>
#include <fd2/ext/terminal.h>
#include <fd2/observer.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "channel/linked_plugins.hpp"
#include "channel/mapping.hpp"
#include "channel/trial.hpp"
#include "channel/trust.hpp"
#include "channel/verdict_store.hpp"

namespace fd2::channel {

/// One directory of plugins, and who named it.
struct directory {
    std::string path;  ///< absolute
    trust_source source = trust_source::verified;
    bool own = false;  ///< it belongs to this copy of fd2
};

/// A plugin that exists, mostly as a file; nothing of it has been run.
struct found {
    std::string id;    ///< the file's name without ".so"
    std::string file;  ///< absolute
    trust_source source = trust_source::verified;
    bool own = false;                       ///< see directory
    const linked_plugin* linked = nullptr;  ///< it is part of this program; `file` is linked_file
};

/// What one directory of the search path holds. Runs nothing.
struct contents {
    directory where;
    int error = 0;                     ///< errno of reading it
    std::optional<failure> refused;    ///< no plugin below it is loaded: others may write there
    std::vector<found> plugins;        ///< those that are used by their name
    std::vector<std::string> hidden;   ///< files of backends that an earlier directory has
    std::vector<std::string> foreign;  ///< files that are not named like a backend
};

/// A loaded plugin. It stays mapped for the life of the process: code
/// may be on a stack, in a thread-local destructor or in a signal handler, and what is mapped can
/// do no harm. Its tables are therefore valid for ever.
struct loaded_plugin {
    std::string id;
    std::string file;
    trust_source source = trust_source::verified;
    std::uint64_t generation = 0;  ///< which version of the file in this process, from 1
    std::string hash;              ///< of its content; empty where nobody has asked for it
    const fd2_backend* backend = nullptr;
    const fd2_pollable* pollable = nullptr;   ///< null if not offered
    const fd2_handover* handover = nullptr;   ///< null if not offered
    const fd2_terminal* terminal = nullptr;   ///< null if not offered
    std::optional<recorded_verdict> verdict;  ///< of `fd2 conform`; see loader::ask_for_verdicts
};

/// Loads each plugin at most once, and so does the process with all its loaders: a file that is
/// mapped already is not mapped again. Nothing is kept open. [one thread at a time]
class loader {
  public:
    /// Directories are searched in this order, for what is no part of this program. With raised
    /// privileges the caller's are left out.
    explicit loader(std::vector<directory> directories,
                    trusted_owner owner = owner_of_executable());
    ~loader();
    loader(const loader&) = delete;
    loader& operator=(const loader&) = delete;

    /// From now on plugins that are loaded come with what `fd2 conform` has recorded of them. Costs
    /// reading each file once more.
    void ask_for_verdicts() noexcept { asks_for_verdicts_ = true; }

    /// From now on plugins are mapped from their files, for a debugger (see mapping_options).
    void load_originals() noexcept { loads_originals_ = true; }

    /// From now on load() tries plugins first as `policy` says; until then it tries none. Without a
    /// trial (null) what is recorded counts, and what is unknown is loaded: for processes that were
    /// made to see what happens. That a plugin could not be tried, or the outcome not be recorded,
    /// is told to `watch` (may be null) at level debug.
    void set_trial(load_policy policy, trial run, observer* watch) {
        policy_ = policy;
        trial_ = std::move(run);
        watch_ = watch;
    }

    /// The plugin that `name` stands for: an id, or an absolute path (then trusted as `source`
    /// says). A linked plugin needs no check and no trial. What this loader has loaded by that name
    /// is returned as it is; anything else is tried as `policy` says, by default that of set_trial,
    /// unless this process has mapped the same content already. What is then mapped is the copy
    /// that was tried. UNSUPPORTED: there is none, or it is of another version; DENIED: refused by
    /// the trust check; INTERNAL: its tables are malformed, or it broke in its trial, now or as
    /// recorded; TIMEDOUT: it hung there; RESOURCE: its trial goes on. A failure is not remembered
    /// but for that of a trial: one that broke is recorded by its content, one that hung is not
    /// tried again by this loader.
    result<std::shared_ptr<const loaded_plugin>> load(std::string_view name,
                                                      trust_source source = trust_source::verified,
                                                      std::optional<load_policy> policy = {});

    /// The next `load` looks at the files again; what they have that is new to this process is
    /// admitted by `policy` from now on. What is loaded stays so, and a file that has not changed
    /// gives the same plugin.
    void look_again(load_policy policy) noexcept {
        loaded_.clear();
        policy_ = policy;
    }

    /// The hash of what `plugin` is, which costs reading its file; empty if that is not what was
    /// mapped any more.
    std::string hash_of(const loaded_plugin& plugin) const;

    /// What could be loaded, by id; the first of a name wins. Runs nothing.
    std::vector<found> discover() const;

    /// Directory by directory, in the order of the search.
    std::vector<contents> list_directories() const;

    const std::vector<directory>& directories() const noexcept { return directories_; }

  private:
    result<found> find(std::string_view name, trust_source source) const;
    result<mapped_plugin> map(const found& where, std::optional<load_policy> policy);
    status admit(int image, const std::string& hash, const std::string& shown);
    void record(const std::string& hash, const recorded_trial& outcome);
    void tell(const std::string& text) const;

    std::vector<directory> directories_;
    trusted_owner owner_;
    bool asks_for_verdicts_ = false;
    bool loads_originals_ = false;
    load_policy policy_ = load_policy::untried;
    trial trial_;
    observer* watch_ = nullptr;
    bool told_untried_ = false;
    std::map<std::string, failure> stuck_;  // by the hash of the content
    std::map<std::string, std::shared_ptr<const loaded_plugin>, std::less<>> loaded_;
};

}  // namespace fd2::channel
