// What the child writes is what the host gets: every byte, once, in order.
#include <algorithm>
#include <cstring>
#include <random>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// Sends `content` in pieces of at most `piece` bytes, up to EOF; what arrived.
void check_carried(const variant& v, const std::string& content, std::size_t piece,
                   std::uint32_t offers) {
    INFO(v << ", " << content.size() << " bytes in pieces of " << piece << ", reserving "
           << offers);
    recorder into;
    into.offers = offers;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::thread writer([&] {
        write_all(end.get(), content.data(), content.size(), piece);
        end.reset();
    });
    CHECK(channel->join(hang()) == FD2_OK);
    writer.join();
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.ends() == 1);
    CHECK(into.violations() == "");
    const bool same = into.bytes() == content;  // not expanded: it would be printed
    CHECK(same);
    const auto info = channel->info();
    CHECK(info.reads >= into.calls());
    CHECK(info.short_reads <= info.reads);
    CHECK(channel->close() == FD2_OK);
}

const deed writes_pattern("writes the pattern", [](std::uint64_t size, std::uint64_t piece) {
    return write_pattern(child_stderr(), 0, size, static_cast<std::size_t>(piece)) ? 0 : 1;
});

std::string noise(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

}  // namespace

CHECK_CASE(B01, must, "B1 B7", "bytes of every kind arrive as they were written",
           "writes known contents (nothing, every byte value, NULs, invalid UTF-8, control "
           "characters) and compares what on_bytes was given") {
    const auto v = each_variant();
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    const std::string contents[] = {
        "",
        "x",
        "\n",
        all,
        std::string(1 << 20, '\0'),
        "no newline at the end",
        "\n\n\r\n\r\f\x1b[1mbold\x1b[0m\ttab\b\a\n",
        "\x80 \xc0\xaf \xed\xa0\x80 \xff\xfe \xe2\x82",  // invalid UTF-8, and a character cut off
        std::string("before\0after\n", 13),
    };
    for (const auto& content : contents) {
        for (const std::uint32_t offers : {0u, 7u, 65536u}) {
            if (offers == 7 && content.size() > 100000) continue;  // nothing but slow
            check_carried(v, content, SIZE_MAX, offers);
        }
        if (content.size() < 1000) check_carried(v, content, 1, 0);
    }
}

CHECK_CASE(B06, must, "B1 B6", "writes and buffers around every size that matters arrive whole",
           "sizes one below, at and one above 512, 4096, 16384, 65536 and 262144, into memory of "
           "the backend's and of the host's") {
    const auto v = each_variant();
    for (const std::size_t around : {std::size_t{512}, std::size_t{4096}, std::size_t{16384},
                                     std::size_t{65536}, std::size_t{262144}}) {
        for (const std::size_t size : {around - 1, around, around + 1}) {
            check_carried(v, noise(size, size), SIZE_MAX, 0);
            check_carried(v, noise(size, size), SIZE_MAX, static_cast<std::uint32_t>(around));
        }
        check_carried(v, noise(3 * around, around), around - 1, 16384);
    }
}

CHECK_CASE(B20, must, "B1", "a hundred thousand writes of one byte arrive in order",
           "compares the stream") {
    const auto v = each_variant();
    check_carried(v, noise(100000, 9), 1, 0);
}

CHECK_CASE(B07, must, "B1 B6", "random writes into random buffers arrive in order",
           "holds 8 MiB in seeded sizes against a stream that is known at every position") {
    const auto v = each_variant();
    const auto seed = GENERATE(range(1, 4));
    INFO(v << ", seed " << seed);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    recorder into;
    into.offers = static_cast<std::uint32_t>(1 + random() % 100000);
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::uint64_t written = 0;
    while (written < 8 * 1024 * 1024) {
        const std::size_t size = 1 + random() % (random() % 3 == 0 ? 200000 : 300);
        REQUIRE(write_pattern(end.get(), written, size, 1 + random() % 70000));
        written += size;
    }
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.total() == written);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B05, must, "B1 B7", "a line of 64 MiB from a real child arrives whole",
           "holds each piece against a stream that is known at every position") {
    const auto v = each_variant();
    INFO(v);
    const std::uint64_t size = scaled(64 << 20);
    recorder into;
    into.keeps = false;
    into.offers = 65536;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), writes_pattern, size, 65536);
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == size);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B08, must, "F1 F2", "a child that fills the object and exits at once loses nothing",
           "reaps the child first, then calls finish(drain) and counts") {
    const auto v = each_variant();
    for (int round = 0; round < 20; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        const auto size = static_cast<std::uint64_t>(1 + round * 7919 % 60000);
        fd2::unique_fd end = channel->take_child_end();
        child writer(end.get(), writes_pattern, size, 1 + size / 3);
        CHECK(writer.wait() == 0);
        // The host still holds its copy: nobody can have seen EOF, and everything lies there.
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.total() == size);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.violations() == "");
    }
}

namespace {
const deed writes_records("writes records of one letter", [](std::uint64_t w, std::uint64_t count) {
    static char record[4096];
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto size = static_cast<std::size_t>(2 + (w * 911 + i * 7919) % (sizeof(record) - 1));
        for (auto& c : record) c = static_cast<char>('a' + w);
        record[size - 1] = '\n';
        if (!write_all(child_stderr(), record, size)) return 1;
    }
    return 0;
});
}  // namespace

CHECK_CASE(H07, must, "C3",
           "records of up to PIPE_BUF bytes from many writers are not torn where that is claimed",
           "six children write records of one letter each; a record with two letters is torn") {
    const auto v = each_variant();
    if (!v.tested->claims(FD2_CAP_ATOMIC)) {
        // No number of whole records shows that none can be torn; of a pipe POSIX says it.
        if (v.tested->object() == object_kind::pipe) note_unclaimed("ATOMIC");
        SKIP_CHECK("does not claim ATOMIC");
    }
    INFO(v);
    constexpr std::size_t writers = 6;
    constexpr std::size_t records = 300;
    recorder into;
    into.offers = 5000;  // reads end in the middle of records
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    {
        std::vector<std::unique_ptr<child>> children;
        for (std::size_t w = 0; w < writers; ++w) {
            children.push_back(std::make_unique<child>(end.get(), writes_records, w, records));
        }
        end.reset();
        for (auto& each : children) CHECK(each->wait() == 0);
    }
    CHECK(channel->join(hang()) == FD2_OK);
    std::size_t torn = 0;
    std::size_t seen = 0;
    const std::string got = into.bytes();
    for (std::size_t at = 0; at < got.size(); ++seen) {
        const std::size_t newline = got.find('\n', at);
        const std::string record = got.substr(at, newline - at);
        torn += record.empty() || record.find_first_not_of(record[0]) != record.npos;
        at = newline == got.npos ? got.size() : newline + 1;
    }
    CHECK(torn == 0);
    CHECK(seen == writers * records);
}

namespace {
const deed writes_status("writes its status in words", [](std::uint64_t status, std::uint64_t) {
    const std::string_view word = status == 0 ? "zero" : "seven";
    return write_all(child_stderr(), word.data(), word.size()) ? static_cast<int>(status) : 9;
});
}  // namespace

CHECK_CASE(G03, must, "B1 B7", "however a child ends, what it wrote arrives, and then EOF",
           "real children exit with 0 and 7, and one is killed in the middle of a flood: what came "
           "of that is the beginning of what it would have written") {
    const auto v = each_variant();
    for (const int status : {0, 7}) {
        INFO(v << ", exit status " << status);
        recorder into;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        child writer(end.get(), writes_status, static_cast<std::uint64_t>(status));
        end.reset();
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(writer.wait() == status);
        CHECK(into.bytes() == (status == 0 ? "zero" : "seven"));
        CHECK(into.reason() == FD2_END_EOF);
    }
    INFO(v << ", killed");
    recorder into;
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), writes_pattern, UINT64_MAX, 3000);
    end.reset();
    REQUIRE(into.wait_bytes(200000));
    REQUIRE(writer.kill());
    CHECK(writer.wait() == killed);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

namespace {
const deed writes_numbers("writes bytes that name it", [](std::uint64_t w, std::uint64_t count) {
    char bytes[5];
    for (std::uint64_t at = 0; at < count;) {
        const std::uint64_t size = std::min(1 + (w + at) % 5, count - at);
        for (std::uint64_t i = 0; i < size; ++i) {
            bytes[i] = static_cast<char>((w + 1) << 4U | ((at + i) & 15U));
        }
        if (!write_all(child_stderr(), bytes, static_cast<std::size_t>(size))) return 1;
        at += size;
    }
    return 0;
});
}  // namespace

CHECK_CASE(B11, must, "B1", "of eight writers each one's bytes arrive, all of them, in its order",
           "each byte names its writer and counts; written one to five at a time") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::size_t writers = 8;
    constexpr std::size_t each_writes = 20000;
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::vector<std::unique_ptr<child>> children;
    for (std::size_t w = 0; w < writers; ++w) {
        children.push_back(std::make_unique<child>(end.get(), writes_numbers, w, each_writes));
    }
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    for (auto& one : children) CHECK(one->wait() == 0);
    std::size_t seen[writers + 1] = {};
    std::size_t wrong = 0;
    for (const char byte : into.bytes()) {
        const auto value = static_cast<unsigned char>(byte);
        const std::size_t w = value >> 4U;
        if (w < 1 || w > writers || (value & 15U) != (seen[w] & 15U)) {
            ++wrong;
        } else {
            ++seen[w];
        }
    }
    CHECK(wrong == 0);
    CHECK(into.total() == writers * each_writes);
    CHECK(into.reason() == FD2_END_EOF);
}

CHECK_CASE(B26, must, "L1", "no byte flows before start, and none that was written then is lost",
           "writes first, looks at the sink and the counters, and starts") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto end = channel.take_child_end();
    REQUIRE(write_all(end.get(), "early", 5));
    wait_for_quiet();
    CHECK(into.calls() == 0);
    CHECK(channel.info().reads == 0);
    REQUIRE(channel.start() == FD2_OK);
    CHECK(into.wait_bytes(5));
    channel.wind_up(FD2_FINISH_DRAIN, into);
    CHECK(into.bytes() == "early");
}
