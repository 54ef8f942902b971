// A program built with ThreadSanitizer that uses the library as it is released, without. The
// sanitizer's run-time stands between the two of them and the C library.
#include <fd2/fd2.hpp>

#include <cstdio>
#include <cstdlib>
#include <thread>

int main() {
    fd2::host_options options;
    options.plugin_path = {FD2_TEST_BACKENDS};
    const fd2::host host(options);
    const auto run = [&host] {
        for (int i = 0; i < 3; ++i) {
            auto command =
                fd2::ssh_command::from_argv({"/bin/sh", "-c", "cat; echo said >&2; exit 9"});
            auto child = fd2::spawn(host, command);
            const auto [report, last] = child.wait_with_stderr();
            if (report.status.code() != 9 || last.bytes != "said\n") {
                std::printf("run %d: %s\n", i, fd2::text_of(report.status).c_str());
                std::exit(1);
            }
        }
    };
    std::thread other(run);
    run();
    other.join();
    std::puts("done");
    return 0;
}
