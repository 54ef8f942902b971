// Options: what is published works, everything else is refused by name.
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

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
    INFO("the error's message: " << channel.error().message);
    CHECK_SAYS("the error's message names the option",
               std::strstr(channel.error().message, bad.name) != nullptr);
    CHECK(changed_since(before) == "");
}

const fd2_option_spec* capacity_of(const backend& of) {
    for (std::uint32_t i = 0; i < of.table().option_count; ++i) {
        const auto* spec = &of.table().options[i];
        if (std::strcmp(spec->name, "capacity") == 0 && spec->type == FD2_OPTION_BYTES) return spec;
    }
    return nullptr;
}

}  // namespace

CHECK_CASE(C02, must, "O1 O3",
           "an unknown option, a wrong type and a value out of range are refused by name",
           "gives them for each entry of the table, and looks for the name in the message") {
    const auto& each = tested();
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
            const std::string all = spec.values;
            for (const char* text : {"no-such-word", "", all.c_str()}) {
                word.text = text;
                if (all.find('|') != all.npos || text != all) check_refused(each, word);
            }
            word.text = nullptr;
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

CHECK_CASE(C04, must, "O6 O4", "what open was given may be overwritten once it has returned",
           "overwrites and frees the sink after open") {
    const auto& each = tested();
    recorder into;
    auto sink = std::make_unique<fd2_sink>(into.sink());
    fd2_channel* channel = nullptr;
    REQUIRE(each->table().open(each->instance(), nullptr, sink.get(), &channel, nullptr) == FD2_OK);
    std::memset(static_cast<void*>(sink.get()), 0xee, sizeof(*sink));
    sink.reset();
    fd2_native end = FD2_NATIVE_NONE;
    REQUIRE(each->ops().take_child_end(channel, &end, nullptr) == FD2_OK);
    const fd2::unique_fd writer(static_cast<int>(end));
    CHECK(each->ops().start(channel, nullptr) == FD2_OK);
    REQUIRE(write_all(writer.get(), "x", 1));
    CHECK(into.wait_bytes(1));
    CHECK(each->ops().finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(each->ops().join(channel, hang()) == FD2_OK);
    CHECK(each->ops().close(channel) == FD2_OK);
    CHECK(into.ends() == 1);
}

CHECK_CASE(H14, must, "C4 C3",
           "the capacity that info reports is what a writer finds, within a tenth",
           "fills the object with writes of 64 KiB and of one byte") {
    const auto& each = tested();
    std::uint64_t of_large = 0;
    for (const std::size_t piece : {std::size_t{65536}, std::size_t{1}}) {
        recorder into;
        driver channel({each, way::thread}, into);
        REQUIRE(channel.code() == FD2_OK);
        const auto end = channel.take_child_end();
        const auto info = channel.info();
        const auto claimed = piece == 1 ? info.capacity_small_writes : info.capacity_bytes;
        if (claimed == 0 && each->claims(FD2_CAP_COMPACT)) continue;  // nothing to compare with
        const std::uint64_t held = fill(end.get(), piece);
        if (piece != 1) of_large = held;
        const bool same = held >= of_large - of_large / 10 && held <= of_large + of_large / 10;
        if (piece == 1 && same && !each->claims(FD2_CAP_COMPACT)) note_unclaimed("COMPACT");
        if (claimed == 0) continue;  // unknown
        INFO(each->id() << ", writes of " << piece << ": " << held << " held, " << claimed
                        << " claimed");
        CHECK(held >= claimed - claimed / 10);
        CHECK(held <= claimed + claimed / 10);
        if (each->claims(FD2_CAP_COMPACT)) CHECK(held >= info.capacity_bytes * 9 / 10);
    }
}

CHECK_CASE(C08, must, "C4 O8", "a larger capacity is granted, reported and real",
           "sets the option and fills the object") {
    const auto& each = tested();
    const auto* spec = capacity_of(*each);
    NEEDS(spec != nullptr && each->object() == object_kind::pipe,
          "has no option capacity of a pipe");
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

CHECK_CASE(C01, must, "O4", "no options, an empty table and every default by name are the same",
           "opens a channel each way, and compares what info says") {
    const auto& each = tested();
    std::vector<fd2_option> defaults;
    const auto* at = reinterpret_cast<const char*>(each->table().options);
    for (std::uint32_t i = 0; i < each->table().option_count; ++i) {
        const auto& spec = *reinterpret_cast<const fd2_option_spec*>(at);
        defaults.push_back({sizeof(fd2_option), spec.type, spec.name, spec.default_text,
                            spec.type == FD2_OPTION_ENUM ? 0 : spec.default_number});
        at += each->table().option_stride;
    }
    const fd2_options empty{sizeof(fd2_options), 0, sizeof(fd2_option), 0, nullptr};
    const fd2_options all{sizeof(fd2_options), static_cast<std::uint32_t>(defaults.size()),
                          sizeof(fd2_option), 0, defaults.data()};
    std::vector<std::string> seen;
    for (const fd2_options* given : {static_cast<const fd2_options*>(nullptr), &empty, &all}) {
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        fd2_info info{};
        info.struct_size = sizeof(info);
        REQUIRE(each->table().open(each->instance(), given, &sink, &channel, nullptr) == FD2_OK);
        CHECK(each->ops().info(channel, &info) == FD2_OK);
        CHECK(each->ops().close(channel) == FD2_OK);
        seen.push_back(
            "medium " + std::to_string(info.medium) + ", caps " + std::to_string(info.caps) +
            ", capacity " + std::to_string(info.capacity_bytes) + " and " +
            std::to_string(info.capacity_small_writes) + ", flags " + std::to_string(info.flags));
    }
    CHECK(seen[0] == seen[1]);
    CHECK(seen[0] == seen[2]);
}

CHECK_CASE(C05, must, "O3 S8", "odd options are refused, however long and many they are",
           "gives names that are empty, of 64 KiB and of any bytes, a word of 64 KiB, and ten "
           "thousand items") {
    const auto& each = tested();
    const auto before = descriptors();
    const std::string long_text(65536, 'x');
    std::vector<std::vector<fd2_option>> tables;
    for (const char* name : {"", long_text.c_str(), "\xff\xfe\x01\n", "CAPACITY", "no-such"}) {
        tables.push_back({{sizeof(fd2_option), FD2_OPTION_INT, name, nullptr, 1}});
    }
    tables.push_back(std::vector<fd2_option>(
        10000, {sizeof(fd2_option), FD2_OPTION_INT, "no-such", nullptr, 1}));
    for (std::uint32_t i = 0; i < each->table().option_count; ++i) {
        const auto& spec = each->table().options[i];
        if (spec.type == FD2_OPTION_ENUM) {
            tables.push_back({{sizeof(fd2_option), spec.type, spec.name, long_text.c_str(), 0}});
        }
    }
    for (const auto& items : tables) {
        INFO(items.size() << " options, the first of " << std::strlen(items[0].name) << " bytes");
        const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(items.size()),
                                sizeof(fd2_option), 0, items.data()};
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        fd2_error error = blank_error();
        CHECK(each->table().open(each->instance(), &given, &sink, &channel, &error) ==
              FD2_E_CONFIG);
        CHECK(::strnlen(error.message, sizeof(error.message)) < sizeof(error.message));
        CHECK(std::strchr(error.message, '\n') == nullptr);
        CHECK(channel == nullptr);
    }
    CHECK(changed_since(before) == "");
}

CHECK_CASE(H17, must, "C1 C5 C6", "what info claims of a channel does not change, and it counts up",
           "compares it in each state, from open to join") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto first = channel.info();
    auto last = first;
    const auto look = [&](const char* when) {
        INFO(when);
        const auto info = channel.info();
        CHECK(info.medium == first.medium);
        CHECK(info.caps == first.caps);
        CHECK(info.flags == first.flags);
        CHECK(info.capacity_bytes == first.capacity_bytes);
        CHECK(info.capacity_small_writes == first.capacity_small_writes);
        CHECK(info.reads >= last.reads);
        CHECK(info.wakeups >= last.wakeups);
        CHECK(info.short_reads >= last.short_reads);
        last = info;
    };
    CHECK(first.reads + first.wakeups + first.short_reads == 0);
    REQUIRE(channel.start() == FD2_OK);
    look("after start");
    const auto end = channel.take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    look("after a delivery");
    CHECK(channel.finish(FD2_FINISH_DRAIN) == FD2_OK);
    look("after finish");
    CHECK(channel.join(hang()) == FD2_OK);
    look("after join");
    CHECK(last.reads > 0);
}
