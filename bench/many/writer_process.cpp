#include "many/writer_process.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstring>
#include <string>

#include "support/process.hpp"

extern char** environ;

namespace fd2::bench {

namespace {

union rights {
    cmsghdr header;
    char memory[CMSG_SPACE(rights_batch * sizeof(int))];
};

}  // namespace

writer_process::writer_process(const char* program, long cpu) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) die("socketpair");
    over_.reset(ends[0]);
    const unique_fd theirs(ends[1]);
    waiting_.reserve(rights_batch);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
    const std::string pinned = "--cpu=" + std::to_string(cpu);
    const char* const words[] = {program, pinned.c_str(), nullptr};
    const int failed =
        ::posix_spawn(&pid_, program, &actions, nullptr, const_cast<char**>(words), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        errno = failed;
        die(program);
    }
}

writer_process::~writer_process() {
    over_.reset();
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
}

void writer_process::give(unique_fd end) {
    waiting_.push_back(std::move(end));
    if (waiting_.size() == rights_batch) flush();
}

void writer_process::flush() {
    if (waiting_.empty()) return;
    rights control{};
    order_to_write nothing{0, 0};
    iovec part{&nothing, sizeof(nothing)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.memory;
    message.msg_controllen = CMSG_SPACE(waiting_.size() * sizeof(int));
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(waiting_.size() * sizeof(int));
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
        const int fd = waiting_[i].get();
        std::memcpy(CMSG_DATA(header) + i * sizeof(int), &fd, sizeof(fd));
    }
    if (::sendmsg(over_.get(), &message, 0) < 0) die("sendmsg");
    waiting_.clear();
    (void)wait();  // what is under way counts against the limit of open files too
}

void writer_process::write_lines(std::int64_t rounds, std::int64_t interval) {
    const order_to_write order{rounds, interval};
    if (!write_all(over_.get(), &order, sizeof(order))) die("write");
}

written writer_process::wait() {
    written out{};
    if (read_some(over_.get(), &out, sizeof(out)) != sizeof(out)) {
        std::fprintf(stderr, "many: the writing process has failed\n");
        std::exit(3);
    }
    return out;
}

}  // namespace fd2::bench
