#include "control/peer.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace fd2::control {

bool peer::read() {
    char block[16 * 1024];
    while (has_room_to_read()) {
        const ssize_t got = ::recv(connection_.get(), block, sizeof(block), 0);
        if (got == 0) ended_ = true;
        if (got == 0) return true;
        if (got < 0) return errno == EAGAIN || errno == EINTR;
        in_.append(block, static_cast<std::size_t>(got));
        if (static_cast<std::size_t>(got) < sizeof(block)) break;
    }
    return has_room_to_read() || in_.find('\0', searched_) != in_.npos;
}

bool peer::next(std::string& message) {
    const std::size_t end = in_.find('\0', searched_);
    if (end == in_.npos) {
        searched_ = in_.size();
        return false;
    }
    message.assign(in_, 0, end);
    in_.erase(0, end + 1);
    searched_ = 0;
    return true;
}

void peer::send(std::string message) {
    out_ += message;
    out_ += '\0';
}

bool peer::write() {
    while (written_ < out_.size()) {
        const ssize_t put =
            ::send(connection_.get(), out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
        if (put < 0) return errno == EAGAIN || errno == EINTR;
        written_ += static_cast<std::size_t>(put);
    }
    out_.clear();
    written_ = 0;
    return true;
}

}  // namespace fd2::control
