// What the child writes is what the host gets: every byte, once, in order.
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <random>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

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

std::string noise(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

}  // namespace

TEST_CASE("bytes of every kind arrive as they were written") {
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

TEST_CASE("writes and buffers around every size that matters arrive whole") {
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

TEST_CASE("a hundred thousand writes of one byte arrive in order") {
    const auto v = each_variant();
    check_carried(v, noise(100000, 9), 1, 0);
}

TEST_CASE("random writes into random buffers arrive in order") {
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

TEST_CASE("a line of 64 MiB from a real child arrives whole") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::uint64_t size = 64 << 20;
    recorder into;
    into.keeps = false;
    into.offers = 65536;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] { return write_pattern(2, 0, size, 65536) ? 0 : 1; });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == size);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

TEST_CASE("a child that fills the object and exits at once loses nothing") {
    const auto v = each_variant();
    for (int round = 0; round < 20; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        const auto size = static_cast<std::uint64_t>(1 + round * 7919 % 60000);
        fd2::unique_fd end = channel->take_child_end();
        child writer(end.get(), [size] { return write_pattern(2, 0, size, 1 + size / 3) ? 0 : 1; });
        CHECK(writer.wait() == 0);
        // The host still holds its copy: nobody can have seen EOF, and everything lies there.
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.total() == size);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.violations() == "");
    }
}

TEST_CASE("a child may write as it likes: vectors, a non-blocking fd 2, a duplicate on fd 1") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        char one[] = "one ";
        char two[] = "two ";
        iovec parts[] = {{one, 4}, {two, 4}};
        if (::writev(2, parts, 2) != 8) return 1;
        if (::fcntl(2, F_SETFL, ::fcntl(2, F_GETFL) | O_NONBLOCK) != 0) return 2;
        for (int i = 0; i < 50000; ++i) {
            if (!write_all(2, "x", 1)) return 3;
        }
        if (::dup2(2, 1) != 1 || ::close(2) != 0) return 4;
        return write_all(1, " three", 6) ? 0 : 5;
    });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    const bool same = into.bytes() == "one two " + std::string(50000, 'x') + " three";
    CHECK(same);
    CHECK(into.reason() == FD2_END_EOF);
}

TEST_CASE("records of up to PIPE_BUF bytes from many writers are not torn where that is claimed") {
    const auto v = each_variant();
    if (!v.of->claims(FD2_CAP_ATOMIC)) return;
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
            children.push_back(std::make_unique<child>(end.get(), [w] {
                static char record[4096];
                for (std::size_t i = 0; i < records; ++i) {
                    const std::size_t size = 2 + (w * 911 + i * 7919) % (sizeof(record) - 1);
                    for (auto& c : record) c = static_cast<char>('a' + w);
                    record[size - 1] = '\n';
                    if (::write(2, record, size) != static_cast<ssize_t>(size)) return 1;
                }
                return 0;
            }));
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

TEST_CASE("a child's fd 2 is a terminal where that is claimed, and nowhere else") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] { return ::isatty(2); });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == (v.of->claims(FD2_CAP_TTY) ? 1 : 0));
}

TEST_CASE("a child can open /dev/stderr where that is claimed") {
    const auto v = each_variant();
    if (!v.of->claims(FD2_CAP_REOPENABLE)) return;
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        const int again = ::open("/dev/stderr", O_WRONLY);
        return again >= 0 && write_all(again, "here", 4) ? 0 : 1;
    });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.bytes() == "here");
}
