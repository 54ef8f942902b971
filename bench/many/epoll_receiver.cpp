// Peer: the least that an event loop can be. One thread, one epoll, one read an event.

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <thread>

#include "many/receiver.hpp"
#include "support/process.hpp"

namespace fd2::bench {

namespace {

class epoll_loop final : public receiver {
  public:
    explicit epoll_loop(std::string_view medium) : medium_(medium) {
        if (!loop_ || !stop_) die("epoll");
        watch(stop_.get(), nullptr);
        thread_ = std::thread([this] { run(); });
    }
    ~epoll_loop() override {
        if (thread_.joinable()) close();
    }

    void prepare(std::size_t count) override { make_room(channels_, count); }

    void open(std::vector<meter>& into, const taker& give) override {
        for (meter& one : into) {
            auto [ours, theirs] = make_ends(medium_);
            if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) die("fcntl");
            channels_.push_back(std::make_unique<channel>(channel{std::move(ours), &one}));
            watch(channels_.back()->from.get(), channels_.back().get());
            give(std::move(theirs));
        }
    }

    void close() override {
        const std::uint64_t one = 1;
        if (!write_all(stop_.get(), &one, sizeof(one))) die("eventfd");
        thread_.join();
        channels_.clear();
    }

  private:
    struct channel {
        unique_fd from;
        meter* into;
    };

    void watch(int fd, channel* of) {
        epoll_event interest{};
        interest.events = EPOLLIN;
        interest.data.ptr = of;
        if (::epoll_ctl(loop_.get(), EPOLL_CTL_ADD, fd, &interest) != 0) die("epoll_ctl");
    }

    void run() {
        std::array<char, 16384> chunk;
        std::array<epoll_event, 64> ready;
        for (;;) {
            const int count =
                ::epoll_wait(loop_.get(), ready.data(), static_cast<int>(ready.size()), -1);
            for (int i = 0; i < count; ++i) {
                const auto* of = static_cast<channel*>(ready[static_cast<std::size_t>(i)].data.ptr);
                if (of == nullptr) return;
                const ssize_t got = read_some(of->from.get(), chunk.data(), chunk.size());
                if (got > 0) of->into->take(chunk.data(), static_cast<std::size_t>(got));
            }
        }
    }

    std::string medium_;
    unique_fd loop_{::epoll_create1(EPOLL_CLOEXEC)};
    unique_fd stop_{::eventfd(0, EFD_CLOEXEC)};
    std::vector<std::unique_ptr<channel>> channels_;
    std::thread thread_;
};

}  // namespace

std::unique_ptr<receiver> epoll_receiver(std::string_view medium) {
    return std::make_unique<epoll_loop>(medium);
}

}  // namespace fd2::bench
