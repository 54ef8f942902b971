#include "support/backend.hpp"

namespace fd2::bench {

loaded_backend::loaded_backend(std::string_view directory, std::string_view name)
    : name_(name),
      plugins_({{std::string(directory), channel::trust_source::caller}}),
      pool_(plugins_, nullptr) {
    auto found = pool_.get(name_.id);
    if (!found) {
        why_ = found.error().message;
        return;
    }
    from_ = *found;
    if (name_.medium.empty()) return;
    options_.push_back({sizeof(fd2_option), FD2_OPTION_ENUM, "medium", name_.medium.c_str(), 0});
}

fd2_options loaded_backend::options() const {
    return {sizeof(fd2_options), static_cast<std::uint32_t>(options_.size()), sizeof(fd2_option), 0,
            options_.data()};
}

bool loaded_backend::good(std::int32_t code, const channel::call_error& error) {
    if (code == FD2_OK) return true;
    why_ = error.as_failure(code).message;
    return false;
}

fd2_channel* loaded_backend::open(const fd2_sink& sink) {
    const fd2_options given = options();
    fd2_channel* out = nullptr;
    channel::call_error error;
    const auto code = table().open(from_->instance(), &given, &sink, &out, error.get());
    return good(code, error) ? out : nullptr;
}

fd2_channel* loaded_backend::adopt(const fd2_carry& carry, const fd2_sink& sink) {
    const fd2_options given = options();
    fd2_channel* out = nullptr;
    channel::call_error error;
    const auto code =
        handover()->adopt(from_->instance(), &given, &carry, &sink, &out, error.get());
    return good(code, error) ? out : nullptr;
}

bool loaded_backend::start(fd2_channel* channel) {
    channel::call_error error;
    return good(ops().start(channel, error.get()), error);
}

unique_fd loaded_backend::take_child_end(fd2_channel* channel) {
    fd2_native end = FD2_NATIVE_NONE;
    channel::call_error error;
    const bool taken = good(ops().take_child_end(channel, &end, error.get()), error);
    return unique_fd(taken ? static_cast<int>(end) : -1);
}

bool loaded_backend::end(fd2_channel* channel) {
    return ops().finish(channel, FD2_FINISH_NOW) == FD2_OK &&
           ops().join(channel, never) == FD2_OK && ops().close(channel) == FD2_OK;
}

}  // namespace fd2::bench
