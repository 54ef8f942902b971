// Structs of hosts that are older or newer: what is beyond struct_size is not there.
#include <algorithm>
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/edge.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// A struct and 64 bytes that this version does not know.
template <class Struct>
struct newer {
    Struct known;
    unsigned char unknown[64];

    explicit newer(Struct from) : known(from) {
        known.struct_size = sizeof(*this);
        std::memset(unknown, 0xee, sizeof(unknown));
    }
    bool intact() const {
        return std::all_of(std::begin(unknown), std::end(unknown),
                           [](unsigned char each) { return each == 0xee; });
    }
};

/// A channel that is open delivers what is written, and ends.
void check_works(fd2_channel* channel, recorder& into) {
    const auto& ops = tested()->ops();
    REQUIRE(ops.start(channel, nullptr) == FD2_OK);
    fd2_native end = FD2_NATIVE_NONE;
    REQUIRE(ops.take_child_end(channel, &end, nullptr) == FD2_OK);
    const fd2::unique_fd writer(static_cast<int>(end));
    REQUIRE(write_all(writer.get(), "x", 1));
    CHECK(into.wait_bytes(1));
    CHECK(ops.finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(ops.join(channel, hang()) == FD2_OK);
    CHECK(ops.close(channel) == FD2_OK);
    CHECK(into.bytes() == "x");
    CHECK(into.violations() == "");
}

const fd2_host quiet_host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};

/// Released by a channel that is gone.
fd2_carry carried() {
    static recorder into;
    const auto channel = started({tested(), way::thread}, into);
    fd2_carry carry{};
    REQUIRE(channel->release(carry) == FD2_OK);
    REQUIRE(channel->close() == FD2_OK);
    return carry;
}

}  // namespace

CHECK_CASE(N09, must, "S2 S3 S4", "nothing beyond the struct_size of a struct is touched",
           "gives structs that end where version 1 allows it, each at the end of a page; the next "
           "page is forbidden") {
    const auto& table = tested()->table();
    {
        INFO("fd2_host that ends before log");
        fd2_host host = quiet_host;
        host.struct_size = offsetof(fd2_host, log);
        at_the_edge given(&host, host.struct_size);
        fd2_instance* instance = nullptr;
        REQUIRE(table.init(given.as<fd2_host>(), &instance, nullptr) == FD2_OK);
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        REQUIRE(table.open(instance, nullptr, &sink, &channel, nullptr) == FD2_OK);
        check_works(channel, into);
        CHECK(table.deinit(instance) == FD2_OK);
        CHECK_FALSE(given.touched());
    }
    {
        INFO("fd2_sink that ends before reserve");
        recorder into;
        into.offers = 10;  // must not be asked for
        fd2_sink sink = into.sink();
        sink.struct_size = offsetof(fd2_sink, reserve);
        at_the_edge given(&sink, sink.struct_size);
        fd2_channel* channel = nullptr;
        REQUIRE(table.open(tested()->instance(), nullptr, given.as<fd2_sink>(), &channel,
                           nullptr) == FD2_OK);
        CHECK_FALSE(given.touched());
        into.offers = 0;
        check_works(channel, into);
    }
    recorder into;
    driver channel({tested(), way::thread}, into);
    REQUIRE(channel.code() == FD2_OK);
    const fd2_info whole = channel.info();
    for (std::uint32_t size = 8; size <= sizeof(fd2_info); size += 8) {
        INFO("fd2_info of " << size << " bytes");
        fd2_info blank{};
        blank.struct_size = size;
        at_the_edge given(&blank, size);
        CHECK(tested()->ops().info(channel.raw(), given.as<fd2_info>()) == FD2_OK);
        CHECK_FALSE(given.touched());
        CHECK(given.as<fd2_info>()->struct_size == size);
        fd2_info wanted = whole;
        wanted.struct_size = size;
        CHECK(std::memcmp(given.as<fd2_info>(), &wanted, size) == 0);
    }
    {
        INFO("fd2_options and its items");
        const auto items = tested()->with_configured(
            {{sizeof(fd2_option), FD2_OPTION_INT, "no-such", nullptr, 1}});
        at_the_edge item(items.data(), items.size() * sizeof(fd2_option));
        const fd2_options options{sizeof(fd2_options), static_cast<std::uint32_t>(items.size()),
                                  sizeof(fd2_option), 0, item.as<fd2_option>()};
        fd2_channel* none = nullptr;
        const fd2_sink sink = into.sink();
        CHECK(table.open(tested()->instance(), &options, &sink, &none, nullptr) == FD2_E_CONFIG);
        CHECK_FALSE(item.touched());
    }
}

CHECK_CASE(N06, must, "S2 S4 S5 O5",
           "structs of a newer host are taken: larger, with members that nobody knows yet",
           "gives each with 64 bytes more, and with reserved members that are not 0") {
    const auto& table = tested()->table();
    newer<fd2_host> host(quiet_host);
    host.known.reserved0 = 0xee;
    fd2_instance* instance = nullptr;
    REQUIRE(table.init(&host.known, &instance, nullptr) == FD2_OK);
    recorder into;
    newer<fd2_sink> sink(into.sink());
    sink.known.reserved0 = 0xee;
    std::vector<newer<fd2_option>> items;
    for (const auto& each : tested()->with_configured({})) items.emplace_back(each);
    for (std::uint32_t i = 0; i < table.option_count; ++i) {
        const auto& spec = table.options[i];
        if (std::any_of(items.begin(), items.end(), [&](const newer<fd2_option>& each) {
                return std::strcmp(each.known.name, spec.name) == 0;
            })) {
            continue;
        }
        items.emplace_back(fd2_option{0, spec.type, spec.name, spec.default_text,
                                      spec.type == FD2_OPTION_ENUM ? 0 : spec.default_number});
    }
    newer<fd2_options> options({0, static_cast<std::uint32_t>(items.size()),
                                sizeof(newer<fd2_option>), 0xee,
                                items.empty() ? nullptr : &items.front().known});
    fd2_channel* channel = nullptr;
    newer<fd2_error> error(blank_error());
    const std::int32_t opened =
        table.open(instance, &options.known, &sink.known, &channel, &error.known);
    INFO(error.known.message);
    REQUIRE(opened == FD2_OK);
    newer<fd2_info> info(fd2_info{});
    CHECK(tested()->ops().info(channel, &info.known) == FD2_OK);
    CHECK(info.known.struct_size >= sizeof(fd2_info));
    CHECK(info.known.struct_size <= sizeof(info));
    CHECK((info.known.struct_size > sizeof(fd2_info) || info.intact()));
    check_works(channel, into);
    CHECK(host.intact());
    CHECK(sink.intact());
    CHECK(options.intact());
    if (tested()->handover() != nullptr) {
        recorder heir;
        newer<fd2_carry> carry(carried());
        carry.known.reserved0 = 0xee;
        const fd2_sink plain = heir.sink();
        REQUIRE(tested()->handover()->adopt(instance, nullptr, &carry.known, &plain, &channel,
                                            nullptr) == FD2_OK);
        CHECK(tested()->ops().close(channel) == FD2_OK);
        CHECK(carry.intact());
    }
    CHECK(table.deinit(instance) == FD2_OK);
}

CHECK_CASE(N08, must, "S3 S8", "a struct that is shorter than version 1's is INVALID",
           "gives each one byte too short, and looks that nothing was made") {
    const auto& table = tested()->table();
    fd2_host host = quiet_host;
    host.struct_size = offsetof(fd2_host, log) - 1;
    fd2_instance* instance = nullptr;
    CHECK(table.init(&host, &instance, nullptr) == FD2_E_INVALID);
    CHECK(instance == nullptr);
    const auto before = descriptors();
    recorder into;
    fd2_sink sink = into.sink();
    fd2_channel* channel = nullptr;
    const auto open = [&](const fd2_options* options) {
        return table.open(tested()->instance(), options, &sink, &channel, nullptr);
    };
    sink.struct_size = offsetof(fd2_sink, reserve) - 1;
    CHECK(open(nullptr) == FD2_E_INVALID);
    sink = into.sink();
    fd2_options options{sizeof(fd2_options) - 1, 0, sizeof(fd2_option), 0, nullptr};
    CHECK(open(&options) == FD2_E_INVALID);
    if (table.option_count != 0) {
        const auto& spec = table.options[0];
        fd2_option item{sizeof(fd2_option), spec.type, spec.name, spec.default_text,
                        spec.default_number};
        options = {sizeof(fd2_options), 1, sizeof(fd2_option) - 1, 0, &item};
        CHECK(open(&options) == FD2_E_INVALID);
        item.struct_size = sizeof(fd2_option) - 1;
        options.stride = sizeof(fd2_option);
        CHECK(open(&options) == FD2_E_INVALID);
    }
    CHECK(channel == nullptr);
    if (tested()->handover() != nullptr) {
        recorder unused;
        const auto running = started({tested(), way::thread}, unused);
        fd2_carry carry{};
        carry.struct_size = sizeof(carry) - 1;
        CHECK(tested()->handover()->release(running->raw(), &carry, nullptr) == FD2_E_INVALID);
        running->wind_up(FD2_FINISH_NOW, unused);
        carry = carried();
        carry.struct_size = sizeof(carry) - 1;
        CHECK(tested()->handover()->adopt(tested()->instance(), nullptr, &carry, &sink, &channel,
                                          nullptr) == FD2_E_INVALID);
        CHECK(channel == nullptr);
        CHECK(is_open(static_cast<int>(carry.read)));
        fd2::unique_fd(static_cast<int>(carry.read)).reset();
    }
    CHECK(changed_since(before) == "");
}
