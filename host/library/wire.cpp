#include <fd2/wire.hpp>

#include <array>
#include <utility>

#include "base/unique_fd.hpp"
#include "library/failing.hpp"
#include "library/stream.hpp"

namespace fd2 {

wire_writer& wire_writer::operator=(wire_writer&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = other.release();
    }
    return *this;
}

std::size_t wire_writer::write_some(const void* data, std::size_t size,
                                    std::error_code& failed) noexcept {
    return write_wire(fd_, data, size, failed);
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
    const unique_fd ours(release());
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
    return read_wire(fd_, data, size, failed);
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
    const unique_fd ours(release());
}

int wire_reader::release() noexcept {
    return std::exchange(fd_, -1);
}

}  // namespace fd2
