#include <fd2/host.hpp>

#include <utility>

#include "library/failing.hpp"
#include "library/host_state.hpp"

namespace fd2 {

host::host() : host(host_options{}) {}

host::host(const host_options& options) : state_(value_or_throw(host_state::make(options))) {}

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
    if (why) *why = text_of(made.error());
    return std::nullopt;
}

std::vector<running_child> host::running() const {
    std::vector<running_child> out;
    for (auto& one : state_->running()->look()) out.push_back(std::move(one.what));
    return out;
}

namespace {

std::optional<failure> start_swap(host_state& state, const swap_request& wanted,
                                  std::function<void(std::vector<swap_result>)> done) {
    // A failure comes before `swap` returns, or not at all.
    std::optional<failure> why;
    state.swap(wanted, "asked by the program",
               [&why, done = std::move(done)](result<std::vector<swap_result>> how) {
                   if (!how) {
                       why = std::move(how).error();
                   } else {
                       done(std::move(*how));
                   }
               });
    return why;
}

}  // namespace

void host::swap(const swap_request& wanted,
                std::function<void(std::vector<swap_result>)> done) const {
    if (auto why = start_swap(*state_, wanted, std::move(done))) throw_failure(std::move(*why));
}

void host::swap(const swap_request& wanted, std::function<void(std::vector<swap_result>)> done,
                std::error_code& failed, std::string* why) const {
    failed.clear();
    const auto refused = start_swap(*state_, wanted, std::move(done));
    if (!refused) return;
    failed = code_of(*refused);
    if (why) *why = text_of(*refused);
}

void host::reload(std::function<void(reload_result)> done) const {
    state_->reload("asked by the program", std::move(done));
}

bool host::flush() const noexcept {
    return state_->forwarder().flush(never);
}

std::string_view version() noexcept {
    return FD2_VERSION;
}

}  // namespace fd2
