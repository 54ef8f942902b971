// What the words of an ssh command mean to us, held against what they mean to the ssh that is
// installed (ssh -G).
#include "cli/ssh_words.hpp"

#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <vector>

#include "support/catch.hpp"

using fd2::cli::goes_to_background;
using fd2::cli::is_ssh;
using fd2::cli::remote_host;

namespace {

using words = std::vector<std::string>;

std::string quoted(const std::string& word) {
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

/// What the real one makes of them: the value of a setting, or "" where it refuses them or is not
/// there.
std::string asked(const words& command, std::string_view key = "forkafterauthentication ") {
    std::string line = "exec ssh -G -F none";
    for (std::size_t i = 1; i < command.size(); ++i) line += " " + quoted(command[i]);
    FILE* const out = ::popen((line + " 2>/dev/null").c_str(), "r");
    REQUIRE(out);
    std::string said;
    char text[512];
    while (std::fgets(text, sizeof text, out)) {
        const std::string_view each = text;
        if (each.starts_with(key)) said = each.substr(key.size(), each.size() - key.size() - 1);
    }
    return ::pclose(out) == 0 ? said : "";
}

}  // namespace

TEST_CASE("a command is a remote shell by its last part") {
    CHECK(is_ssh(words{"ssh", "host"}));
    CHECK(is_ssh(words{"/usr/bin/ssh"}));
    CHECK(is_ssh(words{"./ssh"}));
    for (const auto& other : {words{}, words{""}, words{"ssh2"}, words{"sshd"}, words{"sh", "ssh"},
                              words{"/usr/bin/ssh/x"}, words{"autossh", "-f", "host"}}) {
        CHECK_FALSE(is_ssh(other));
        CHECK_FALSE(goes_to_background(other));
    }
}

TEST_CASE("an ssh that goes to the background is told by its words, as ssh reads them") {
    struct expectation {
        words command;
        bool expected;
    };
    const auto [command, expected] = GENERATE(values<expectation>({
        {{"ssh", "host", "cmd"}, false},
        {{"ssh", "-f", "host", "cmd"}, true},
        {{"/usr/bin/ssh", "-fN", "host"}, true},
        {{"ssh", "-Nf", "host"}, true},
        {{"ssh", "-vvTf", "-p", "22", "host", "cmd"}, true},
        {{"ssh", "host", "-f", "cmd"}, true},
        {{"ssh", "host", "-v", "-fn", "cmd"}, true},
        // Behind the end of options, in an argument of another option, or the remote's own.
        {{"ssh", "host", "cmd", "-f"}, false},
        {{"ssh", "host", "--", "-f"}, false},
        {{"ssh", "--", "host", "-f", "cmd"}, false},
        {{"ssh", "-l", "-f", "host", "cmd"}, false},
        {{"ssh", "-lf", "host", "cmd"}, false},
        {{"ssh", "-i", "f", "host", "cmd"}, false},
        {{"ssh", "-vlf", "host", "cmd"}, false},
        {{"ssh", "-oUser=f", "host", "cmd"}, false},
        {{"ssh", "-E", "/dev/null", "-f", "host", "cmd"}, true},
        // The same as a setting.
        {{"ssh", "-oForkAfterAuthentication=yes", "host", "cmd"}, true},
        {{"ssh", "-oForkAfterAuthentication yes", "host", "cmd"}, true},
        {{"ssh", "-o", "ForkAfterAuthentication=yes", "host", "cmd"}, true},
        {{"ssh", "-o", "ForkAfterAuthentication yes", "host", "cmd"}, true},
        {{"ssh", "-o", "ForkAfterAuthentication = yes", "host", "cmd"}, true},
        {{"ssh", "-o", "  forkafterauthentication\tTRUE  ", "host", "cmd"}, true},
        {{"ssh", "-o", "ForkAfterAuthentication=\"yes\"", "host", "cmd"}, true},
        {{"ssh", "-To", "FORKAFTERAUTHENTICATION=true", "host", "cmd"}, true},
        {{"ssh", "host", "-o", "ForkAfterAuthentication=yes", "cmd"}, true},
        {{"ssh", "-o", "ForkAfterAuthentication=no", "host", "cmd"}, false},
        {{"ssh", "-o", "ForkAfterAuthentication=false", "host", "cmd"}, false},
        {{"ssh", "host", "cmd", "-o", "ForkAfterAuthentication=yes"}, false},
        {{"ssh", "-o", "LocalCommand=ForkAfterAuthentication yes", "host", "cmd"}, false},
        // Of several the first one counts, and -f before all.
        {{"ssh", "-oForkAfterAuthentication=no", "-oForkAfterAuthentication=yes", "h", "c"}, false},
        {{"ssh", "-oForkAfterAuthentication=yes", "-oForkAfterAuthentication=no", "h", "c"}, true},
        {{"ssh", "-oForkAfterAuthentication=no", "-f", "h", "c"}, true},
        {{"ssh", "-f", "-oForkAfterAuthentication=no", "h", "c"}, true},
    }));
    CAPTURE(command);
    CHECK(goes_to_background(command) == expected);
    // `ssh -G` refuses -N with -f, and what comes without a command.
    const std::string theirs = asked(command);
    if (!theirs.empty()) CHECK(theirs == (expected ? "yes" : "no"));
}

TEST_CASE("words that end early or that ssh refuses are no reason to stay") {
    for (const auto& command :
         {words{"ssh"}, words{"ssh", "-o"}, words{"ssh", "-o", ""}, words{"ssh", "-o", "\""},
          words{"ssh", "-o", "ForkAfterAuthentication"}, words{"ssh", "-o", "=yes"},
          words{"ssh", "-o", "ForkAfterAuthentication=maybe", "h"}, words{"ssh", "-l"},
          words{"ssh", "--"}, words{"ssh", "", "cmd", "-f"}}) {
        CAPTURE(command);
        CHECK_FALSE(goes_to_background(command));
    }
}

TEST_CASE("the remote host is what ssh takes for it") {
    struct expectation {
        words command;
        std::string host;  ///< empty: none
    };
    const auto [command, host] = GENERATE(values<expectation>({
        {{"ssh", "web1"}, "web1"},
        {{"/usr/bin/ssh", "web1", "db1"}, "web1"},
        {{"ssh", "user@web1", "cmd"}, "web1"},
        {{"ssh", "user@realm@web1"}, "web1"},
        {{"ssh", "-l", "db1", "web1"}, "web1"},
        {{"ssh", "-ldb1", "web1"}, "web1"},
        {{"ssh", "-vvp", "22", "web1"}, "web1"},
        {{"ssh", "-NTf", "-L", "1:db1:2", "web1"}, "web1"},
        {{"ssh", "-o", "HostKeyAlias=db1", "web1", "-p", "22"}, "web1"},
        {{"ssh", "-W", "db1:22", "web1"}, "web1"},
        {{"ssh", "--", "web1"}, "web1"},
        {{"ssh", "-v", "--", "web1", "-l", "db1"}, "web1"},
        {{"ssh", "ssh://web1"}, "web1"},
        {{"ssh", "ssh://web1/"}, "web1"},
        {{"ssh", "ssh://web1:22"}, "web1"},
        {{"ssh", "ssh://user@web1:22", "cmd"}, "web1"},
        {{"ssh", "ssh://user;fingerprint=x@web1"}, "web1"},
        {{"ssh", "ssh://[::1]:22"}, "::1"},
        {{"ssh", "ssh://user@[::1]"}, "::1"},
        {{"ssh", "::1"}, "::1"},
        {{"ssh", "192.0.2.1"}, "192.0.2.1"},
    }));
    CAPTURE(command);
    CHECK(remote_host(command) == host);
    const std::string theirs = asked(command, "hostname ");
    if (!theirs.empty()) CHECK(theirs == host);
}

TEST_CASE("a command that is no ssh, or in which ssh finds no host, has none") {
    for (const auto& command :
         {words{}, words{"rsync", "web1:x"}, words{"ssh"}, words{"ssh", "-V"}, words{"ssh", "-l"},
          words{"ssh", "-l", "web1"}, words{"ssh", ""}, words{"ssh", "@web1"},
          words{"ssh", "user@"}, words{"ssh", "--"}, words{"ssh", "ssh://"},
          words{"ssh", "ssh://@web1"}, words{"ssh", "ssh://user@"}, words{"ssh", "ssh://[::1"}}) {
        CAPTURE(command);
        CHECK_FALSE(remote_host(command));
        if (!command.empty() && is_ssh(command)) CHECK(asked(command, "hostname ").empty());
    }
}
