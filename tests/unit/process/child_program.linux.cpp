// A child that does as it is told. Usage: process_child WHAT [ARGUMENT...]; see main.
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <set>
#include <string>

namespace {

volatile sig_atomic_t received = 0;

extern "C" void count(int) {
    received = received + 1;
    if (::write(1, "+", 1) != 1) ::_exit(99);
}

extern "C" void echo(int) {
    if (::write(1, ".", 1) != 1) ::_exit(99);
}

void say(const char* text) {
    if (::write(1, text, std::strlen(text)) < 0) ::_exit(98);
}

int end_by(int signal) {
    ::kill(::getpid(), signal);
    return 97;
}

int print_signals() {
    std::ifstream file("/proc/self/status");
    for (std::string line; std::getline(file, line);) {
        if (line.rfind("SigBlk", 0) == 0 || line.rfind("SigIgn", 0) == 0) std::cout << line << '\n';
    }
    return 0;
}

// One line a descriptor: its number and what it is.
int print_descriptors(const char* file) {
    std::set<int> open;
    DIR* directory = ::opendir("/proc/self/fd");
    if (!directory) return 96;
    while (const dirent* entry = ::readdir(directory)) {
        const int fd = std::atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != ::dirfd(directory)) open.insert(fd);
    }
    ::closedir(directory);
    std::ofstream out(file);
    for (const int fd : open) {
        char target[4096];
        const std::string link = "/proc/self/fd/" + std::to_string(fd);
        const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
        out << fd << ' ' << std::string(target, size > 0 ? static_cast<std::size_t>(size) : 0)
            << '\n';
    }
    return 0;
}

// Counts SIGNAL, a "+" on stdout each, until SIGUSR1 comes; the count is the exit code. Answers
// SIGRTMIN+1 with a ".": whatever was sent through a wrapper before it has come by then, since a
// signalfd gives the lower numbers first. With `to_group` it signals its own process group once a
// byte came on stdin.
int count_until_usr1(int signal, bool to_group) {
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &usr1, nullptr);
    struct sigaction action {};
    action.sa_handler = count;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
    action.sa_handler = echo;
    ::sigaction(SIGRTMIN + 1, &action, nullptr);
    say("ready\n");
    if (char byte; to_group && ::read(0, &byte, 1) == 1) ::kill(0, signal);
    int which = 0;
    ::sigwait(&usr1, &which);
    return received;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    const int number = argc > 2 ? std::atoi(argv[2]) : 0;
    if (what == "exit") return number;
    if (what == "die") return end_by(number);
    if (what == "signals") return print_signals();
    if (what == "descriptors") return print_descriptors(argv[2]);
    if (what == "count") return count_until_usr1(number, false);
    if (what == "group-count") return count_until_usr1(number, true);
    if (what == "own-group-count") {  // as timeout(1) does
        if (::setpgid(0, 0) != 0) return 91;
        return count_until_usr1(number, false);
    }
    if (what == "pause") {
        say("ready\n");
        for (;;) ::pause();
    }
    if (what == "stop") {  // stop by a signal, then exit 7
        ::kill(::getpid(), number);
        return 7;
    }
    if (what == "stop-default") {  // the same, having undone an ignored disposition
        ::signal(number, SIG_DFL);
        ::kill(::getpid(), number);
        return 7;
    }
    if (what == "group-stop") {  // as full-screen programs do
        ::kill(0, number);
        return 7;
    }
    if (what == "arguments") {  // the directory, then one argument a line
        char directory[4096];
        if (!::getcwd(directory, sizeof directory)) return 95;
        std::cout << directory << '\n';
        for (int i = 0; i < argc; ++i) std::cout << argv[i] << '\n';
        return 0;
    }
    if (what == "environment") {
        for (char** entry = environ; *entry; ++entry) std::cout << *entry << '\n';
        return 0;
    }
    if (what == "copy") {  // stdin to stdout
        char buffer[4096];
        for (;;) {
            const ssize_t size = ::read(0, buffer, sizeof buffer);
            if (size <= 0) return size == 0 ? 0 : 94;
            if (::write(1, buffer, static_cast<std::size_t>(size)) != size) return 93;
        }
    }
    return 92;
}
