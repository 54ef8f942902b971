#include <fd2/host.hpp>

#include <utility>

#include "library/failing.hpp"
#include "library/host_state.hpp"

namespace fd2 {

host::host() : host(host_options{}) {}

host::host(const host_options& options) : state_(must(host_state::make(options))) {}

host::host(std::shared_ptr<host_state> state) noexcept : state_(std::move(state)) {}

host::host(const host&) noexcept = default;
host& host::operator=(const host&) noexcept = default;
host::~host() = default;

std::optional<host> host::make(const host_options& options, std::error_code& failed,
                               std::string* why) {
    failed.clear();
    auto made = host_state::make(options);
    if (made) return host(std::move(*made));
    failed = code_of(made.error());
    if (why) *why = made.error().message;
    return std::nullopt;
}

bool host::flush() const noexcept {
    return state_->forwarder().flush(never);
}

std::string_view version() noexcept {
    return FD2_VERSION;
}

}  // namespace fd2
