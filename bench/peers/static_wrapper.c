/*
 * Peer: the least that a wrapper with a full relay can be, linked statically in plain C.
 *
 *   static_wrapper COMMAND [ARG...]
 *
 * Starts the command with a pipe as its stderr, keeps the newest 64 KiB, forwards, waits with poll
 * on the pipe and a pidfd, empties the pipe after the exit, and ends with the command's code. No
 * options, no signals, no choice of backend: the price of starting a wrapper at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

static char chunk[64 * 1024];
static char tail[64 * 1024];
static size_t tail_at;

static void keep(const char* data, size_t size) {
    const size_t space = sizeof tail - tail_at;
    const size_t first = size < space ? size : space;
    memcpy(tail + tail_at, data, first);
    memcpy(tail, data + first, size - first);
    tail_at = (tail_at + size) % sizeof tail;
}

/* 1: something came; 0: empty; -1: the end. */
static int relay_once(int from) {
    const ssize_t got = read(from, chunk, sizeof chunk);
    if (got < 0) return errno == EINTR ? 1 : errno == EAGAIN ? 0 : -1;
    if (got == 0) return -1;
    keep(chunk, (size_t)got);
    for (ssize_t at = 0; at < got;) {
        const ssize_t done = write(2, chunk + at, (size_t)(got - at));
        if (done < 0 && errno != EINTR) break;
        if (done > 0) at += done;
    }
    return 1;
}

int main(int argc, char** argv) {
    int ends[2];
    if (argc < 2 || pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
        return 125;
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
    pid_t pid;
    if (posix_spawnp(&pid, argv[1], &actions, NULL, argv + 1, environ) != 0) return 127;
    close(ends[1]);
    struct pollfd watched[2] = {{ends[0], POLLIN, 0},
                                {(int)syscall(SYS_pidfd_open, pid, 0), POLLIN, 0}};
    int exited = 0;
    while (!exited) {
        if (poll(watched, 2, -1) < 0) continue;
        if (watched[0].revents && relay_once(ends[0]) < 0) watched[0].fd = -1;
        exited = watched[1].revents != 0;
    }
    while (watched[0].fd >= 0 && relay_once(ends[0]) > 0) {
    }
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
