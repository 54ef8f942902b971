/*
 * The example of a backend in C, which misbehaves: AT_LOAD, AT_INIT and AT_OPEN are what it does
 * when it is mapped and in the beginning of init and open.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define fd2_backend_entry_v1 entry_of_the_example
#include "backend.c"
#undef fd2_backend_entry_v1

#ifndef AT_LOAD
#define AT_LOAD (void)0
#endif
#ifndef AT_INIT
#define AT_INIT (void)0
#endif
#ifndef AT_OPEN
#define AT_OPEN (void)0
#endif

#define CRASH raise(SIGSEGV)
#define HANG     \
    for (;;) {   \
        pause(); \
    }
#define WRITE_EVERYWHERE \
    for (int fd = 1; fd < 1000; ++fd) (void)!write(fd, "\nfd2-report 0 2\n{}\n", 20)
#define LEAVE_AN_ORPHAN            \
    if (fork() == 0) {             \
        setsid();                  \
        if (fork() != 0) _exit(0); \
        HANG                       \
    }

/* Each time that it is mapped it adds a byte to the file that a test has written here. */
static const volatile char counter[256] = "@counter";

__attribute__((constructor)) static void at_load(void) {
    if (counter[0] != '@') {
        const int file =
            open((const char*)(uintptr_t)counter, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        (void)!write(file, ".", 1);
        close(file);
    }
    AT_LOAD;
}

static int32_t init_badly(const fd2_host* host, fd2_instance** out, fd2_error* error) {
    AT_INIT;
    return fd2_drain_init(host, out, error);
}

static int32_t open_badly(fd2_instance* instance, const fd2_options* options, const fd2_sink* sink,
                          fd2_channel** out, fd2_error* error) {
    AT_OPEN;
    return open_channel(instance, options, sink, out, error);
}

FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out);
FD2_EXPORT int32_t fd2_backend_entry_v1(const fd2_backend** out) {
    static fd2_backend table;
    const fd2_backend* example = NULL;
    (void)entry_of_the_example(&example);
    table = *example;
    table.id = PLUGIN_ID;
    table.init = init_badly;
    table.open = open_badly;
    *out = &table;
    return FD2_OK;
}
