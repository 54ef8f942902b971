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
#include "channel/loader.hpp"
#include "channel/selection.hpp"
#include "forward/forwarder.hpp"
#include "process/spawn.hpp"
#include "run/poll_driver.hpp"
#include "support/arguments.hpp"
#include "support/process.hpp"

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
        while (const auto lent = queue_->wait_all(never)) {
            if (lent->alone) bytes_ += lent->alone->size();
            for (std::string_view text = lent->block.text; !text.empty();) {
                const std::size_t size = capture::first_line(text);
                bytes_ += size - 1;
                text.remove_prefix(size);
            }
        }
    }

    std::shared_ptr<capture::subscriber> queue_ = std::make_shared<capture::subscriber>();
    std::uint64_t bytes_ = 0;
    std::thread thread_;
};

}  // namespace

int main(int argc, char** argv) {
    const bench::arguments given(argc, argv);
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);

    channel::loader plugins(
        {{std::string(given.word("backends", "")), channel::trust_source::caller}});
    channel::backend_pool pool(plugins, nullptr);
    forward::forwarder out(STDERR_FILENO, {});
    const auto bell = runs::wakeup::make();
    if (!bell) fail(bell.error());

    runs::stderr_plan plan;
    plan.want.backends = {"pipe"};
    plan.want.inherit = false;
    const settings::settings with;
    runs::run one({}, [&bell] { (*bell)->ring(); });
    auto opened =
        one.open(plan, with, false, &out, [&](const auto& want, auto setup, auto& attempts) {
            return channel::open_channel(pool, with, want, std::move(setup), &attempts);
        });
    if (!opened) fail(opened.error());
    const auto record = one.record();
    std::optional<live_reader> reader;
    if (given.flag("subscriber")) {
        reader.emplace(given.number("subscriber-cpu", -1));
        record->add(reader->queue());
    }

    process::spawn_spec spec;
    for (char** word = given.command(); *word; ++word) spec.argv.emplace_back(*word);
    spec.parent_death_signal = SIGKILL;
    if (auto good = one.spawn(std::move(spec)); !good) fail(good.error());
    runs::run_to_exit(one, bell->get());
    if (reader) reader->join();
    const auto seen = record->take_snapshot();
    std::printf("{\"bytes\":%llu,\"lines\":%llu,\"sent\":%llu,\"dropped\":%llu}\n",
                static_cast<unsigned long long>(seen.total_bytes),
                static_cast<unsigned long long>(seen.total_lines),
                static_cast<unsigned long long>(reader ? reader->queue()->sent() : 0),
                static_cast<unsigned long long>(reader ? reader->queue()->dropped() : 0));
    return one.ended()->status.success() ? 0 : 1;
}
