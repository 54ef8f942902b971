// A program that embeds the installed library: which backend carried what.
#include <fd2/fd2.hpp>

#include <cstdio>

int main() {
    const fd2::host host;
    auto command = fd2::ssh_command::from_argv({"sh", "-c", "echo words >&2; cat; exit 3"});
    auto connection = fd2::spawn(host, command);
    connection.in().write("there and back");
    connection.in().close();
    const std::string back = connection.out().read_all();
    const auto [report, last] = connection.wait_with_stderr();
    std::printf("%s: %s; %s; %s by %s", std::string(fd2::version()).c_str(), back.c_str(),
                fd2::text_of(report.status).c_str(), last.backend.c_str(), last.bytes.c_str());
    return 0;
}
