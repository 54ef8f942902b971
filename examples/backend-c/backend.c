/*
 * A complete backend in C: an anonymous pipe, threads, polling and hand-over included. The drain
 * kit does most of the work; this file has what is specific to a pipe.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd2/drain.h"

/* Claims, which `fd2 conform` tests. */
#define CAPS                                                                        \
    (FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_REOPENABLE | \
     FD2_CAP_COMPACT | FD2_CAP_ATOMIC | FD2_CAP_HANDOVER)

static const fd2_option_spec options_table[] = {{
    .struct_size = sizeof(fd2_option_spec),
    .type = FD2_OPTION_BYTES,
    .name = "capacity",
    .help = "how much the pipe holds before the command blocks; 0 keeps the kernel's size",
    .maximum = INT64_C(1) << 30,
}};
#define OPTION_COUNT ((uint32_t)(sizeof(options_table) / sizeof(options_table[0])))

/* Describes the pipe behind `read_end` to the kit; makes that end non-blocking. */
static int32_t describe(int read_end, fd2_drain_spec* spec, fd2_error* error) {
    struct stat status;
    const int flags = fcntl(read_end, F_GETFL);
    if (flags < 0 || fstat(read_end, &status) != 0 || !S_ISFIFO(status.st_mode) ||
        (flags & O_ACCMODE) == O_WRONLY) {
        return fd2_fail(error, FD2_E_UNSUPPORTED, 0, "adopt", "not the read end of a pipe");
    }
    if (fcntl(read_end, F_SETFL, flags | O_NONBLOCK) != 0) {
        const int failed = errno;
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "fcntl", "O_NONBLOCK");
    }
    const int size = fcntl(read_end, F_GETPIPE_SZ);
    *spec = (fd2_drain_spec){
        .thread_name = "fd2-c-pipe",
        .read_end = read_end,
        .child_end = FD2_NATIVE_NONE,
        .medium = FD2_MEDIUM_PIPE,
        .caps = CAPS,
        .capacity_bytes = size > 0 ? (uint64_t)size : 0,
        .capacity_small_writes = size > 0 ? (uint64_t)size : 0,
        .page_bytes = (uint32_t)sysconf(_SC_PAGESIZE),
    };
    return FD2_OK;
}

static int32_t open_channel(fd2_instance* instance, const fd2_options* options,
                            const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    fd2_drain_spec spec;
    int ends[2];
    int32_t code = fd2_check_options(options, options_table, OPTION_COUNT, error);
    if (code != FD2_OK) return code;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        const int failed = errno;
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "pipe2", "");
    }
    const int64_t capacity = fd2_option_number(options, "capacity", 0);
    if (capacity > 0 && fcntl(ends[0], F_SETPIPE_SZ, (int)capacity) < 0 && instance->host.log) {
        static const char text[] = "capacity refused; the kernel's size is kept";
        instance->host.log(instance->host.ctx, FD2_LOG_WARNING, text, (uint32_t)strlen(text));
    }
    code = describe(ends[0], &spec, error);
    if (code == FD2_OK) {
        spec.child_end = ends[1];
        code = fd2_drain_open(instance, &spec, sink, out, error);
    }
    if (code != FD2_OK) { /* a call that fails has taken over nothing: both ends are still ours */
        close(ends[0]);
        close(ends[1]);
    }
    return code;
}

static int32_t adopt(fd2_instance* instance, const fd2_options* options, const fd2_carry* carry,
                     const fd2_sink* sink, fd2_channel** out, fd2_error* error) {
    fd2_drain_spec spec;
    if (!carry || carry->struct_size < sizeof(*carry)) {
        return fd2_fail(error, FD2_E_INVALID, 0, "adopt", "no carry");
    }
    int32_t code = fd2_check_options(options, options_table, OPTION_COUNT, error);
    if (code == FD2_OK) code = describe((int)carry->read, &spec, error);
    if (code != FD2_OK) return code;
    spec.paused = (carry->flags & FD2_CARRY_PAUSED) != 0;
    return fd2_drain_open(instance, &spec, sink, out, error);
}

static const fd2_handover handover = {sizeof(fd2_handover), 0, fd2_drain_release, adopt};

static const void* get_extension(const char* id) {
    if (id && strcmp(id, FD2_EXT_POLLABLE) == 0) return &fd2_drain_pollable;
    if (id && strcmp(id, FD2_EXT_HANDOVER) == 0) return &handover;
    return NULL;
}

static const fd2_backend backend = {
    .struct_size = sizeof(fd2_backend),
    .option_stride = sizeof(fd2_option_spec),
    .id = "c-pipe",
    .version = "1.0.0",
    .vendor = "you",
    .description = "anonymous pipe, written in C",
    .caps = CAPS,
    .option_count = OPTION_COUNT,
    .options = options_table,
    .channel = &fd2_drain_ops,
    .init = fd2_drain_init,
    .deinit = fd2_drain_deinit,
    .open = open_channel,
    .get_extension = get_extension,
};

FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out);
FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    *out = &backend;
    return FD2_OK;
}
