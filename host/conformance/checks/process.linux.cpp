// What a channel costs the process, as Linux counts it: limits, signal masks, what an exec leaves.
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

}  // namespace

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
