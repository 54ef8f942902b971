// The `pty` backend: the child's stderr is a terminal, the slave of a pseudo-terminal.
//
// Nothing is ever typed into it: the keyboard is the user's own terminal. Two things keep a child
// from mistaking ours for that one. The child's end is write-only: a process that reads its fd 2
// gets EBADF, as on a pipe, instead of waiting for ever, and cannot make this its controlling
// terminal. And nobody may open it for reading: `less` looks for the keyboard in ttyname(2) first,
// and goes on to /dev/tty if that cannot be opened.
#include <fcntl.h>
#include <fd2/ext/terminal.h>
#include <linux/mount.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

#include "media/system_call.linux.hpp"

namespace {

constexpr int master_flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK;

/// The error of a system call that has just failed.
std::int32_t refused(fd2_error* error, const char* operation, const char* object) noexcept {
    const int sys_errno = errno;
    std::int32_t code = fd2_code_of_errno(sys_errno);
    // (ENOSPC is RESOURCE: kernel.pty.max.) A container whose /dev/ptmx is missing or leads
    // nowhere; a kernel without TIOCGPTPEER.
    for (const int each : {ENOENT, ENODEV, ENXIO, EIO, ENOTTY, EINVAL}) {
        if (sys_errno == each) code = FD2_E_UNSUPPORTED;
    }
    return fd2_fail(error, code, sys_errno, operation, object);
}

/// A terminal of a devpts that is mounted nowhere: it has no name, so that ttyname(2) fails. Only
/// root may make one; -1 for everybody else.
int open_nameless_master() noexcept {
    const int made = static_cast<int>(syscall(SYS_fsopen, "devpts", FSOPEN_CLOEXEC));
    if (made < 0) return -1;
    int mounted = -1;
    if (syscall(SYS_fsconfig, made, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0) {
        mounted = static_cast<int>(
            syscall(SYS_fsmount, made, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC));
    }
    close(made);
    if (mounted < 0) return -1;
    const int master = openat(mounted, "ptmx", master_flags);
    close(mounted);
    return master;
}

/// The size of the terminal that the user sees; all zeros, which is unknown, without one.
winsize size_of_terminal() noexcept {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0) return size;
    const int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (terminal < 0) return size;
    if (ioctl(terminal, TIOCGWINSZ, &size) != 0) size = {};
    close(terminal);
    return size;
}

struct pty_backend {
    static constexpr const char* id = "pty";
    static constexpr const char* version = FD2_BACKEND_VERSION;
    static constexpr const char* vendor = "fd2";
    static constexpr const char* description =
        "pseudo-terminal, read by a thread or the host's loop";
    static constexpr const char* thread_name = "fd2-pty";
    // Not ATOMIC: a writer that a signal interrupts, or that does not block, has written a part.
    static constexpr std::uint64_t caps = FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS |
                                          FD2_CAP_REOPENABLE | FD2_CAP_TTY | FD2_CAP_HANDOVER;

    static std::int32_t describe(fd2_instance&, const fd2_carry& carry, const fd2_options*,
                                 fd2_drain_spec& spec, fd2_error* error) {
        const int master = static_cast<int>(carry.read);
        int number = 0;
        if (ioctl(master, TIOCGPTN, &number) != 0) {
            return refused(error, "TIOCGPTN", "not the master of a pseudo-terminal");
        }
        spec.medium = FD2_MEDIUM_PTY;  // the capacity depends on how fast the kernel moves bytes on
        spec.caps &= ~FD2_CAP_REOPENABLE;  // whether it is, cannot be seen from here
        return fd2::plugin::make_non_blocking(master, error);
    }

    static const void* extension(const char* id) noexcept {
        static constexpr fd2_terminal terminal = {sizeof(fd2_terminal), 0, set_size};
        return strcmp(id, FD2_EXT_TERMINAL) == 0 ? &terminal : nullptr;
    }

    static std::int32_t set_size(fd2_channel* channel, const fd2_terminal_size* size,
                                 fd2_error* error) {
        if (!channel || !size || size->struct_size < sizeof(fd2_terminal_size)) {
            return fd2_fail(error, FD2_E_INVALID, 0, "set size", "missing argument");
        }
        const int master = static_cast<int>(channel->spec.read_end);
        if (master < 0) return fd2_fail(error, FD2_E_STATE, 0, "set size", "released");
        const winsize wanted{size->rows, size->columns, size->x_pixels, size->y_pixels};
        if (ioctl(master, TIOCSWINSZ, &wanted) != 0) return refused(error, "TIOCSWINSZ", "");
        return FD2_OK;
    }

    static std::int32_t make(fd2_instance&, const fd2_options*, fd2_drain_spec& spec,
                             fd2_error* error) {
        const int nameless = open_nameless_master();
        int master = nameless;
        if (nameless < 0) {
            do master = open("/dev/ptmx", master_flags);
            while (master < 0 && errno == EINTR);
        }
        if (master < 0) return refused(error, "open", "/dev/ptmx");
        spec.medium = FD2_MEDIUM_PTY;
        spec.read_end = master;
        const std::int32_t code = open_slave(nameless >= 0, spec, error);
        if (code == FD2_OK) return code;
        close(master);
        if (spec.child_end >= 0) close(static_cast<int>(spec.child_end));
        return code;
    }

    static std::int32_t open_slave(bool nameless, fd2_drain_spec& spec, fd2_error* error) {
        const int master = static_cast<int>(spec.read_end);
        constexpr int unlocked = 0;
        if (ioctl(master, TIOCSPTLCK, &unlocked) != 0) return refused(error, "TIOCSPTLCK", "");
        // By descriptor: the name in /dev/pts may be another terminal's, or missing, in a
        // container.
        const int slave = ioctl(master, TIOCGPTPEER, O_WRONLY | O_NOCTTY | O_CLOEXEC);
        if (slave < 0) return refused(error, "TIOCGPTPEER", "");
        spec.child_end = slave;
        // Not a byte is changed on its way, and a reader, if there is one after all, finds the end
        // of the file.
        termios modes{};
        if (tcgetattr(slave, &modes) != 0) return refused(error, "tcgetattr", "");
        cfmakeraw(&modes);
        modes.c_cc[VMIN] = 0;
        modes.c_cc[VTIME] = 0;
        if (tcsetattr(slave, TCSANOW, &modes) != 0) return refused(error, "tcsetattr", "");
        const winsize size = size_of_terminal();
        (void)ioctl(master, TIOCSWINSZ, &size);
        if (!nameless && !keep_readers_out(slave)) {
            // Root in a container: permissions do not hold it back. Then nobody may open it.
            if (ioctl(slave, TIOCEXCL) != 0) return refused(error, "TIOCEXCL", "");
            spec.caps &= ~FD2_CAP_REOPENABLE;
        }
        return FD2_OK;
    }

    /// Takes away the permission to open the terminal for reading; false if that has no effect.
    static bool keep_readers_out(int slave) noexcept {
        return fchmod(slave, S_IWUSR) == 0 &&
               faccessat(slave, "", R_OK, AT_EACCESS | AT_EMPTY_PATH) != 0 && errno == EACCES;
    }
};

}  // namespace

FD2_BACKEND(pty_backend)
