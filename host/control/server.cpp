#include "control/server.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/home_process.hpp"
#include "control/directory.hpp"
#include "control/file_watch.hpp"
#include "control/peer.hpp"
#include "control/service.hpp"

namespace fd2::control {

namespace {

// Further clients are turned away.
constexpr std::size_t max_peers = 32;

}  // namespace

/// Where answers arrive that other threads give. It may outlive the server.
class mailbox {
  public:
    explicit mailbox(unique_fd event) noexcept : event_(std::move(event)) {}
    int descriptor() const noexcept { return event_.get(); }

    void post(std::uint64_t to, std::string message) {
        {
            const std::lock_guard lock(mutex_);
            arrived_.emplace_back(to, std::move(message));
        }
        ring();
    }
    void ring() const noexcept {
        const std::uint64_t one = 1;
        if (::write(event_.get(), &one, sizeof(one)) < 0) return;  // it is rung already
    }
    std::vector<std::pair<std::uint64_t, std::string>> take() {
        std::uint64_t count = 0;
        if (::read(event_.get(), &count, sizeof(count)) < 0) count = 0;
        const std::lock_guard lock(mutex_);
        return std::exchange(arrived_, {});
    }

  private:
    unique_fd event_;
    std::mutex mutex_;
    std::vector<std::pair<std::uint64_t, std::string>> arrived_;
};

class server::state {
  public:
    using files = server::files;

    explicit state(controlled& host) : host_(host) {}

    ~state() {
        if (home_.here() && mail_) say_goodbye();
        for (auto& [number, one] : peers_) stop_following(*one);
        if (home_.here() && !name_.empty()) (void)::unlinkat(directory_.get(), name_.c_str(), 0);
    }

    status open() {
        auto directory = open_own_directory();
        if (!directory) return std::move(directory).error();
        directory_ = std::move(*directory);
        remove_stale(directory_.get());
        unique_fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!event) return system_failure("eventfd", "control", errno);
        mail_ = std::make_shared<mailbox>(std::move(event));
        spare_.reset(::eventfd(0, EFD_CLOEXEC));
        epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
        if (!epoll_) return system_failure("epoll_create", "control", errno);
        auto listening = listen_in(directory_.get(), name_);
        if (!listening) {
            name_.clear();
            return std::move(listening).error();
        }
        listening_ = std::move(*listening);
        if (!watch(EPOLL_CTL_ADD, listening_.get(), EPOLLIN, of_listening) ||
            !watch(EPOLL_CTL_ADD, mail_->descriptor(), EPOLLIN, of_mail)) {
            return system_failure("epoll_ctl", "control", errno);
        }
        return {};
    }

    int descriptor() const noexcept { return epoll_.get(); }

    void serve() {
        std::array<epoll_event, 16> ready{};
        const int count = ::epoll_wait(epoll_.get(), ready.data(), ready.size(), 0);
        for (int i = 0; i < count; ++i) {
            const epoll_event& each = ready[static_cast<std::size_t>(i)];
            const std::uint64_t whose = each.data.u64;  // in a packed struct, not aligned
            if (whose == of_listening) {
                accept();
            } else if (whose == of_mail) {
                deliver();
            } else if (whose == of_files) {
                look_at_files();
            } else if (const auto one = peers_.find(whose); one != peers_.end()) {
                serve_peer(one->first, *one->second, each.events);
            }
        }
        for (const std::uint64_t number : std::exchange(gone_, {})) forget(number);
    }

    status watch_files(files paths, std::function<files()> changed) {
        changed_ = std::move(changed);
        if (paths.empty()) {
            watch_.reset();
            return {};
        }
        if (watch_) return watch_->follow(std::move(paths));
        auto made = file_watch::make(std::move(paths));
        if (!made) return std::move(made).error();
        if (!watch(EPOLL_CTL_ADD, made->events(), EPOLLIN, of_files) ||
            !watch(EPOLL_CTL_ADD, made->quiet(), EPOLLIN, of_files)) {
            return system_failure("epoll_ctl", "files to watch", errno);
        }
        watch_.emplace(std::move(*made));
        return {};
    }

    status also_watch(int other) {
        if (watch(EPOLL_CTL_ADD, other, EPOLLIN, of_another)) return {};
        return system_failure("epoll_ctl", "control", errno);
    }

  private:
    static constexpr std::uint64_t of_listening = 0;
    static constexpr std::uint64_t of_mail = 1;
    static constexpr std::uint64_t of_files = 2;
    static constexpr std::uint64_t of_another = 3;

    /// Followers get the last lines, as far as their sockets take them: nobody is waited for.
    void say_goodbye() noexcept {
        try {
            deliver();
        } catch (const std::exception&) {
            // Out of memory.
        }
    }

    bool watch(int operation, int fd, unsigned events, std::uint64_t number) const noexcept {
        epoll_event wanted{};
        wanted.events = events;
        wanted.data.u64 = number;
        return ::epoll_ctl(epoll_.get(), operation, fd, &wanted) == 0;
    }

    void look_at_files() {
        if (!watch_ || !watch_->changed()) return;
        files next = changed_();
        if (next.empty()) {
            watch_.reset();
        } else {
            (void)watch_->follow(std::move(next));  // what cannot be watched any more is missed
        }
    }

    void accept() {
        unique_fd come(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!come) {
            if (errno == EMFILE || errno == ENFILE) turn_away();
            return;
        }
        ucred from{};
        socklen_t size = sizeof(from);
        if (::getsockopt(come.get(), SOL_SOCKET, SO_PEERCRED, &from, &size) != 0) return;
        // The directory keeps others out; but it may have been opened, or the socket given away.
        if (from.uid != ::geteuid() && from.uid != 0) return;
        if (peers_.size() >= max_peers) return;
        const std::uint64_t number = ++last_number_;
        auto made = std::make_unique<peer>(std::move(come), requester{from.uid, from.pid});
        made->watched = EPOLLIN;
        if (!watch(EPOLL_CTL_ADD, made->descriptor(), EPOLLIN, number)) return;
        peers_.emplace(number, std::move(made));
    }

    /// Where no descriptor is left for a client it would be offered again and again. It gets the
    /// one that is kept for this, and is disconnected with it.
    void turn_away() {
        spare_.reset();
        (void)unique_fd(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        spare_.reset(::eventfd(0, EFD_CLOEXEC));
        // Another thread was faster: clients wait until one of ours leaves.
        if (!spare_) (void)watch(EPOLL_CTL_DEL, listening_.get(), 0, of_listening);
    }

    void deliver() {
        for (auto& [number, message] : mail_->take()) {
            const auto found = peers_.find(number);
            if (found == peers_.end()) continue;
            found->second->busy = false;
            if (!message.empty()) found->second->send(std::move(message));
        }
        // Somebody's lines have come, or an answer lets a peer's next call be served.
        for (auto& [number, one] : peers_) serve_peer(number, *one, 0);
    }

    void serve_peer(std::uint64_t number, peer& one, unsigned events) {
        bool stays = (events & (EPOLLERR | EPOLLHUP)) == 0;
        if (stays && (events & EPOLLIN) != 0) stays = one.read();
        std::string message;
        while (stays && !one.busy && !one.feed && !one.is_behind() && one.next(message)) {
            stays = serve_one(number, one, message);
        }
        if (stays && one.wants_to_write()) stays = one.write();
        if (stays && one.feed && !one.wants_to_write()) stays = feed(one);
        // A client that has said all it wants to say still gets its answers.
        if (one.has_ended() && !one.busy && !one.feed && !one.wants_to_write()) stays = false;
        if (!stays) {
            gone_.push_back(number);
            return;
        }
        unsigned wanted = one.wants_to_write() ? EPOLLOUT : 0U;
        if (!one.is_behind() && one.has_room_to_read() && !one.has_ended()) wanted |= EPOLLIN;
        if (wanted != one.watched && watch(EPOLL_CTL_MOD, one.descriptor(), wanted, number)) {
            one.watched = wanted;
        }
    }

    /// Every answer comes by mail, also one that is there at once: a call is then answered in one
    /// way, and never within another.
    bool serve_one(std::uint64_t number, peer& one, const std::string& message) {
        one.busy = true;
        return serve_message(
            one, message, host_, [mail = mail_] { mail->ring(); },
            [number, mail = mail_](std::string text) { mail->post(number, std::move(text)); });
    }

    /// Sends what has come, as far as the peer takes it. False: it has gone.
    bool feed(peer& one) {
        while (one.feed && !one.busy) {
            bool over = false;
            std::string message = follow_up(one, over);
            if (message.empty()) return true;
            one.send(std::move(message));
            if (over) stop_following(one);
            if (!one.write()) return false;
            if (one.wants_to_write()) return true;
        }
        return true;
    }

    static void stop_following(peer& one) {
        if (one.feed) one.record->remove(one.feed.get());
        one.feed.reset();
        one.record.reset();
    }

    void forget(std::uint64_t number) {
        const auto found = peers_.find(number);
        if (found == peers_.end()) return;
        stop_following(*found->second);
        peers_.erase(found);
        // There may be a descriptor for the next client now.
        (void)watch(EPOLL_CTL_ADD, listening_.get(), EPOLLIN, of_listening);
    }

    const home_process home_;
    controlled& host_;
    unique_fd directory_;
    std::string name_;
    unique_fd listening_;
    unique_fd spare_;  ///< see turn_away
    unique_fd epoll_;
    std::shared_ptr<mailbox> mail_;
    std::map<std::uint64_t, std::unique_ptr<peer>> peers_;
    std::vector<std::uint64_t> gone_;
    std::uint64_t last_number_ = of_another;
    std::optional<file_watch> watch_;
    std::function<files()> changed_;
};

server::server(std::unique_ptr<state> made) noexcept : state_(std::move(made)) {}
server::~server() = default;

result<std::unique_ptr<server>> server::open(controlled& host) {
    auto made = std::make_unique<state>(host);
    if (auto good = made->open(); !good) return std::move(good).error();
    return std::unique_ptr<server>(new server(std::move(made)));
}

int server::descriptor() const noexcept {
    return state_->descriptor();
}

status server::watch_files(files paths, std::function<files()> changed) {
    return state_->watch_files(std::move(paths), std::move(changed));
}

status server::also_watch(int other) {
    return state_->also_watch(other);
}

void server::serve() {
    state_->serve();
}

}  // namespace fd2::control
