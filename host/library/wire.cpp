#include <fd2/wire.hpp>

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/signal_mask.hpp"
#include "library/failing.hpp"

namespace fd2 {

namespace {

std::error_code last_error(int why) noexcept {
    return {why, std::generic_category()};
}

/// A non-blocking end (the async transport's, or one that its owner changed) waits here.
bool wait_for(int fd, short what) noexcept {
    pollfd ready{fd, what, 0};
    return ::poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

}  // namespace

std::ptrdiff_t write_quietly(int fd, const void* data, std::size_t size) noexcept {
    const sigpipe_blocked quiet;
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EPIPE) {
        swallow_signal(SIGPIPE);
        errno = EPIPE;
    }
    return written;
}

wire_writer& wire_writer::operator=(wire_writer&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = other.release();
    }
    return *this;
}

std::size_t wire_writer::write_some(const void* data, std::size_t size,
                                    std::error_code& failed) noexcept {
    failed.clear();
    for (;;) {
        const std::ptrdiff_t written = write_quietly(fd_, data, size);
        if (written >= 0) return static_cast<std::size_t>(written);
        if (errno == EINTR || (errno == EAGAIN && wait_for(fd_, POLLOUT))) continue;
        failed = last_error(errno);
        return 0;
    }
}

std::size_t wire_writer::write_some(const void* data, std::size_t size) {
    std::error_code failed;
    const std::size_t written = write_some(data, size, failed);
    if (failed) throw_failure(system_failure("write", "the child's stdin", failed.value()));
    return written;
}

std::size_t wire_writer::write(std::string_view data, std::error_code& failed) noexcept {
    failed.clear();
    std::size_t done = 0;
    while (done < data.size() && !failed) {
        done += write_some(data.data() + done, data.size() - done, failed);
    }
    return done;
}

std::size_t wire_writer::write(std::string_view data) {
    std::error_code failed;
    const std::size_t done = write(data, failed);
    if (failed) throw_failure(system_failure("write", "the child's stdin", failed.value()));
    return done;
}

void wire_writer::close() noexcept {
    // The descriptor is gone whatever close(2) says.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

int wire_writer::release() noexcept {
    return std::exchange(fd_, -1);
}

wire_reader& wire_reader::operator=(wire_reader&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = other.release();
    }
    return *this;
}

std::size_t wire_reader::read_some(void* data, std::size_t size, std::error_code& failed) noexcept {
    failed.clear();
    for (;;) {
        const ssize_t got = ::read(fd_, data, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EINTR || (errno == EAGAIN && wait_for(fd_, POLLIN))) continue;
        failed = last_error(errno);
        return 0;
    }
}

std::size_t wire_reader::read_some(void* data, std::size_t size) {
    std::error_code failed;
    const std::size_t got = read_some(data, size, failed);
    if (failed) throw_failure(system_failure("read", "the child's stdout", failed.value()));
    return got;
}

std::string wire_reader::read_all(std::error_code& failed) {
    std::string out;
    std::array<char, 64 * 1024> chunk;
    while (const std::size_t got = read_some(chunk.data(), chunk.size(), failed)) {
        out.append(chunk.data(), got);
    }
    return out;
}

std::string wire_reader::read_all() {
    std::error_code failed;
    std::string out = read_all(failed);
    if (failed) throw_failure(system_failure("read", "the child's stdout", failed.value()));
    return out;
}

void wire_reader::close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

int wire_reader::release() noexcept {
    return std::exchange(fd_, -1);
}

}  // namespace fd2
