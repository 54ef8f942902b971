// A value or a failure. Small on purpose: what std::expected will be, with one error type.
#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "base/failure.hpp"

namespace fd2 {

/// Either a `T` or a `failure`. Reading the side that is not there is a programmer's error.
template <class T>
class [[nodiscard]] result {
  public:
    result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
    result(failure why) : state_(std::in_place_index<1>, std::move(why)) {}

    explicit operator bool() const noexcept { return state_.index() == 0; }

    T& value() & noexcept {
        assert(*this);
        return *std::get_if<0>(&state_);
    }
    const T& value() const& noexcept {
        assert(*this);
        return *std::get_if<0>(&state_);
    }
    T&& value() && noexcept {
        assert(*this);
        return std::move(*std::get_if<0>(&state_));
    }
    T& operator*() & noexcept { return value(); }
    const T& operator*() const& noexcept { return value(); }
    T* operator->() noexcept { return &value(); }
    const T* operator->() const noexcept { return &value(); }

    const failure& error() const& noexcept {
        assert(!*this);
        return *std::get_if<1>(&state_);
    }
    failure&& error() && noexcept {
        assert(!*this);
        return std::move(*std::get_if<1>(&state_));
    }

  private:
    std::variant<T, failure> state_;
};

/// Success without a value, or a failure.
template <>
class [[nodiscard]] result<void> {
  public:
    result() = default;
    result(failure why) : why_(std::move(why)) {}

    explicit operator bool() const noexcept { return !why_.has_value(); }
    const failure& error() const& noexcept {
        assert(why_);
        return *why_;
    }
    failure&& error() && noexcept {
        assert(why_);
        return std::move(*why_);
    }

  private:
    std::optional<failure> why_;
};

using status = result<void>;

}  // namespace fd2
