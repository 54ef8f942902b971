// What is not checked on Windows, and why.
#include <windows.h>

#include "conformance/catalogue.hpp"

using namespace fd2::conformance;

namespace {

bool is_wine() {
    return GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr;
}

const absent all[] = {
    {"S01 S02 S03 S04 S05 S06 S07 S08 S10 S14 S15", "reads ELF files; a DLL is none"},
    {"E03 E04 F07 F08 T11", "no call or allocation of a plugin can be made to fail from outside"},
    {"T04 T05 T14 T16 T17 F09 F15 G30 K12 K23", "a plugin's system calls cannot be watched here"},
    {"K09", "there are no signals"},
    {"T06", "Windows does not stop processes"},
    {"B12 B13 B17", "what a POSIX program does with its descriptor 2"},
    {"B14", "descriptors cannot be sent to another process"},
    {"B25", "a Windows program does not read its stderr"},
    {"H05", "there is no /dev/stderr"},
    {"H10 H19", "no backend for Windows offers a terminal"},
    {"F03", "a child gets the handles that a list names; F01 looks at the others"},
    {"F06", "the numbers of handles mean nothing to Windows' select"},
    {"F10 K22", "Windows does not tell what is under way in a connection"},
    {"G29", "memory that is allocated is not counted"},
    {"K24", "the context switches of a thread are not told"},
    {"P09 P10", "the drain kit takes no naps: timers are too coarse for them"},
    {"C09", "Windows grants a pipe every size"},
    {"X01 X02 X05 X07 X09 X14 X15 X16 X17 X18", "no backend for Windows offers hand-over"},
    {"Z01", "RapidCheck is not built for Windows"},
};

// What Wine 8 does not do; on Windows these are checked.
const absent on_wine[] = {
    {"B05 B07 B11 G03 K04 P07", "Wine: a write to a socket that has to wait spins for ever", "tcp",
     is_wine()},
    {"K13 K20", "Wine: takes minutes, as each read and write asks its server", "", is_wine()},
    {"H14", "Wine: a pipe takes longer for each write that is in it", "pipe", is_wine()},
};

}  // namespace
