// What a channel costs the process: descriptors, threads, and how it fails when there are no more.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <set>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

namespace {

/// While it lives, exactly `left` more descriptors can be made.
class descriptor_limit {
  public:
    explicit descriptor_limit(int left) {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        rlimit low = before_;
        low.rlim_cur = static_cast<rlim_t>(descriptors().rbegin()->first) + 64;
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
        for (int fd; (fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;)
            plugs_.emplace_back(fd);
        REQUIRE(errno == EMFILE);
        REQUIRE(plugs_.size() >= static_cast<std::size_t>(left));
        plugs_.resize(plugs_.size() - static_cast<std::size_t>(left));
    }
    ~descriptor_limit() { (void)::setrlimit(RLIMIT_NOFILE, &before_); }
    descriptor_limit(const descriptor_limit&) = delete;
    descriptor_limit& operator=(const descriptor_limit&) = delete;

  private:
    rlimit before_{};
    std::vector<fd2::unique_fd> plugs_;
};

/// From now on the calling thread, and no other, cannot make threads: clone answers EAGAIN.
bool forbid_threads() {
    const sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
    };
    const sock_fprog filter{sizeof(program) / sizeof(program[0]),
                            const_cast<sock_filter*>(program)};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0;
}

std::map<pid_t, task> new_tasks(const std::map<pid_t, task>& before) {
    std::map<pid_t, task> out;
    for (const auto& [tid, each] : tasks()) {
        if (before.count(tid) == 0) out[tid] = each;
    }
    return out;
}

}  // namespace

TEST_CASE("every descriptor of a channel is close-on-exec, and its end closes them all") {
    const auto v = each_variant();
    INFO(v);
    const auto before = descriptors();
    recorder into;
    {
        driver channel(v, into);
        REQUIRE(channel.code() == FD2_OK);
        const auto check = [&] {
            std::size_t seen = 0;
            for (const auto& [fd, what] : descriptors()) {
                if (before.count(fd) != 0) continue;
                ++seen;
                CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
                CHECK(fd > 2);
            }
            CHECK(seen >= 2);
        };
        check();
        REQUIRE(channel.start() == FD2_OK);
        check();
        channel.wind_up(FD2_FINISH_DRAIN, into);
    }
    CHECK(descriptors() == before);
}

TEST_CASE("the child's end blocks, as a child expects of its stderr") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto end = channel.take_child_end();
    CHECK((::fcntl(end.get(), F_GETFL) & O_NONBLOCK) == 0);
    REQUIRE(channel.start() == FD2_OK);
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    CHECK((::fcntl(end.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a child that was spawned beside the channel holds nothing of it") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    // Any exec will do: this one outlives the test's look.
    const pid_t bystander = ::fork();
    REQUIRE(bystander >= 0);
    if (bystander == 0) {
        ::execl("/bin/sleep", "sleep", "1000", nullptr);
        ::_exit(1);
    }
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);  // EOF comes although it lives
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(::kill(bystander, SIGKILL) == 0);
    CHECK(::waitpid(bystander, nullptr, 0) == bystander);
}

TEST_CASE("without descriptors a channel fails as RESOURCE, leaves nothing, and works later") {
    const auto v = each_variant();
    bool worked = false;
    for (int left = 0; left < 12 && !worked; ++left) {
        INFO(v << ", " << left << " descriptors left");
        const auto before = descriptors();
        recorder into;
        std::int32_t opened = -1;
        std::int32_t start = FD2_OK;
        fd2_error error;
        {
            std::unique_ptr<driver> channel;
            {
                const descriptor_limit limit(left);
                channel = std::make_unique<driver>(v, into);
                opened = channel->code();
                if (opened == FD2_OK && v.by == way::thread) start = channel->start();
                error = channel->error();
            }
            if (opened == FD2_OK && v.by == way::poll) start = channel->start();
            if (opened == FD2_OK && start != FD2_OK) {
                // Still OPEN: it may be started again, now that there is room.
                CHECK(channel->join(0) == FD2_E_STATE);
                CHECK(channel->start() == FD2_OK);
            }
            if (opened == FD2_OK) channel->wind_up(FD2_FINISH_DRAIN, into);
        }
        worked = opened == FD2_OK && start == FD2_OK;
        if (!worked) {
            CHECK((opened == FD2_OK ? start : opened) == FD2_E_RESOURCE);
            CHECK(error.code == FD2_E_RESOURCE);
            CHECK(error.flags == FD2_ERROR_TRANSIENT);
            CHECK(error.sys_errno == EMFILE);
            CHECK(std::string(error.message).find("EMFILE") != std::string::npos);
        }
        if (left == 0) CHECK_FALSE(worked);
        CHECK(descriptors() == before);
    }
    CHECK(worked);
}

TEST_CASE("threads of a backend are named, take no signal, and are gone after join") {
    for (const auto& each : backends()) {
        INFO(each->id());
        std::thread([] {}).join();  // a sanitizer makes one of its own beside the first
        const auto before = tasks();
        recorder into;
        const auto channel = started({each, way::thread}, into);
        const auto end = channel->take_child_end();
        REQUIRE(write_all(end.get(), "x", 1));
        REQUIRE(into.wait_bytes(1));
        const auto made = new_tasks(before);
        const auto info = channel->info();
        if (!each->claims(FD2_CAP_EVENT_LOOP)) CHECK(made.size() == info.threads_per_channel);
        const std::string ours = before.at(::getpid()).name;
        for (const auto& [tid, thread] : made) {
            INFO(thread.name);
            CHECK(thread.name != ours);
            CHECK(thread.name.starts_with("fd2-"));
            // All but the two that cannot be blocked and the two that the C library keeps.
            std::uint64_t all = ~std::uint64_t{0};
            for (const int signal : {SIGKILL, SIGSTOP, 32, 33}) {
                all &= ~(std::uint64_t{1} << (signal - 1));
            }
            CHECK((thread.blocked & all) == all);
        }
        channel->wind_up(FD2_FINISH_NOW, into);
        if (!each->claims(FD2_CAP_EVENT_LOOP)) CHECK(wait_for_tasks(before.size()));
    }
}

TEST_CASE("start leaves the caller's signal mask alone") {
    const auto v = each_variant();
    INFO(v);
    sigset_t before, after;
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
    recorder into;
    const auto channel = started(v, into);
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
    for (int signal = 1; signal < 32; ++signal) {
        CHECK(::sigismember(&before, signal) == ::sigismember(&after, signal));
    }
}

TEST_CASE("a polled channel makes no thread") {
    for (const auto& each : backends()) {
        if (each->pollable() == nullptr) continue;
        INFO(each->id());
        const auto before = tasks();
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        fd2_native watched = 0;
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
        REQUIRE(each->pollable()->attach_poll(channel, &watched, nullptr) == FD2_OK);
        CHECK(new_tasks(before).empty());
        fd2_info info{};
        info.struct_size = sizeof(info);
        CHECK(each->ops().info(channel, &info) == FD2_OK);
        CHECK(info.threads_per_channel == 0);
        CHECK(each->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
        CHECK(each->ops().close(channel) == FD2_OK);
    }
}

TEST_CASE("a thread that cannot be made is RESOURCE, and the channel stays open") {
    for (const auto& each : backends()) {
        if (each->claims(FD2_CAP_EVENT_LOOP)) continue;
        INFO(each->id());
        recorder into;
        driver channel({each, way::thread}, into);
        REQUIRE(channel.code() == FD2_OK);
        const auto before = descriptors();
        bool forbidden = false;
        std::int32_t code = -1;
        std::thread([&] {
            forbidden = forbid_threads();
            if (forbidden) code = channel.start();
        }).join();
        REQUIRE(forbidden);
        CHECK(code == FD2_E_RESOURCE);
        CHECK(channel.error().code == FD2_E_RESOURCE);
        CHECK(channel.error().flags == FD2_ERROR_TRANSIENT);
        CHECK(channel.error().sys_errno == EAGAIN);
        CHECK(descriptors() == before);
        CHECK(into.ends() == 0);
        // OPEN: everything it could do before, it can do now.
        CHECK(channel.finish(FD2_FINISH_NOW) == FD2_E_STATE);
        REQUIRE(channel.start() == FD2_OK);
        const auto end = channel.take_child_end();
        REQUIRE(write_all(end.get(), "x", 1));
        CHECK(into.wait_bytes(1));
        channel.wind_up(FD2_FINISH_DRAIN, into);
    }
}
