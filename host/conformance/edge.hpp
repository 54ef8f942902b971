// A struct at the end of a page, and behind it a page that nobody may touch.
#pragma once

#include <cstddef>

namespace fd2::conformance {

/// A copy of the first `size` bytes of a struct. One at a time.
class at_the_edge {
  public:
    at_the_edge(const void* from, std::size_t size);
    ~at_the_edge();
    at_the_edge(const at_the_edge&) = delete;
    at_the_edge& operator=(const at_the_edge&) = delete;

    template <class Struct>
    Struct* as() {
        return reinterpret_cast<Struct*>(at_);
    }
    /// Whether somebody touched the page; it is noted, and may go on.
    bool touched() const noexcept;

  private:
    std::size_t size_ = 0;
    unsigned char* memory_ = nullptr;
    unsigned char* at_ = nullptr;
};

}  // namespace fd2::conformance
