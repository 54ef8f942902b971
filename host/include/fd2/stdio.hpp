// A child's stdin or stdout.
#pragma once

#include <cstdint>

namespace fd2 {

/// The zero value is a pipe, whose other end is the connection's `in()` or `out()`; with any other
/// value `in()` or `out()` is closed from the start.
class stdio {
  public:
    enum class kind : std::uint8_t { pipe, inherit, null, descriptor };

    constexpr stdio() noexcept = default;
    static constexpr stdio pipe() noexcept { return {}; }
    /// This process's own.
    static constexpr stdio inherit() noexcept { return {kind::inherit, -1}; }
    /// /dev/null.
    static constexpr stdio null() noexcept { return {kind::null, -1}; }
    /// One of the program's descriptors, close-on-exec or not: must be open at the spawn, and stays
    /// the program's.
    static constexpr stdio fd(int number) noexcept { return {kind::descriptor, number}; }

    constexpr kind what() const noexcept { return what_; }
    constexpr int number() const noexcept { return number_; }

  private:
    constexpr stdio(kind what, int number) noexcept : number_(number), what_(what) {}
    int number_ = -1;
    kind what_ = kind::pipe;
};

}  // namespace fd2
