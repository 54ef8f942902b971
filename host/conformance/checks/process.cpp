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

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <set>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

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

CHECK_CASE(F01, must, "L1",
           "every descriptor of a channel is close-on-exec, and its end closes them all",
           "compares the descriptors of the process by device and inode") {
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
    CHECK(changed_since(before) == "");
}

CHECK_CASE(F14, must, "L9", "the child's end blocks, as a child expects of its stderr",
           "reads its flags before and after start") {
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

CHECK_CASE(F03, must, "L1", "a child that was spawned beside the channel holds nothing of it",
           "a real sleep is executed meanwhile; the end of the stream must come although it "
           "lives") {
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

CHECK_CASE(F07, must, "E1 E3 E6 L3 S8",
           "without descriptors a channel fails as RESOURCE, leaves nothing, and works later",
           "lowers the limit so that each descriptor in turn is the first that cannot be made") {
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
                if (opened == FD2_OK && v.driven == way::thread) start = channel->start();
                error = channel->error();
            }
            if (opened == FD2_OK && v.driven == way::poll) start = channel->start();
            if (opened == FD2_OK && start != FD2_OK) {
                // Still OPEN: it may be started again, now that threads can be made.
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
            CHECK_SAYS("the error has a message", error.message[0] != '\0');
        }
        if (left == 0) CHECK_FALSE(worked);
        CHECK(changed_since(before) == "");
    }
    CHECK(worked);
}

CHECK_CASE(T03, must, "T5 L6",
           "threads of a backend are named, take no signal, and are gone after join",
           "reads /proc/self/task") {
    const auto& each = tested();
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
        CHECK(thread.name != "");
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

CHECK_CASE(T14, must, "T5", "start leaves the caller's signal mask alone", "compares the mask") {
    const auto v = each_variant();
    INFO(v);
    // Loading has started channels already: the mask of before them is not known.
    sigset_t before, after;
    ::sigemptyset(&before);
    ::sigaddset(&before, SIGUSR1);
    REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
    recorder into;
    const auto channel = started(v, into);
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
    for (int signal = 1; signal < 32; ++signal) {
        CHECK(::sigismember(&before, signal) == ::sigismember(&after, signal));
    }
}

CHECK_CASE(H01, must, "P1", "a polled channel makes no thread", "counts threads") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
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

CHECK_CASE(T11, must, "E1 L3",
           "a thread that cannot be made is RESOURCE, and the channel stays open",
           "seccomp answers EAGAIN to clone") {
    const auto& each = tested();
    NEEDS(!each->claims(FD2_CAP_EVENT_LOOP), "makes no thread for a channel");
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
    CHECK(changed_since(before) == "");
    CHECK(into.ends() == 0);
    // OPEN: everything it could do before, it can do now.
    CHECK(channel.finish(FD2_FINISH_NOW) == FD2_E_STATE);
    REQUIRE(channel.start() == FD2_OK);
    const auto end = channel.take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    CHECK(into.wait_bytes(1));
    channel.wind_up(FD2_FINISH_DRAIN, into);
}

CHECK_CASE(T15, must, "L6 H2", "when join or release returns, the channel's thread is gone",
           "lists the threads at once, without waiting; the kernel tells which of them are already "
           "being ended") {
    const auto& each = tested();
    NEEDS(!each->claims(FD2_CAP_EVENT_LOOP), "makes no thread for a channel");
    const bool moves = each->handover() != nullptr;
    std::thread([] {}).join();  // a sanitizer makes one of its own beside the first
    for (int round = 0; round < 50; ++round) {
        const auto before = tasks();
        recorder into;
        const auto channel = started({each, way::thread}, into);
        auto end = channel->take_child_end();
        const bool releases = moves && round % 3 == 2;
        INFO((releases ? "release" : "join") << ", round " << round);
        if (releases) {
            fd2_carry carry{};
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(running_beyond(before) == "");
            REQUIRE(::close(static_cast<int>(carry.read)) == 0);
        } else {
            if (round % 3 == 0) end.reset();
            if (round % 3 != 0) REQUIRE(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
            REQUIRE(channel->join(hang()) == FD2_OK);
            CHECK(running_beyond(before) == "");
        }
        REQUIRE(channel->close() == FD2_OK);
    }
}

CHECK_CASE(F06, must, "L1", "descriptors above 1024 are as good as others",
           "uses up the numbers below 1100, and lets a channel live: select(2) cannot") {
    const auto v = each_variant();
    INFO(v);
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < 1400) {
        SKIP_CHECK("the hard limit of open files is " + std::to_string(limit.rlim_max));
    }
    limit.rlim_cur = std::max<rlim_t>(limit.rlim_cur, 1400);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    std::vector<fd2::unique_fd> plugs;
    do {
        plugs.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        REQUIRE(plugs.back());
    } while (plugs.back().get() < 1100);
    recorder into;
    const auto channel = started(v, into);
    auto end = channel->take_child_end();
    CHECK(end.get() > 1024);
    REQUIRE(write_all(end.get(), "x", 1));
    CHECK(into.wait_bytes(1));
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(channel->close() == FD2_OK);
}

CHECK_CASE(F13, must, "L8 L9", "the host may take the child's end, and close it, early or late",
           "takes it before and after start, closes it before start, after it, and after finish; "
           "reads the reason") {
    const auto v = each_variant();
    for (const bool takes_early : {true, false}) {
        for (const int closes : {0, 1, 2}) {
            if (!takes_early && closes == 0) continue;
            INFO(v << (takes_early ? ", taken before start" : ", taken after start")
                   << (closes == 0   ? ", closed before start"
                       : closes == 1 ? ", closed after start"
                                     : ", closed after finish"));
            const auto before = descriptors();
            recorder into;
            driver channel(v, into);
            REQUIRE(channel.code() == FD2_OK);
            fd2::unique_fd end;
            if (takes_early) end = channel.take_child_end();
            if (takes_early) REQUIRE(write_all(end.get(), "x", 1));
            if (closes == 0) end.reset();
            REQUIRE(channel.start() == FD2_OK);
            if (!takes_early) end = channel.take_child_end();
            if (!takes_early) REQUIRE(write_all(end.get(), "x", 1));
            if (closes == 1) end.reset();
            if (closes == 2) CHECK(channel.finish(FD2_FINISH_DRAIN) == FD2_OK);
            CHECK(channel.join(hang()) == FD2_OK);
            end.reset();
            CHECK(channel.close() == FD2_OK);
            CHECK(into.bytes() == "x");
            CHECK(into.reason() == (closes == 2 ? FD2_END_DRAINED : FD2_END_EOF));
            CHECK(into.violations() == "");
            CHECK(changed_since(before) == "");
        }
    }
}
