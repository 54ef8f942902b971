#include <csignal>

#include "base/signal_set.hpp"

namespace fd2 {

// Those of the C library. A console's Ctrl-C and Ctrl-Break go by these names too.
std::string signal_name(int signal) {
    switch (signal) {
        case SIGINT:
            return "SIGINT";
        case SIGILL:
            return "SIGILL";
        case SIGFPE:
            return "SIGFPE";
        case SIGSEGV:
            return "SIGSEGV";
        case SIGTERM:
            return "SIGTERM";
        case SIGBREAK:
            return "SIGBREAK";
        case SIGABRT:
            return "SIGABRT";
        default:
            return std::to_string(signal);
    }
}

bool ends_by_default(int signal) noexcept {
    return signal >= 1 && signal <= last_signal;
}

}  // namespace fd2
