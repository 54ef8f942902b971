// A size that Linux does not grant.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

const fd2_option_spec* capacity_option(const backend& of) {
    for (std::uint32_t i = 0; i < of.table().option_count; ++i) {
        const auto* spec = &of.table().options[i];
        if (std::strcmp(spec->name, "capacity") == 0 && spec->type == FD2_OPTION_BYTES) return spec;
    }
    return nullptr;
}

}  // namespace

CHECK_CASE(C09, must, "O7",
           "a capacity that the kernel refuses is reported, and the channel works with less",
           "asks for more than the limit in a thread without capabilities") {
    std::int64_t limit = 0;
    std::ifstream("/proc/sys/fs/pipe-max-size") >> limit;
    REQUIRE(limit > 0);
    const auto& each = tested();
    const auto* spec = capacity_option(*each);
    NEEDS(spec != nullptr && each->object() == object_kind::pipe,
          "has no option capacity of a pipe");
    recorder probe;
    const driver kind({each, way::thread}, probe);
    (void)each->said();
    std::uint64_t usual = kind.info().capacity_bytes;
    std::uint64_t got = 0;
    std::uint64_t held = 0;
    std::int32_t code = -1;
    // Root may exceed the limit; a thread without that capability may not, and only it is
    // without.
    std::thread([&] {
        __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
        __user_cap_data_struct none[2] = {};
        (void)::syscall(SYS_capset, &header, none);
        recorder into;
        driver channel({each, way::thread}, into,
                       {{sizeof(fd2_option), spec->type, spec->name, nullptr, 2 * limit}});
        code = channel.code();
        if (code != FD2_OK) return;
        got = channel.info().capacity_bytes;
        held = fill(channel.take_child_end().get(), 4096);
    }).join();
    CHECK(code == FD2_OK);
    // Less than usual where the user has many pipes (pipe-user-pages-soft); never what was refused.
    CHECK(got <= usual);
    CHECK(held >= got - got / 10);
    CHECK(held <= got);
    const std::string said = each->said();
    CHECK(said.find("capacity") != said.npos);
}
