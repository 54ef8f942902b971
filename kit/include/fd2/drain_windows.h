/*
 * fd2/drain_windows.h - what the drain kit asks of Windows; include fd2/drain.h instead
 *
 * A read end is the overlapped end of a named pipe (FD2_MEDIUM_PIPE) or an overlapped socket that
 * does not block (everything else). Its bytes are fetched by reads that find them there, as on
 * other systems, so that no byte is on its way into memory of ours while a channel is paused,
 * stopped or handed over. What waits is a read of no bytes: it completes when there are some, or
 * the last writer has gone, and takes nothing; so it can be cancelled at any time. Its event is
 * what the thread waits for, beside an event of its own, and what a caller's loop watches. Nothing
 * is shut down to wake a reader: that would reach the writers, and does not end a pending read.
 *
 * A handle's value fits into 32 bits, so fd2_native holds it sign-extended, as Windows itself does.
 * The host has called WSAStartup.
 */
#ifndef FD2_DRAIN_WINDOWS_H
#define FD2_DRAIN_WINDOWS_H

#include <process.h>
#include <stdlib.h>
#include <string.h>
/* It brings windows.h, which by itself would bring the older winsock.h. */
#include <winsock2.h>

#define FD2_DRAIN_NO_MEMORY ERROR_NOT_ENOUGH_MEMORY

/* Waits end with the system's timer, 1 to 16 ms: too long for a nap. */
#define FD2_DRAIN_NAPS 0

/* What a channel has of the system's. */
typedef struct fd2_drain_system {
    SRWLOCK lock;
    CONDITION_VARIABLE changed;
    HANDLE thread;
    HANDLE wake;        /* auto-reset event of a thread; otherwise NULL */
    HANDLE ready;       /* manual-reset event of `waiting`, and of reads of a pipe */
    OVERLAPPED waiting; /* the read of no bytes */
    uint8_t armed;      /* `waiting` was issued and not collected yet; [drain] */
} fd2_drain_system;

static HANDLE fd2_drain_handle(fd2_native native) {
    return (HANDLE)(intptr_t)native;
}

static SOCKET fd2_drain_socket(fd2_native native) {
    return (SOCKET)(intptr_t)native;
}

/* The channel that the calling thread is driving at this moment. A slot of the process's: nothing
 * is allocated when a thread first uses it, and the library needs no run-time for it. */
static volatile LONG fd2_drain_slot = (LONG)TLS_OUT_OF_INDEXES;

static int32_t fd2_drain_prepare(void) {
    if (fd2_drain_slot != (LONG)TLS_OUT_OF_INDEXES) return 0;
    const DWORD made = TlsAlloc();
    if (made == TLS_OUT_OF_INDEXES) return (int32_t)GetLastError();
    if (InterlockedCompareExchange(&fd2_drain_slot, (LONG)made, (LONG)TLS_OUT_OF_INDEXES) !=
        (LONG)TLS_OUT_OF_INDEXES) {
        (void)TlsFree(made); /* another thread was first */
    }
    return 0;
}

static const fd2_channel* fd2_drain_get_current(void) {
    const DWORD before = GetLastError(); /* TlsGetValue clears it */
    const fd2_channel* found = (const fd2_channel*)TlsGetValue((DWORD)fd2_drain_slot);
    SetLastError(before);
    return found;
}

static void fd2_drain_set_current(const fd2_channel* c) {
    (void)TlsSetValue((DWORD)fd2_drain_slot, (void*)(uintptr_t)c);
}

static int64_t fd2_drain_clock(void) {
    LARGE_INTEGER count, frequency;
    (void)QueryPerformanceFrequency(&frequency);
    (void)QueryPerformanceCounter(&count);
    const int64_t whole = count.QuadPart / frequency.QuadPart;
    const int64_t part = count.QuadPart % frequency.QuadPart;
    return whole * INT64_C(1000000000) + part * INT64_C(1000000000) / frequency.QuadPart;
}

/* Milliseconds for a wait until `deadline`: never too few, so that a wait does not end before it;
 * a wait for longer than 24 days is repeated. */
static DWORD fd2_drain_milliseconds(int64_t deadline) {
    const int64_t most = INT64_C(0x7ffffffe);
    if (deadline == INT64_MAX) return INFINITE;
    const int64_t present = fd2_drain_clock();
    if (deadline <= present) return 0;
    const int64_t left = (deadline - present - 1) / INT64_C(1000000) + 1;
    return (DWORD)(left < most ? left : most);
}

static int32_t fd2_drain_system_init(fd2_drain_system* system) {
    InitializeSRWLock(&system->lock);
    InitializeConditionVariable(&system->changed);
    return 0;
}

static void fd2_drain_system_destroy(fd2_drain_system* system) {
    if (system->thread) (void)CloseHandle(system->thread);
    if (system->wake) (void)CloseHandle(system->wake);
    if (system->ready) (void)CloseHandle(system->ready);
}

static void fd2_drain_lock(fd2_drain_system* system) {
    AcquireSRWLockExclusive(&system->lock);
}

static void fd2_drain_unlock(fd2_drain_system* system) {
    ReleaseSRWLockExclusive(&system->lock);
}

static void fd2_drain_announce(fd2_drain_system* system) {
    WakeAllConditionVariable(&system->changed);
}

/* Waits for an announcement; false if `deadline` came first. Under the lock. */
static int fd2_drain_await(fd2_drain_system* system, int64_t deadline) {
    const DWORD limit = fd2_drain_milliseconds(deadline);
    if (SleepConditionVariableSRW(&system->changed, &system->lock, limit, 0)) return 1;
    return deadline == INT64_MAX || fd2_drain_clock() < deadline;
}

/* Small: the host's callbacks need little, and thousands of channels may each have one. */
#define FD2_DRAIN_STACK (256u * 1024u)

typedef struct fd2_drain_entry {
    void* (*run)(void*);
    void* argument;
} fd2_drain_entry;

static unsigned __stdcall fd2_drain_enter_thread(void* memory) {
    const fd2_drain_entry entry = *(const fd2_drain_entry*)memory;
    free(memory);
    (void)entry.run(entry.argument);
    return 0;
}

/* Makes the thread and what wakes it. */
static int32_t fd2_drain_make_thread(fd2_drain_system* system, void* (*run)(void*), void* argument,
                                     const char* name, fd2_error* error) {
    fd2_drain_entry* entry = (fd2_drain_entry*)malloc(sizeof(*entry));
    if (!entry) return fd2_fail(error, FD2_E_RESOURCE, FD2_DRAIN_NO_MEMORY, "start", name);
    entry->run = run;
    entry->argument = argument;
    system->wake = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (!system->wake) {
        const int32_t failed = (int32_t)GetLastError();
        free(entry);
        return fd2_fail(error, fd2_code_of_errno(failed), failed, "CreateEvent", name);
    }
    system->thread = (HANDLE)_beginthreadex(NULL, FD2_DRAIN_STACK, fd2_drain_enter_thread, entry,
                                            STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (!system->thread) {
        const int32_t failed = (int32_t)GetLastError();
        free(entry);
        (void)CloseHandle(system->wake);
        system->wake = NULL;
        return fd2_fail(error, FD2_E_RESOURCE, failed, "_beginthreadex", name);
    }
    return FD2_OK;
}

typedef HRESULT(WINAPI* fd2_drain_describe_thread)(HANDLE thread, PCWSTR name);

/* [the thread that was made] Names are as old as Windows 10 1607. */
static void fd2_drain_begin_thread(const char* name) {
    wchar_t wide[16];
    size_t length = 0;
    for (; name && name[length] && length < 15; ++length) wide[length] = (wchar_t)name[length];
    wide[length] = L'\0';
    const HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    const fd2_drain_describe_thread describe =
        kernel ? (fd2_drain_describe_thread)(void (*)(void))GetProcAddress(kernel,
                                                                           "SetThreadDescription")
               : NULL;
    if (describe) (void)describe(GetCurrentThread(), wide);
}

static void fd2_drain_join_thread(fd2_drain_system* system) {
    (void)WaitForSingleObject(system->thread, INFINITE);
    (void)CloseHandle(system->thread);
    system->thread = NULL;
}

static void fd2_drain_wake_thread(const fd2_drain_system* system) {
    if (system->wake) (void)SetEvent(system->wake);
}

/* ---- the read end --------------------------------------------------------------------------- */

static void fd2_drain_close_end(fd2_native end, uint32_t medium) {
    if (end == FD2_NATIVE_NONE) return;
    if (medium == FD2_MEDIUM_PIPE) {
        (void)CloseHandle(fd2_drain_handle(end));
    } else {
        (void)closesocket(fd2_drain_socket(end));
    }
}

static int32_t fd2_drain_open_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)spec;
    system->ready = CreateEventW(NULL, TRUE, FALSE, NULL);
    return system->ready ? 0 : (int32_t)GetLastError();
}

/* Takes back what waits, if anything does. What it has found is still there. */
static void fd2_drain_disarm_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    if (!system->armed) return;
    DWORD ignored = 0;
    const HANDLE end = fd2_drain_handle(spec->read_end);
    (void)CancelIoEx(end, &system->waiting);
    (void)GetOverlappedResult(end, &system->waiting, &ignored, TRUE);
    system->armed = 0;
}

/* An event, for a caller's loop to wait for. */
static fd2_native fd2_drain_watchable(const fd2_drain_system* system, const fd2_drain_spec* spec) {
    (void)spec;
    return (fd2_native)(intptr_t)system->ready;
}

/* The low bit of the event keeps a completion out of a completion port, which would take it for
 * one of its own. */
static void fd2_drain_prepare_overlapped(fd2_drain_system* system) {
    memset(&system->waiting, 0, sizeof(system->waiting));
    system->waiting.hEvent = (HANDLE)((uintptr_t)system->ready | 1u);
}

/* From now on `ready` tells of bytes and of the end. It is set at once where that cannot be waited
 * for: a turn then finds out why. */
static void fd2_drain_arm_end(fd2_drain_system* system, const fd2_drain_spec* spec) {
    static char nothing[1];
    const HANDLE end = fd2_drain_handle(spec->read_end);
    if (system->armed) {
        DWORD ignored = 0;
        if (!GetOverlappedResult(end, &system->waiting, &ignored, FALSE) &&
            GetLastError() == ERROR_IO_INCOMPLETE) {
            return; /* it still waits */
        }
        system->armed = 0;
    }
    fd2_drain_prepare_overlapped(system);
    (void)ResetEvent(system->ready);
    DWORD failed = 0;
    if (spec->medium == FD2_MEDIUM_PIPE) {
        if (!ReadFile(end, nothing, 0, NULL, &system->waiting)) failed = GetLastError();
    } else {
        WSABUF none;
        DWORD flags = 0;
        none.len = 0;
        none.buf = nothing;
        if (WSARecv(fd2_drain_socket(spec->read_end), &none, 1, NULL, &flags, &system->waiting,
                    NULL) != 0) {
            failed = (DWORD)WSAGetLastError();
        }
    }
    if (failed == 0 || failed == ERROR_IO_PENDING) {
        system->armed = 1;
    } else {
        (void)SetEvent(system->ready);
    }
}

/* The peer is gone, whichever way it went. A connection is reset when a process is ended from
 * outside, or ends with the connection open: that is its end of the file. */
static int fd2_drain_is_end(DWORD failed) {
    switch (failed) {
        case ERROR_HANDLE_EOF:
        case ERROR_BROKEN_PIPE:
        case ERROR_NO_DATA:
        case ERROR_PIPE_NOT_CONNECTED:
        case ERROR_NETNAME_DELETED:
        case ERROR_CONNECTION_ABORTED:
        case WSAECONNRESET:
        case WSAECONNABORTED:
        case WSAENOTCONN:
        case WSAEDISCON:
            return 1;
        default:
            return 0;
    }
}

static int64_t fd2_drain_read_pipe(fd2_drain_system* system, HANDLE end, uint8_t* buffer,
                                   uint32_t space, DWORD* failed) {
    DWORD there = 0;
    if (!PeekNamedPipe(end, NULL, 0, NULL, &there, NULL)) {
        *failed = GetLastError();
        return FD2_DRAIN_READ_FAILED;
    }
    if (there == 0) return FD2_DRAIN_READ_EMPTY;
    DWORD got = 0;
    if (system->armed) { /* completed already, or about to */
        (void)CancelIoEx(end, &system->waiting);
        (void)GetOverlappedResult(end, &system->waiting, &got, TRUE);
        system->armed = 0;
    }
    fd2_drain_prepare_overlapped(system);
    (void)ResetEvent(system->ready);
    got = 0;
    if (!ReadFile(end, buffer, there < space ? there : space, NULL, &system->waiting) &&
        GetLastError() != ERROR_IO_PENDING) {
        *failed = GetLastError();
        return FD2_DRAIN_READ_FAILED;
    }
    if (!GetOverlappedResult(end, &system->waiting, &got, TRUE)) {
        *failed = GetLastError();
        return FD2_DRAIN_READ_FAILED;
    }
    return got == 0 ? FD2_DRAIN_READ_EMPTY : (int64_t)got; /* somebody wrote nothing */
}

static int64_t fd2_drain_readable(const fd2_drain_spec* spec);

static int64_t fd2_drain_read_socket(fd2_drain_system* system, const fd2_drain_spec* spec,
                                     uint8_t* buffer, uint32_t space, DWORD* failed) {
    for (;;) {
        const int got = recv(fd2_drain_socket(spec->read_end), (char*)buffer,
                             (int)(space < 0x7fffffffu ? space : 0x7fffffffu), 0);
        if (got >= 0) return got;
        *failed = (DWORD)WSAGetLastError();
        if (*failed != WSAEWOULDBLOCK) return FD2_DRAIN_READ_FAILED;
        /* What waits comes first, and may not have been told of the bytes yet. */
        if (!system->armed || fd2_drain_readable(spec) <= 0) return FD2_DRAIN_READ_EMPTY;
        fd2_drain_disarm_end(system, spec);
    }
}

/* Reads without waiting: how many bytes, 0 at the end of the file, or FD2_DRAIN_READ_*. */
static int64_t fd2_drain_read(fd2_drain_system* system, const fd2_drain_spec* spec, uint8_t* buffer,
                              uint32_t space, int32_t* sys_errno) {
    DWORD failed = 0;
    const int64_t got =
        spec->medium == FD2_MEDIUM_PIPE
            ? fd2_drain_read_pipe(system, fd2_drain_handle(spec->read_end), buffer, space, &failed)
            : fd2_drain_read_socket(system, spec, buffer, space, &failed);
    if (got != FD2_DRAIN_READ_FAILED) return got;
    if (fd2_drain_is_end(failed)) return 0;
    *sys_errno = (int32_t)failed;
    return FD2_DRAIN_READ_FAILED;
}

/* How many bytes a read would find; -1: unknown. */
static int64_t fd2_drain_readable(const fd2_drain_spec* spec) {
    if (spec->medium == FD2_MEDIUM_PIPE) {
        DWORD there = 0;
        return PeekNamedPipe(fd2_drain_handle(spec->read_end), NULL, 0, NULL, &there, NULL)
                   ? (int64_t)there
                   : -1;
    }
    u_long there = 0;
    return ioctlsocket(fd2_drain_socket(spec->read_end), FIONREAD, &there) == 0 ? (int64_t)there
                                                                                : -1;
}

/* Waits until the thread is woken, or there is something to read (if `for_reading`), or `deadline`
 * (-1: none). `failures` counts those of the wait, in a row. */
static void fd2_drain_wait(fd2_drain_system* system, const fd2_drain_spec* spec, int for_reading,
                           int64_t deadline, unsigned* failures) {
    (void)spec;
    const HANDLE waiting[2] = {system->wake, system->ready};
    const DWORD limit = deadline >= 0 ? fd2_drain_milliseconds(deadline) : INFINITE;
    if (WaitForMultipleObjects(for_reading ? 2 : 1, waiting, FALSE, limit) != WAIT_FAILED) {
        *failures = 0;
        return;
    }
    Sleep((DWORD)1 << *failures); /* a turn is allowed at any time: one now and then */
    if (*failures < FD2_DRAIN_TRIES - 1) ++*failures;
}

#endif /* FD2_DRAIN_WINDOWS_H */
