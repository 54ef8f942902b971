// One command line is split three ways.
//
// By CommandLineToArgvW: blanks separate, quotes keep them; before a quote 2n backslashes are n and
// the end of the quotes, 2n+1 are n and a quote; elsewhere a backslash is itself. The first word,
// the program, knows quotes only. Whatever needs no quotes may have them, and gets them here unless
// it is plain: programs made with Cygwin, like git's ssh, expand *, ? and ' outside of quotes.
//
// By cmd.exe behind /C: if there are quotes and anything special in what follows, the first and the
// last quote are taken away and the rest is its language. So the rest gets a pair for that.
//   {"cmd", "/C", "echo \"a b\" 1>&2"}                   cmd /C "echo "a b" 1>&2"
//   {"cmd", "/C", "C:\\Program Files\\x.exe", "a b"}     cmd /C ""C:\Program Files\x.exe" "a b""
//
// By cmd.exe for a batch file: its language, then the file's %1 and %*. Neither ^ nor \ protects a
// quote or a percent sign there. A quote is doubled; of %NAME% each sign gets an expansion in front
// that is nothing, %cd:~,%, so that it begins none; an end of line cannot be written at all.
#include "process/command_line.windows.hpp"

#include <windows.h>

#include <algorithm>
#include <cwctype>

#include "base/utf16.windows.hpp"

namespace fd2::process {
namespace {

failure unwritable(const std::string& what) {
    return {errc::invalid, ERROR_INVALID_PARAMETER, "spawn: " + what};
}

bool is_plain(wchar_t c) noexcept {
    return (c >= L'a' && c <= L'z') || (c >= L'A' && c <= L'Z') || (c >= L'0' && c <= L'9') ||
           std::wstring_view(L"-_./\\:=+,@").find(c) != std::wstring_view::npos || c > 0x7F;
}

bool is_blank(wchar_t c) noexcept {
    return c == L' ' || (c >= L'\t' && c <= L'\r');
}

void append_quoted(std::wstring& out, std::wstring_view word) {
    out += L'"';
    std::size_t backslashes = 0;
    for (const wchar_t c : word) {
        if (c == L'"') out.append(backslashes + 1, L'\\');
        backslashes = c == L'\\' ? backslashes + 1 : 0;
        out += c;
    }
    out.append(backslashes, L'\\');
    out += L'"';
}

/// As CommandLineToArgvW reads it; `plain` characters need no quotes.
template <class Plain>
void append_word(std::wstring& out, std::wstring_view word, Plain plain) {
    if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) {
        out += word;
    } else {
        append_quoted(out, word);
    }
}

status append_program(std::wstring& out, const std::string& program) {
    if (program.find('"') != std::string::npos) {
        return unwritable("the program's name contains a quote");
    }
    const std::wstring word = utf16_of(program);
    if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) {
        out += word;
    } else {
        out += L'"' + word + L'"';
    }
    return {};
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

quoting quoting_for(std::string_view file) {
    const std::string name = lower(file.substr(file.find_last_of("/\\") + 1));
    if (name.ends_with(".bat") || name.ends_with(".cmd")) return quoting::batch;
    return name == "cmd.exe" || name == "cmd" ? quoting::shell : quoting::words;
}

/// Whether what follows this argument is a line for the shell.
bool begins_shell_line(const std::string& argument) {
    const std::string option = lower(argument);
    return option == "/c" || option == "/k" || option == "/r";
}

void append_shell_line(std::wstring& out, const std::vector<std::string>& argv, std::size_t first) {
    out += L" \"";
    if (argv.size() == first + 1) {
        out += utf16_of(argv[first]);
    } else {
        for (std::size_t i = first; i < argv.size(); ++i) {
            if (i != first) out += L' ';
            append_word(out, utf16_of(argv[i]),
                        [](wchar_t c) { return !is_blank(c) && c != L'"'; });
        }
    }
    out += L'"';
}

status append_batch_word(std::wstring& out, const std::string& argument) {
    if (argument.find_first_of("\r\n") != std::string::npos) {
        return unwritable("an argument of a batch file contains an end of line");
    }
    const std::wstring word = utf16_of(argument);
    const auto is_safe = [](wchar_t c) {
        return (c >= L'a' && c <= L'z') || (c >= L'A' && c <= L'Z') || (c >= L'0' && c <= L'9') ||
               std::wstring_view(L"#$*+-./:?@\\_").find(c) != std::wstring_view::npos || c > 0x9F;
    };
    const bool quoted =
        word.empty() || word.back() == L'\\' || !std::all_of(word.begin(), word.end(), is_safe);
    if (quoted) out += L'"';
    std::size_t backslashes = 0;
    for (const wchar_t c : word) {
        if (c == L'"') out.append(backslashes, L'\\').append(1, L'"');
        if (c == L'%') out += L"%%cd:~,";
        backslashes = c == L'\\' ? backslashes + 1 : 0;
        out += c;
    }
    if (quoted) out.append(backslashes, L'\\').append(1, L'"');
    return {};
}

result<std::wstring> batch_line(const std::vector<std::string>& argv, std::string_view file) {
    if (file.find('"') != std::string_view::npos || file.ends_with('\\')) {
        return unwritable("the name of the batch file");
    }
    // /E:ON: %cd:~,% is an extension. /V:OFF: ! means nothing. /D: nobody's AutoRun.
    std::wstring out = L"cmd.exe /E:ON /V:OFF /D /C \"\"" + utf16_of(file) + L'"';
    for (std::size_t i = 1; i < argv.size(); ++i) {
        out += L' ';
        if (auto good = append_batch_word(out, argv[i]); !good) return std::move(good).error();
    }
    return out + L'"';
}

}  // namespace

result<std::wstring> command_line(const std::vector<std::string>& argv, std::string_view file,
                                  quoting how) {
    if (how == quoting::automatic) how = quoting_for(file);
    if (how == quoting::batch) return batch_line(argv, file);
    std::wstring out;
    if (auto good = append_program(out, argv[0]); !good) return std::move(good).error();
    for (std::size_t i = 1; i < argv.size(); ++i) {
        out += L' ';
        append_word(out, utf16_of(argv[i]), is_plain);
        if (how == quoting::shell && begins_shell_line(argv[i]) && i + 1 < argv.size()) {
            append_shell_line(out, argv, i + 1);
            break;
        }
    }
    return out;
}

}  // namespace fd2::process
