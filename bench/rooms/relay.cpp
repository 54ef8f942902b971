// The byte path as an embedding program has it: channel, capture and forwarder in this process, and
// optionally a live subscriber to the lines.
//
//   rooms_relay --backends=DIR [--subscriber [--subscriber-cpu=N]] -- COMMAND [ARG...]
//
// The command's stderr goes to ours. On stdout, one JSON object: what came, and what the subscriber
// got of it. Without --subscriber-cpu the subscriber's thread runs where the kernel likes.

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "capture/subscriber.hpp"
#include "channel/selection.hpp"
#include "forward/forwarder.hpp"
#include "loader/loader.hpp"
#include "process/spawn.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"
#include "transport/ending.hpp"

namespace {

using namespace fd2;

[[noreturn]] void fail(const failure& why) {
    std::fprintf(stderr, "rooms_relay: %s\n", why.message.c_str());
    std::exit(3);
}

/// Takes every line as it comes, on a thread of its own, and looks at it where it lies.
class live_reader {
  public:
    explicit live_reader(long cpu) : thread_([this, cpu] { run(cpu); }) {}
    ~live_reader() { join(); }
    live_reader(const live_reader&) = delete;
    live_reader& operator=(const live_reader&) = delete;

    const std::shared_ptr<capture::subscriber>& queue() const { return queue_; }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    std::uint64_t bytes() const { return bytes_; }

  private:
    void run(long cpu) {
        if (cpu < 0) {
            bench::unpin();
        } else {
            bench::pin(cpu);
        }
        capture::lent_line line;
        while (queue_->wait(line, never)) bytes_ += line.text.size();
    }

    std::shared_ptr<capture::subscriber> queue_ = std::make_shared<capture::subscriber>();
    std::uint64_t bytes_ = 0;
    std::thread thread_;
};

process::child start(channel::channel& carried, char** command) {
    process::spawn_spec spec;
    for (; *command; ++command) spec.argv.emplace_back(*command);
    spec.parent_death_signal = SIGKILL;
    auto end = carried.take_child_end();
    if (!end) fail(end.error());
    spec.standard_error = end->get();
    auto child = process::spawn(spec);
    if (!child) fail(child.error());
    return std::move(*child);
}

}  // namespace

int main(int argc, char** argv) {
    const bench::arguments given(argc, argv);
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);

    loader::loader plugins({{std::string(given.word("backends", "")), loader::trust::callers}});
    channel::backend_pool pool(plugins, nullptr);
    forward::forwarder out(STDERR_FILENO, {});
    transport::forwarding forwards(out);
    auto ended = transport::end_signal::make();
    if (!ended) fail(ended.error());

    channel::channel_setup setup;
    setup.bytes = &forwards;
    setup.on_ended = [&] { ended->raise(); };
    channel::wish want;
    want.backends = {"pipe"};
    want.inherit = false;
    const settings::settings with;
    auto chosen = channel::open_channel(pool, with, want, std::move(setup));
    if (!chosen) fail(chosen.error());
    forwards.attach([to = chosen->opened.get()] { to->room(channel::pauser::bytes); });
    const auto record = chosen->opened->record();
    std::optional<live_reader> reader;
    if (given.flag("subscriber")) {
        reader.emplace(given.number("subscriber-cpu", -1));
        record->add(reader->queue());
    }

    auto child = start(*chosen->opened, given.command());
    const transport::running all{child, chosen->opened, &*ended, &forwards};
    const auto ending = transport::wait_to_end(all, {});
    if (!ending) fail(ending.error());
    if (reader) reader->join();
    const auto seen = record->look();
    std::printf("{\"bytes\":%llu,\"lines\":%llu,\"sent\":%llu,\"dropped\":%llu}\n",
                static_cast<unsigned long long>(seen.total_bytes),
                static_cast<unsigned long long>(seen.total_lines),
                static_cast<unsigned long long>(reader ? reader->queue()->sent() : 0),
                static_cast<unsigned long long>(reader ? reader->queue()->dropped() : 0));
    return ending->status.success() ? 0 : 1;
}
