#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>

#include "fixed_memory.hpp"
#include "loop.hpp"

namespace fd2::tokio_like_async {

/// The loop is woken through its completion port.
struct loop::system {
    std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> listens;

    // For the one handler that is posted, so that ringing cannot fail for lack of memory.
    alignas(std::max_align_t) unsigned char handler_memory[256];
};

loop::loop() : system_(std::make_shared<system>()) {
    // Asio makes a thread for timers with the first one. Here, so that channels that come and go
    // change nothing.
    const boost::asio::steady_timer first(context_);
    start_thread();
}

void loop::begin_thread() noexcept {
    using describe_thread = HRESULT(WINAPI*)(HANDLE thread, PCWSTR name);
    const HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    const auto describe = reinterpret_cast<describe_thread>(reinterpret_cast<void (*)()>(
        kernel != nullptr ? GetProcAddress(kernel, "SetThreadDescription") : nullptr));
    if (describe != nullptr) (void)describe(GetCurrentThread(), L"fd2-async");
}

/// Keeps the loop running without anything else to wait for.
void loop::listen() noexcept {
    system_->listens.emplace(context_.get_executor());
}

void loop::sound() noexcept {
    using memory = fixed_memory<unsigned char>;
    boost::asio::post(context_, boost::asio::bind_allocator(memory(system_->handler_memory,
                                                                   sizeof(system_->handler_memory)),
                                                            [this] { answer(); }));
}

void loop::silence() noexcept {
    system_->listens.reset();
}

}  // namespace fd2::tokio_like_async
