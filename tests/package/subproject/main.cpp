#ifdef WITH_ASIO
#include <fd2/async.hpp>
#else
#include <fd2/fd2.hpp>
#endif

#include <cstdio>

int main() {
    const fd2::host host;
    auto command = fd2::ssh_command::from_argv({"sh", "-c", "echo words >&2; exit 3"});
    const auto [report, last] = fd2::spawn(host, command).wait_with_stderr();
    std::printf("%s over %s: %s", fd2::text_of(report.status).c_str(), last.backend.c_str(),
                last.bytes.c_str());
}
