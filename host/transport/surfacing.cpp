#include "transport/surfacing.hpp"

#include <string_view>

#include "base/plain_text.hpp"
#include "process/signal_set.hpp"
#include "transport/forwarding.hpp"

namespace fd2::transport {

namespace {

std::string heading(const std::string& command, exit_status exit) {
    std::string out;
    append_plain(out, std::string_view(command).substr(command.rfind('/') + 1));
    out += " process ";
    if (exit.how() == exit_status::kind::signalled) {
        out += "was killed by signal " + process::signal_name(exit.signal());
    } else {
        out += "exited with " + text_of(exit);
    }
    return out + ":\n";
}

forward::options as_it_is(const settings::forward_settings& with) {
    forward::options plain = forward_options(with, 0);
    plain.how = forward::mode::raw;
    return plain;
}

}  // namespace

std::string surfaced_text(settings::surface_policy policy, const std::string& command,
                          exit_status exit, const capture::snapshot& record,
                          const forward::counters& forwarded) {
    if (record.bytes.empty() || exit.success()) return {};
    if (policy == settings::surface_policy::never) return {};
    const bool seen = forwarded.forwarded == record.total_bytes;
    if (policy == settings::surface_policy::on_loss && seen) return {};
    std::string text = heading(command, exit) + record.bytes;
    if (text.back() != '\n') text += '\n';
    return text;
}

surfacing::surfacing(int fd, const settings::forward_settings& with, forward::forwarder& beside,
                     const std::string& text)
    : out_(fd, as_it_is(with)), stream_(out_.open({})) {
    beside.note({});
    stream_->offer(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    stream_->finishing();
}

}  // namespace fd2::transport
