// How our stderr is written on Windows.
//
// The problem is the one of writer.posix.cpp: the object behind our stderr may stop taking bytes at
// any time, and the thread that carries the child's must not hang then. There is no way to ask
// WriteFile not to wait: whether it does is a property of the pipe's end or the file object, which
// others share, and nothing says in advance how much room there is.
//
// So everything but a file is written by the forwarder's thread alone, which may hang in a write
// for as long as it takes, and is cancelled in the end: CancelSynchronousIo, or for an end that is
// overlapped CancelIoEx. What is in doubt then is one small piece.
#include "forward/writer.hpp"
#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/unique_fd.hpp"
#include "forward/worker.windows.hpp"

namespace fd2::forward {
namespace {

constexpr DWORD try_again = 20;  // milliseconds between looks at an end that never waits

/// Files, which do not block in the sense that matters.
class plain_writer final : public writer {
  public:
    explicit plain_writer(HANDLE file) noexcept : file_(file) {}

    sent write(const part* parts, int count) override {
        sent out;
        for (int i = 0; i < count; ++i) {
            DWORD done = 0;
            const auto size = static_cast<DWORD>(parts[i].size);
            if (::WriteFile(file_, parts[i].data, size, &done, nullptr) == 0) {
                out.error = last_system_code();
                return out;
            }
            out.bytes += done;
            if (done < size) {  // no more fits
                if (out.bytes == 0) out.error = system_code::no_space;
                return out;
            }
        }
        return out;
    }
    int wait_fd() const noexcept override { return -1; }
    std::string_view name() const noexcept override { return "plain"; }

  private:
    HANDLE file_;
};

/// What is written by a call that may stand still: in small pieces, each whole unless the thread is
/// to end.
class waiting_writer : public writer {
  public:
    sent write(const part* parts, int count) final {
        const cancellable here;
        sent out;
        for (int i = 0; i < count; ++i) {
            const char* at = static_cast<const char*>(parts[i].data);
            for (std::size_t left = parts[i].size; left > 0;) {
                if (here.asked()) return {out.bytes, system_code::would_block};
                const sent one = put(at, static_cast<DWORD>(left), here);
                out.bytes += one.bytes;
                at += one.bytes;
                left -= one.bytes;
                if (one.error == ERROR_OPERATION_ABORTED) {
                    return {out.bytes, system_code::would_block};
                }
                if (one.error != 0) return {out.bytes, one.error};
                if (one.bytes == 0) ::Sleep(try_again);  // an end that never waits, and is full
            }
        }
        return out;
    }
    int wait_fd() const noexcept final { return -1; }
    bool blocks() const noexcept final { return true; }

  private:
    /// One call. Nothing written and no error: full.
    virtual sent put(const char* data, DWORD size, const cancellable& here) noexcept = 0;
};

/// A pipe, whatever its end was opened for: an overlapped one takes no call that waits.
class pipe_writer final : public waiting_writer {
  public:
    pipe_writer(HANDLE pipe, unique_fd done) noexcept : pipe_(pipe), done_(std::move(done)) {}

    // Writes of this size go into a pipe in one piece.
    std::size_t limit() const noexcept override { return 4096; }
    std::size_t atomic_limit() const noexcept override { return 4096; }
    std::string_view name() const noexcept override { return "pipe"; }

  private:
    sent put(const char* data, DWORD size, const cancellable& here) noexcept override {
        OVERLAPPED call{};
        // The lowest bit: no completion port is told, if the end belongs to one.
        call.hEvent =
            reinterpret_cast<HANDLE>(reinterpret_cast<std::uintptr_t>(handle_of(done_.get())) | 1);
        DWORD done = 0;
        if (::WriteFile(pipe_, data, size, &done, &call) != 0) return {done, 0};
        if (::GetLastError() != ERROR_IO_PENDING) return {0, last_system_code()};
        const HANDLE both[2] = {handle_of(done_.get()), here.event()};
        const DWORD watched = here.event() == nullptr ? 1 : 2;
        if (::WaitForMultipleObjects(watched, both, FALSE, INFINITE) != WAIT_OBJECT_0) {
            ::CancelIoEx(pipe_, &call);
        }
        if (::GetOverlappedResult(pipe_, &call, &done, TRUE) != 0) return {done, 0};
        return {0, last_system_code()};
    }

    HANDLE pipe_;
    unique_fd done_;
};

class socket_writer final : public waiting_writer {
  public:
    explicit socket_writer(SOCKET socket) noexcept : socket_(socket) {}

    std::size_t limit() const noexcept override { return 4096; }
    std::string_view name() const noexcept override { return "socket"; }

  private:
    sent put(const char* data, DWORD size, const cancellable&) noexcept override {
        const int done = ::send(socket_, data, static_cast<int>(size), 0);
        if (done >= 0) return {static_cast<std::size_t>(done), 0};
        const int why = ::WSAGetLastError();
        return {0, why == WSAEWOULDBLOCK ? 0 : why};
    }

    SOCKET socket_;
};

/// A console, and objects of unknown kind. Bytes are shown by the console's own code page, which is
/// left as it is.
class console_writer final : public waiting_writer {
  public:
    explicit console_writer(HANDLE console) noexcept : console_(console) {}

    std::size_t limit() const noexcept override { return 1024; }
    std::string_view name() const noexcept override { return "terminal"; }

  private:
    sent put(const char* data, DWORD size, const cancellable&) noexcept override {
        DWORD done = 0;
        if (::WriteFile(console_, data, size, &done, nullptr) != 0) return {done, 0};
        return {0, last_system_code()};
    }

    HANDLE console_;
};

}  // namespace

readiness wait_writable(int, int) noexcept {
    return readiness::none;  // nothing here has a descriptor to wait for
}

opened open_writer(int fd) {
    if (fd < 0) return {nullptr, system_code::bad_descriptor};
    const HANDLE object = handle_of(fd);
    ::SetLastError(ERROR_SUCCESS);
    switch (::GetFileType(object)) {
        case FILE_TYPE_DISK:
            return {std::make_unique<plain_writer>(object)};
        case FILE_TYPE_CHAR: {
            DWORD mode = 0;
            const bool console = ::GetConsoleMode(object, &mode) != 0;
            return {std::make_unique<console_writer>(object), 0, console};
        }
        case FILE_TYPE_PIPE: {
            int type = 0;
            int size = sizeof type;
            if (::getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type),
                             &size) == 0) {
                return {std::make_unique<socket_writer>(socket_of(fd))};
            }
            unique_fd done(fd_of(::CreateEventW(nullptr, TRUE, FALSE, nullptr)));
            if (!done) return {nullptr, last_system_code()};
            return {std::make_unique<pipe_writer>(object, std::move(done))};
        }
        default:
            if (::GetLastError() != ERROR_SUCCESS) return {nullptr, last_system_code()};
            return {std::make_unique<console_writer>(object)};
    }
}

}  // namespace fd2::forward
