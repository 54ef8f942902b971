// How long a running channel stands still while it moves from one backend to another.
//
//   handover --backends=DIR --from=BACKEND --to=BACKEND [--moves=400] [--size=4096] [--cpu=N]
//            [--writer-cpu=N]
//
// A thread floods the channel with writes of --size; after every 256 KiB the channel moves to the
// other of the two, forth and back. One JSON object: {"calls_us": [...], "pause_us": [...]}, an
// element a move: how long release, close, adopt and start took, and how long from the call of
// release to the first byte that the heir delivered.

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/backend.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2;
using namespace fd2::bench;

constexpr std::uint64_t between_moves = std::uint64_t{256} << 10;

/// Counts, and notes when the first bytes came after it was asked to.
class receiving_end {
  public:
    fd2_sink sink() {
        return {sizeof(fd2_sink),
                0,
                this,
                [](void* self, const std::uint8_t*, std::uint32_t size) -> std::int32_t {
                    static_cast<receiving_end*>(self)->take(size);
                    return FD2_CONTINUE;
                },
                [](void*, std::int32_t, std::int32_t) {},
                nullptr};
    }

    /// [while no channel delivers]
    void note_next() { first_ = 0; }
    /// [of a channel that delivers] When the bytes came that followed `note_next`.
    nanoseconds_t wait_first() const {
        first_.wait(0);
        return first_;
    }

    /// Until so many bytes more have come.
    void wait_for(std::uint64_t more) {
        wanted_ = total_ + more;
        enough_ = false;
        watched_ = true;
        enough_.wait(false);
    }
    std::uint64_t total() const { return total_; }

  private:
    void take(std::uint32_t size) {
        if (first_.load(std::memory_order_relaxed) == 0) {
            first_ = now();
            first_.notify_one();
        }
        const std::uint64_t sum = total_ += size;
        if (watched_.load(std::memory_order_acquire) && sum >= wanted_) {
            watched_ = false;
            enough_ = true;
            enough_.notify_one();
        }
    }

    std::atomic<nanoseconds_t> first_{0};
    std::atomic<std::uint64_t> total_{0};
    std::atomic<std::uint64_t> wanted_{0};
    std::atomic<bool> watched_{false};
    std::atomic<bool> enough_{false};
};

[[noreturn]] void fail(const loaded_backend& of) {
    std::fprintf(stderr, "handover: %s\n", of.why().c_str());
    std::exit(3);
}

struct figures {
    std::vector<double> calls;
    std::vector<double> pauses;
};

/// Moves the channel, which delivers, from `giver` to `heir`.
fd2_channel* move(fd2_channel* channel, const loaded_backend& giver, loaded_backend& heir,
                  receiving_end& into, figures& to) {
    fd2_carry carry{};
    carry.struct_size = sizeof(carry);
    fd2_error error{};
    error.struct_size = sizeof(error);
    const nanoseconds_t start = now();
    if (giver.handover()->release(channel, &carry, &error) != FD2_OK) die(error.message);
    into.note_next();
    if (giver.ops().close(channel) != FD2_OK) die("close");
    fd2_channel* const next = heir.adopt(carry, into.sink());
    if (next == nullptr || !heir.start(next)) fail(heir);
    const nanoseconds_t end = now();
    to.calls.push_back(static_cast<double>(end - start) / 1e3);
    to.pauses.push_back(static_cast<double>(into.wait_first() - start) / 1e3);
    return next;
}

void print(const char* name, const std::vector<double>& all) {
    std::printf("\"%s\":[", name);
    for (std::size_t i = 0; i < all.size(); ++i) std::printf("%s%.2f", i ? "," : "", all[i]);
    std::printf("]");
}

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, nullptr);
    pin(given.number("cpu", -1));
    const long writer_cpu = given.number("writer-cpu", -1);
    const std::vector<char> block(static_cast<std::size_t>(given.number("size", 4096)), '\n');

    loaded_backend near(given.word("backends", ""), given.word("from", ""));
    loaded_backend far(given.word("backends", ""), given.word("to", ""));
    if (!near.usable()) fail(near);
    if (!far.usable()) fail(far);
    receiving_end into;
    fd2_channel* channel = near.open(into.sink());
    if (channel == nullptr || !near.start(channel)) fail(near);
    unique_fd end = near.take_child_end(channel);
    if (!end) fail(near);

    std::atomic<bool> enough{false};
    std::uint64_t written = 0;
    std::thread writer([&] {
        pin(writer_cpu);
        while (!enough && write_all(end.get(), block.data(), block.size())) written += block.size();
        end.reset();
    });
    figures seen;
    const long moves = given.number("moves", 400);
    loaded_backend* giver = &near;
    loaded_backend* heir = &far;
    for (long i = 0; i < moves; ++i) {
        into.wait_for(between_moves);
        channel = move(channel, *giver, *heir, into, seen);
        std::swap(giver, heir);
    }
    enough = true;
    writer.join();
    if (giver->ops().join(channel, never) != FD2_OK) die("join");
    if (giver->ops().close(channel) != FD2_OK) die("close");
    if (into.total() != written) {
        std::fprintf(stderr, "handover: bytes were lost\n");
        return 3;
    }
    std::printf("{");
    print("calls_us", seen.calls);
    std::printf(",");
    print("pause_us", seen.pauses);
    std::printf("}\n");
}
