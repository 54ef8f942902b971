#include <fd2/error.hpp>

#include "base/failure.hpp"

namespace fd2 {

namespace {

class category final : public std::error_category {
  public:
    const char* name() const noexcept override { return "fd2"; }
    std::string message(int value) const override {
        return std::string(name_of(static_cast<errc>(value)));
    }
    bool equivalent(const std::error_code& code, int condition) const noexcept override {
        return kind_of(code) == static_cast<errc>(condition);
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const category only;
    return only;
}

std::error_condition make_error_condition(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

std::error_code make_error_code(errc code) noexcept {
    return {static_cast<int>(code), error_category()};
}

int errno_of(const std::error_code& code) noexcept {
    const bool is_errno =
        code.category() == std::generic_category() || code.category() == std::system_category();
    return is_errno ? code.value() : 0;
}

errc kind_of(const std::error_code& code) noexcept {
    if (!code) return errc::ok;
    if (code.category() == error_category()) return static_cast<errc>(code.value());
    const int sys_errno = errno_of(code);
    return sys_errno != 0 ? classify(sys_errno) : errc::internal;
}

std::error_code code_of(errc kind, int sys_errno) noexcept {
    if (sys_errno != 0 && classify(sys_errno) == kind) {
        return {sys_errno, std::generic_category()};
    }
    return make_error_code(kind);
}

error::error(errc kind, int sys_errno, const std::string& what, std::size_t operation_size,
             std::size_t object_size)
    : std::runtime_error(what),
      kind_(kind),
      errno_(sys_errno),
      operation_size_(operation_size),
      object_size_(object_size) {}

error::~error() = default;

std::error_code error::code() const noexcept {
    return code_of(kind_, errno_);
}

std::string error::operation() const {
    return std::string(what(), operation_size_);
}

std::string error::object() const {
    if (object_size_ == 0) return {};
    return std::string(what() + operation_size_ + 2, object_size_);
}

}  // namespace fd2
