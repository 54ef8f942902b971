// The world around a channel: child processes, streams to write, and what the kernel says of us.
#pragma once

#include <fd2/abi.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace fd2::conformance {

// ---- streams

/// A stream of pseudo-random bytes without a newline, known at every position.
const std::uint8_t* pattern_at(std::uint64_t position, std::size_t& contiguous);
bool pattern_matches(std::uint64_t position, const std::uint8_t* data, std::size_t size);

/// Writes all of it, in pieces of at most `piece` bytes. False on an error (EPIPE and the like).
bool write_all(int fd, const void* data, std::size_t size, std::size_t piece = SIZE_MAX);
/// Writes `size` bytes of the pattern from `position` on, in pieces of at most `piece` bytes.
bool write_pattern(int fd, std::uint64_t position, std::uint64_t size, std::size_t piece);
/// An object that has taken so much without a reader never makes a writer wait.
inline constexpr std::uint64_t never_full = 128 << 20;
/// As many bytes as the object takes without blocking, in writes of `piece` bytes, up to
/// `never_full`. Makes the writer's description non-blocking for the time being.
std::uint64_t fill(int fd, std::size_t piece);
/// The same with the pattern from `position` on.
std::uint64_t fill_pattern(int fd, std::uint64_t position, std::size_t piece);

// ---- child processes

/// What a child does, known by its name: where there is no fork, another process of this program is
/// told the name. A global. `act` gets two numbers, and gives the exit code.
struct deed {
    const char* name;
    int (*act)(std::uint64_t first, std::uint64_t second);

    deed(const char* called, int (*does)(std::uint64_t, std::uint64_t));
    deed(const deed&) = delete;
    deed& operator=(const deed&) = delete;
};
/// Null: there is none of this name.
const deed* find_deed(std::string_view name);

/// What a child has as its stderr. [in a child]
int child_stderr();

/// What `wait` gives of a child that was killed.
inline constexpr int killed = 1000 + 9;

/// A real child whose stderr is the child end; all else but 0 and 1 is closed in it. Killed and
/// reaped at the latest by the destructor.
class child {
  public:
    child(int child_end, const deed& what, std::uint64_t first = 0, std::uint64_t second = 0);
    /// `body` runs in the child, after a fork and without an exec: system calls only. [Linux]
    child(int child_end, const std::function<int()>& body);
    ~child();
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    /// Waits; the exit code, or 1000 + the signal's number.
    int wait();
    bool kill();
    bool is_running() const noexcept { return pid_ > 0; }
    pid_t pid() const noexcept { return static_cast<pid_t>(pid_); }

  private:
    std::int64_t pid_ = -1;  // on Windows the handle
};

// ---- the platform

/// What the file of a plugin ends with: ".so".
extern const char* const plugin_suffix;
/// Maps a plugin's file as a host does, for good; its entry, or null.
fd2_backend_entry_fn entry_of(const std::string& file);
/// The calling thread has no more rights than anybody.
void drop_rights();
/// A write that nobody reads fails, and does nothing else.
void ignore_broken_pipes();

// ---- what the kernel says of this process

/// What is behind a descriptor.
struct object {
    std::uint64_t device;
    std::uint64_t inode;
    std::string name;  ///< "pipe:[4711]", to be shown
    bool operator==(const object& other) const {
        return device == other.device && inode == other.inode;
    }
};
/// Of which kind it is, for what depends on that.
enum class object_kind { pipe, unix_stream, tcp, terminal, other };
object_kind kind_of(int fd);
/// "a pipe", "a TCP connection", to be shown.
const char* name_of(object_kind kind) noexcept;
/// A child that we start would inherit it, unless the host takes care.
bool is_inheritable(int fd);
/// A child that writes to it as to a file waits where it is full.
bool blocks(int fd);
bool is_open(int fd);
/// Waits until a polled channel's object holds that many bytes, at least as well as can be told.
void wait_until_holds(fd2_native watched, int bytes);
/// Every open descriptor.
class descriptor_table : public std::map<int, object> {};
descriptor_table descriptors();
/// Which descriptors have come, gone or become something else: "left open: 7 pipe:[4711]"; empty:
/// none.
std::string changed_since(const descriptor_table& before);

struct task {
    std::string name;
    char state = 'R';            ///< as proc(5) has it: R runs or could, S sleeps
    std::uint64_t blocked = 0;   ///< bit n-1: signal n
    std::uint64_t switches = 0;  ///< how often it gave up the processor by itself
};
/// Every thread, by its id.
std::map<pid_t, task> tasks();

/// That of the calling thread.
pid_t own_task();
/// It blocks every signal that can be blocked, so that none of the host's is taken by it.
bool takes_no_signal(const task& thread);

/// The threads beyond `before` that may still run code of their own. One that was joined may be
/// listed for an instant, but the kernel is ending it by then. Their names, "a, b".
std::string running_beyond(const std::map<pid_t, task>& before);

/// Waits until every other thread of this process sleeps: what is not to happen has had the time to
/// happen, however busy the machine is. (Threads that take a nap are seen asleep; so this takes a
/// while.)
void wait_for_quiet();

/// Waits until the number of threads is at most `count` (a thread that was joined may still be seen
/// for an instant); false when it hangs.
bool wait_for_tasks(std::size_t count);

}  // namespace fd2::conformance
