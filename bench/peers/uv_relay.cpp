// Peer: libuv reads stdin, each chunk is kept, counted and written to stdout at once (uv_write
// would add a queue, and O_NONBLOCK on what others share).

#include <uv.h>

#include "peers/relay_work.hpp"
#include "support/process.hpp"

using namespace fd2::bench;

namespace {

char chunk[chunk_size];
relay_record record;

void give_memory(uv_handle_t*, std::size_t, uv_buf_t* out) {
    out->base = chunk;
    out->len = sizeof(chunk);
}

void take(uv_stream_t* from, ssize_t got, const uv_buf_t* data) {
    if (got == UV_EOF) {
        uv_close(reinterpret_cast<uv_handle_t*>(from), nullptr);
        return;
    }
    if (got < 0) std::exit(3);
    record.take(data->base, static_cast<std::size_t>(got));
    if (!write_all(STDOUT_FILENO, data->base, static_cast<std::size_t>(got))) die("write");
}

}  // namespace

int main() {
    uv_loop_t loop;
    uv_pipe_t input;
    if (uv_loop_init(&loop) != 0 || uv_pipe_init(&loop, &input, 0) != 0 ||
        uv_pipe_open(&input, STDIN_FILENO) != 0 ||
        uv_read_start(reinterpret_cast<uv_stream_t*>(&input), give_memory, take) != 0) {
        return 3;
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 3;
}
