// Signals while a thread makes calls.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>

#include "base/text_list.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/words.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {
void do_nothing(int) {}
}  // namespace

CHECK_CASE(K09, must, "L7 E1", "signals that the host handles meanwhile change nothing",
           "a thread makes every call of a channel's life while another one sends it signals "
           "without pause, whose handler does not restart system calls") {
    struct sigaction interrupting {};
    interrupting.sa_handler = do_nothing;  // without SA_RESTART
    REQUIRE(::sigaction(SIGUSR1, &interrupting, nullptr) == 0);
    const auto v = each_variant();
    INFO(v);
    const auto& table = v.tested->table();
    const auto& ops = v.tested->ops();
    std::vector<std::string> wrong;
    std::atomic<bool> over{false};
    std::thread caller([&] {
        const auto expect = [&](const char* call, std::int32_t code, std::int32_t wanted) {
            if (code != wanted) wrong.push_back(std::string(call) + ": " + code_word(code));
        };
        for (int round = 0; round < 20; ++round) {
            recorder into;
            const fd2_sink sink = into.sink();
            fd2_channel* channel = nullptr;
            fd2_native end = FD2_NATIVE_NONE;
            expect("open", table.open(v.tested->instance(), nullptr, &sink, &channel, nullptr),
                   FD2_OK);
            if (channel == nullptr) break;
            expect("take_child_end", ops.take_child_end(channel, &end, nullptr), FD2_OK);
            const fd2::unique_fd writer(static_cast<int>(end));
            if (v.driven == way::poll) {
                fd2_native watched = FD2_NATIVE_NONE;
                std::int64_t deadline = 0;
                expect("attach_poll", v.tested->pollable()->attach_poll(channel, &watched, nullptr),
                       FD2_OK);
                (void)write_all(writer.get(), "x", 1);
                for (int i = 0; i < 100000 && into.total() == 0; ++i) {
                    if (v.tested->pollable()->on_ready(channel, 4096, &deadline) < 0) {
                        wrong.emplace_back("on_ready");
                    }
                }
            } else {
                expect("start", ops.start(channel, nullptr), FD2_OK);
                (void)write_all(writer.get(), "x", 1);
                const auto until = fd2::after(fd2::now(), 10 * fd2::millisecond);
                expect("join before the end", ops.join(channel, until), FD2_E_TIMEDOUT);
                if (fd2::now() < until) wrong.emplace_back("join returned before its deadline");
                if (!into.wait_bytes(1)) wrong.emplace_back("the byte did not come");
            }
            expect("finish", ops.finish(channel, FD2_FINISH_NOW), FD2_OK);
            expect("join", ops.join(channel, hang()), FD2_OK);
            expect("close", ops.close(channel), FD2_OK);
            if (into.total() != 1 || into.violations() != "") wrong.emplace_back("the stream");
        }
        over = true;
    });
    while (!over) {
        (void)::pthread_kill(caller.native_handle(), SIGUSR1);
        ::usleep(50);
    }
    caller.join();
    CHECK(fd2::join(wrong, ", ") == "");
}
