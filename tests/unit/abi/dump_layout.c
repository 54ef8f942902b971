/*
 * Prints the contract as this compiler sees it: offsets and sizes of every member, values of every
 * constant. The golden file beside it says what it must be.
 */
#include <inttypes.h>
#include <stdio.h>

#include "fd2/abi.h"
#include "fd2/ext/handover.h"
#include "fd2/ext/pollable.h"
#include "fd2/ext/terminal.h"

#define FD2_BEGIN(type) printf("struct %s %zu\n", #type, sizeof(type));
#define FD2_MEMBER(type, member, lp64, ilp32) \
    printf("    %3zu %3zu %s\n", offsetof(type, member), sizeof(((type*)0)->member), #member);
#define FD2_END(type, lp64, ilp32)

#define NUMBER(name) printf("%s %" PRIu64 "\n", #name, (uint64_t)(name))
#define TEXT(name) printf("%s \"%s\"\n", #name, name)

int main(void) {
#include "layout.def"
    NUMBER(FD2_ABI_MAJOR);
    TEXT(FD2_BACKEND_ENTRY);
    TEXT(FD2_EXT_POLLABLE);
    TEXT(FD2_EXT_HANDOVER);
    TEXT(FD2_EXT_TERMINAL);
    NUMBER(FD2_NATIVE_NONE);
    NUMBER(FD2_OK);
    NUMBER(FD2_E_UNSUPPORTED);
    NUMBER(FD2_E_RESOURCE);
    NUMBER(FD2_E_DENIED);
    NUMBER(FD2_E_TIMEDOUT);
    NUMBER(FD2_E_CONFIG);
    NUMBER(FD2_E_INVALID);
    NUMBER(FD2_E_STATE);
    NUMBER(FD2_E_WOULD_DEADLOCK);
    NUMBER(FD2_E_INTERNAL);
    NUMBER(FD2_ERROR_TRANSIENT);
    NUMBER(FD2_CAP_EVENT_LOOP);
    NUMBER(FD2_CAP_POLLABLE);
    NUMBER(FD2_CAP_WAKE);
    NUMBER(FD2_CAP_KEEPS_WRITERS);
    NUMBER(FD2_CAP_REOPENABLE);
    NUMBER(FD2_CAP_COMPACT);
    NUMBER(FD2_CAP_ATOMIC);
    NUMBER(FD2_CAP_TTY);
    NUMBER(FD2_CAP_HANDOVER);
    NUMBER(FD2_MEDIUM_UNKNOWN);
    NUMBER(FD2_MEDIUM_PIPE);
    NUMBER(FD2_MEDIUM_SOCKETPAIR);
    NUMBER(FD2_MEDIUM_TCP);
    NUMBER(FD2_MEDIUM_PTY);
    NUMBER(FD2_LOG_DEBUG);
    NUMBER(FD2_LOG_INFO);
    NUMBER(FD2_LOG_WARNING);
    NUMBER(FD2_LOG_ERROR);
    NUMBER(FD2_LOG_BACKEND_MISBEHAVES);
    NUMBER(FD2_LOG_HOST_MISBEHAVES);
    NUMBER(FD2_CONTINUE);
    NUMBER(FD2_PAUSE);
    NUMBER(FD2_STOP);
    NUMBER(FD2_END_EOF);
    NUMBER(FD2_END_DRAINED);
    NUMBER(FD2_END_STOPPED);
    NUMBER(FD2_END_ERROR);
    NUMBER(FD2_INFO_SETTLES);
    NUMBER(FD2_OPTION_BOOL);
    NUMBER(FD2_OPTION_INT);
    NUMBER(FD2_OPTION_BYTES);
    NUMBER(FD2_OPTION_DURATION);
    NUMBER(FD2_OPTION_ENUM);
    NUMBER(FD2_FINISH_DRAIN);
    NUMBER(FD2_FINISH_NOW);
    NUMBER(FD2_READY_AGAIN);
    NUMBER(FD2_READY_WAIT);
    NUMBER(FD2_READY_LATER);
    NUMBER(FD2_READY_PAUSED);
    NUMBER(FD2_READY_ENDED);
    NUMBER(FD2_CARRY_PAUSED);
    return 0;
}
