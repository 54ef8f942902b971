// Peer: libuv, its loop on a thread of its own.

#include <uv.h>

#include <thread>

#include "many/receiver.hpp"
#include "support/process.hpp"

namespace fd2::bench {

namespace {

void check(int code, const char* what) {
    if (code < 0) throw refused(std::string(what) + ": " + uv_strerror(code));
}

class uv_receiving final : public receiver {
  public:
    explicit uv_receiving(std::string_view medium) : medium_(medium) {
        check(uv_loop_init(&loop_), "uv_loop_init");
        check(uv_async_init(&loop_, &stop_, [](uv_async_t* told) { uv_stop(told->loop); }),
              "uv_async_init");
    }
    ~uv_receiving() override { close(); }

    void prepare(std::size_t count) override { make_room(channels_, count); }

    void open(std::vector<meter>& into, const taker& give) override {
        for (meter& one : into) {
            auto [ours, theirs] = make_ends(medium_);
            channels_.push_back(std::make_unique<uv_pipe_t>());
            uv_pipe_t* const channel = channels_.back().get();
            check(uv_pipe_init(&loop_, channel, 0), "uv_pipe_init");
            check(uv_pipe_open(channel, ours.get()), "uv_pipe_open");
            (void)ours.release();
            channel->data = &one;
            check(uv_read_start(reinterpret_cast<uv_stream_t*>(channel), give_memory, take),
                  "uv_read_start");
            give(std::move(theirs));
        }
        thread_ = std::thread([this] { uv_run(&loop_, UV_RUN_DEFAULT); });
    }

    void close() override {
        if (closed_) return;
        closed_ = true;
        if (thread_.joinable()) {
            uv_async_send(&stop_);
            thread_.join();
        }
        for (auto& channel : channels_) {
            uv_close(reinterpret_cast<uv_handle_t*>(channel.get()), nullptr);
        }
        uv_close(reinterpret_cast<uv_handle_t*>(&stop_), nullptr);
        uv_run(&loop_, UV_RUN_DEFAULT);
        if (uv_loop_close(&loop_) != 0) die("uv_loop_close");
    }

  private:
    static void give_memory(uv_handle_t*, std::size_t, uv_buf_t* out) {
        static char chunk[16384];
        out->base = chunk;
        out->len = sizeof(chunk);
    }
    static void take(uv_stream_t* from, ssize_t got, const uv_buf_t* data) {
        if (got > 0)
            static_cast<meter*>(from->data)->take(data->base, static_cast<std::size_t>(got));
    }

    std::string medium_;
    uv_loop_t loop_;
    uv_async_t stop_;
    std::vector<std::unique_ptr<uv_pipe_t>> channels_;
    std::thread thread_;
    bool closed_ = false;
};

}  // namespace

std::unique_ptr<receiver> uv_receiver(std::string_view medium) {
    return std::make_unique<uv_receiving>(medium);
}

}  // namespace fd2::bench
