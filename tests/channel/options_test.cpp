// Options: what is published works, everything else is refused by name.
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

namespace {

fd2_option option(const fd2_option_spec& spec, std::int64_t number) {
    return {sizeof(fd2_option), spec.type, spec.name, nullptr, number};
}

void check_refused(const std::shared_ptr<backend>& by, const fd2_option& bad) {
    INFO(by->id() << ": " << bad.name << ", type " << bad.type << ", " << bad.number);
    const auto before = descriptors();
    recorder into;
    const driver channel({by, way::thread}, into, {bad});
    CHECK(channel.code() == FD2_E_CONFIG);
    CHECK(channel.error().code == FD2_E_CONFIG);
    CHECK(channel.error().flags == 0);
    CHECK(std::strstr(channel.error().message, bad.name) != nullptr);
    CHECK(descriptors() == before);
}

const fd2_option_spec* capacity_of(const backend& of) {
    for (std::uint32_t i = 0; i < of.table().option_count; ++i) {
        const auto* spec = &of.table().options[i];
        if (std::strcmp(spec->name, "capacity") == 0 && spec->type == FD2_OPTION_BYTES) return spec;
    }
    return nullptr;
}

}  // namespace

TEST_CASE("an unknown option, a wrong type and a value out of range are refused by name") {
    for (const auto& each : backends()) {
        check_refused(each, {sizeof(fd2_option), FD2_OPTION_INT, "no-such-option", nullptr, 1});
        for (std::uint32_t i = 0; i < each->table().option_count; ++i) {
            const auto& spec = each->table().options[i];
            CHECK(std::strlen(spec.help) > 0);
            CHECK(std::strchr(spec.help, '\n') == nullptr);
            fd2_option wrong = option(spec, spec.default_number);
            wrong.type = spec.type == FD2_OPTION_BOOL ? FD2_OPTION_INT : FD2_OPTION_BOOL;
            check_refused(each, wrong);
            if (spec.type == FD2_OPTION_ENUM) {
                REQUIRE(spec.values != nullptr);
                fd2_option word = option(spec, 0);
                word.text = "no-such-word";
                check_refused(each, word);
                continue;
            }
            CHECK(spec.default_number >= spec.minimum);
            CHECK(spec.default_number <= spec.maximum);
            check_refused(each, option(spec, spec.maximum + 1));
            check_refused(each, option(spec, spec.minimum - 1));
            check_refused(each, option(spec, INT64_MAX));
            check_refused(each, option(spec, INT64_MIN));
            recorder into;
            const driver good({each, way::thread}, into, {option(spec, spec.default_number)});
            CHECK(good.code() == FD2_OK);
        }
    }
}

TEST_CASE("what open was given may be overwritten once it has returned") {
    for (const auto& each : backends()) {
        recorder into;
        auto sink = std::make_unique<fd2_sink>(into.sink());
        fd2_channel* channel = nullptr;
        REQUIRE(each->table().open(each->instance(), nullptr, sink.get(), &channel, nullptr) ==
                FD2_OK);
        std::memset(static_cast<void*>(sink.get()), 0xee, sizeof(*sink));
        sink.reset();
        CHECK(each->ops().start(channel, nullptr) == FD2_OK);
        CHECK(each->ops().finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(each->ops().join(channel, hang()) == FD2_OK);
        CHECK(each->ops().close(channel) == FD2_OK);
        CHECK(into.ends() == 1);
    }
}

TEST_CASE("the capacity that info reports is what a writer finds, within a tenth") {
    for (const auto& each : backends()) {
        for (const std::size_t piece : {std::size_t{65536}, std::size_t{1}}) {
            recorder into;
            driver channel({each, way::thread}, into);
            REQUIRE(channel.code() == FD2_OK);
            const auto end = channel.take_child_end();
            const auto info = channel.info();
            const auto claimed = piece == 1 ? info.capacity_small_writes : info.capacity_bytes;
            const std::uint64_t held = fill(end.get(), piece);
            INFO(each->id() << ", writes of " << piece << ": " << held << " held, " << claimed
                            << " claimed");
            CHECK(held >= claimed - claimed / 10);
            CHECK(held <= claimed + claimed / 10);
            if (each->claims(FD2_CAP_COMPACT)) CHECK(held >= info.capacity_bytes * 9 / 10);
        }
    }
}

TEST_CASE("a larger capacity is granted, reported and real") {
    for (const auto& each : backends()) {
        const auto* spec = capacity_of(*each);
        if (spec == nullptr || each->medium() != FD2_MEDIUM_PIPE) continue;
        for (const std::int64_t wanted : {4096, 200000, 1048576}) {
            recorder into;
            driver channel({each, way::thread}, into, {option(*spec, wanted)});
            REQUIRE(channel.code() == FD2_OK);
            const auto claimed = channel.info().capacity_bytes;
            const auto end = channel.take_child_end();
            const std::uint64_t held = fill(end.get(), 4096);
            INFO(each->id() << ": " << wanted << " wanted, " << claimed << " claimed, " << held
                            << " held");
            CHECK(claimed >= static_cast<std::uint64_t>(wanted));
            CHECK(claimed <= 2 * static_cast<std::uint64_t>(wanted));
            CHECK(held >= claimed - claimed / 10);
            CHECK(held <= claimed);
        }
    }
}

TEST_CASE("a capacity that the kernel refuses is said, and the channel works with less") {
    std::int64_t limit = 0;
    std::ifstream("/proc/sys/fs/pipe-max-size") >> limit;
    REQUIRE(limit > 0);
    for (const auto& each : backends()) {
        const auto* spec = capacity_of(*each);
        if (spec == nullptr || each->medium() != FD2_MEDIUM_PIPE) continue;
        recorder probe;
        const driver kind({each, way::thread}, probe);
        INFO(each->id());
        (void)each->said();
        std::uint64_t usual = kind.info().capacity_bytes;
        std::uint64_t got = 0;
        std::int32_t code = -1;
        // Root may exceed the limit; a thread without that capability may not, and only it is
        // without.
        std::thread([&] {
            __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
            __user_cap_data_struct none[2] = {};
            (void)::syscall(SYS_capset, &header, none);
            recorder into;
            driver channel({each, way::thread}, into, {option(*spec, 2 * limit)});
            code = channel.code();
            if (code == FD2_OK) got = channel.info().capacity_bytes;
        }).join();
        CHECK(code == FD2_OK);
        CHECK(got == usual);
        const std::string said = each->said();
        CHECK(said.find("capacity") != said.npos);
    }
}
