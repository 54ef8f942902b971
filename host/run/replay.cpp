#include "run/replay.hpp"

#include <string_view>

#include "base/plain_text.hpp"
#include "base/signal_set.hpp"
#include "process/command_search.hpp"
#include "run/forwarding.hpp"

namespace fd2::runs {

namespace {

std::string heading(const std::string& command, exit_status exit) {
    std::string out;
    append_plain(out, process::command_base(command));
    out += " process ";
    if (exit.how() == exit_status::kind::signalled) {
        out += "was killed by signal " + signal_name(exit.signal());
    } else {
        out += "exited with " + text_of(exit);
    }
    return out + ":\n";
}

forward::options as_it_is(const settings::forward_settings& config) {
    forward::options plain = forward_options(config, 0);
    plain.how = forward_mode::raw;
    return plain;
}

}  // namespace

std::string replay_text(settings::surface_policy policy, const std::string& command,
                        exit_status exit, const capture::capture& record,
                        const forward::counters& forwarded) {
    if (exit.success() || policy == settings::surface_policy::never) return {};
    const std::uint64_t total = record.figures().total_bytes;
    if (total == 0) return {};
    if (policy == settings::surface_policy::on_loss && forwarded.forwarded == total) return {};
    std::string text = heading(command, exit) + record.take_snapshot().bytes;
    if (text.back() != '\n') text += '\n';
    return text;
}

replay::replay(int fd, const settings::forward_settings& config, forward::forwarder& beside,
               const std::string& text)
    : out_(beside.writer_name() == "none" ? -1 : fd, as_it_is(config)), stream_(out_.open({})) {
    beside.note({});
    stream_->offer(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    stream_->finishing();
}

}  // namespace fd2::runs
