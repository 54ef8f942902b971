// Which process an object belongs to. fork(2) copies objects, but not the threads that serve them,
// and a lock that another thread held stays locked in the copy for ever.
#pragma once

#include <cstdint>

namespace fd2 {

/// The number of this process. [any thread; async-signal-safe]
std::int64_t process_number() noexcept;

/// Remembers the process that made it.
class home_process {
  public:
    /// False in a fork of that process. [any thread; async-signal-safe]
    bool here() const noexcept { return process_number() == number_; }

  private:
    std::int64_t number_ = process_number();
};

/// Deletes an object in the process that made it. In a fork the object is left as it is: an exit
/// there must neither wait for threads and locks nor touch what is the parent's.
template <class T>
class delete_at_home {
  public:
    void operator()(T* object) const noexcept {
        if (home_.here()) delete object;
    }

  private:
    home_process home_;
};

}  // namespace fd2
