#include "cli/plugins.hpp"

#include <algorithm>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/json_out.hpp"
#include "cli/plugin_survey.hpp"
#include "settings/nearest.hpp"

namespace fd2::cli {

namespace {

/// What is known from `fd2 conform`, in a word.
const char* conforms(const plugin_row& one) {
    if (!one.verdict) return "-";
    return one.verdict->conforms ? "yes" : "no";
}

/// One line a backend: "pipe  0.1.0  yes  yes  what it is", or why it cannot be used.
class table {
  public:
    table(const std::vector<channel::found>& files, const screen& terminal, std::ostream& out)
        : terminal_(terminal), out_(out) {
        for (const auto& one : files) width_ = std::max(width_, columns_of(plain(one.id)));
        const auto head = [&] { return row("BACKEND", "VERSION", "USABLE", "CONFORMS"); };
        // On a narrow terminal the last two columns go below the others.
        const bool below = terminal.width != 0 && columns_of(head()) + least_width > terminal.width;
        if (below) gap_ = "\n" + std::string(indent, ' ');
        column_ = below ? indent + cell(8, "").size() : columns_of(head());
        std::string text = head();
        append_wrapped(text, "DESCRIPTION, OR WHY NOT USABLE", terminal.width, column_, column_);
        print(text, ink::bold);
        out_.flush();
    }

    void print(const plugin_row& one) {
        std::string text = row(plain(one.backend), one.version.empty() ? "-" : plain(one.version),
                               one.usable() ? "yes" : "no", conforms(one));
        append_wrapped(text, plain(one.usable() ? one.description : text_of(*one.why_not)),
                       terminal_.width, column_, column_);
        print(text, one.usable() ? ink::plain : ink::yellow);
        out_.flush();
    }

  private:
    static std::string cell(std::size_t width, std::string text) {
        text.append(width > columns_of(text) ? width - columns_of(text) : 0, ' ').append("  ");
        return text;
    }

    std::string row(const std::string& name, const std::string& version, const char* usable,
                    const char* conforms) const {
        return cell(width_, name) + cell(7, version) + cell(6, usable) + gap_ + cell(8, conforms);
    }

    void print(const std::string& text, ink colour) {
        out_ << terminal_.paint(colour, text) << '\n';
    }

    static constexpr std::size_t indent = 4;
    static constexpr std::size_t least_width = 30;

    screen terminal_;
    std::ostream& out_;
    std::string gap_;         // before the columns that may go below
    std::size_t column_ = 0;  // where the description begins
    std::size_t width_ = std::string_view("BACKEND").size();
};

/// All that is known of one.
void print_details(const plugin_row& one, const screen& terminal, std::ostream& out) {
    constexpr std::size_t indent = 4;
    const auto line = [&](const std::string& head, const std::string& rest) {
        std::string text = std::string(indent, ' ') + terminal.paint(ink::dim, head) + " ";
        append_wrapped(text, plain(rest), terminal.width, indent + head.size() + 1, 2 * indent);
        out << text << '\n';
    };
    out << terminal.paint(ink::bold, plain(one.backend)) << '\n';
    if (!one.description.empty()) line("description:", one.description);
    line("file:", one.file);
    if (!one.version.empty()) line("version:", one.version);
    line("usable:", one.usable() ? "yes" : "no: " + text_of(*one.why_not));
    if (!one.verdict) {
        line("conforms:", "not checked; fd2 conform " + one.backend);
    } else if (one.verdict->conforms) {
        line("conforms:", "yes (fd2 " + one.verdict->checked_by + ", " + one.verdict->time + ")");
    } else {
        std::string text = "no: failed " + join(one.verdict->failed, " ");
        const auto refuted = channel::capability_names(one.verdict->refuted);
        if (!refuted.empty()) text += "; does not have: " + join(refuted, " ");
        line("conforms:", text);
    }
    if (one.loaded)
        line("capabilities:", one.capabilities.empty() ? "-" : join(one.capabilities, " "));
    if (!one.medium.empty()) {
        line("medium:",
             one.medium + (one.capacity == 0
                               ? ""
                               : ", holds " + std::to_string(one.capacity) + " bytes (" +
                                     std::to_string(one.capacity_small) + " in one-byte writes)"));
    }
    for (const auto& each : one.options) {
        line("option " + plain(each.name) + ":",
             each.help + " (" + each.type + ", default " + each.initial + ")");
    }
    out.flush();
}

nlohmann::ordered_json verdict_or_null(const plugin_row& one) {
    if (!one.verdict) return nullptr;
    return {{"conforms", one.verdict->conforms},
            {"failed", one.verdict->failed},
            {"refuted", channel::capability_names(one.verdict->refuted)},
            {"version", one.verdict->checked_by},
            {"time", one.verdict->time}};
}

nlohmann::ordered_json as_json(const std::vector<plugin_row>& rows) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& one : rows) {
        nlohmann::ordered_json options = nlohmann::ordered_json::array();
        for (const auto& [name, type, initial, help] : one.options) {
            options.push_back(
                {{"name", name}, {"type", type}, {"default", initial}, {"help", help}});
        }
        list.push_back({{"backend", one.backend},
                        {"version", text_or_null(one.version)},
                        {"file", one.file},
                        {"description", one.description},
                        {"capabilities", one.capabilities},
                        {"usable", one.usable()},
                        {"conforms", verdict_or_null(one)},
                        {"why_not", text_or_null(one.why_not ? text_of(*one.why_not) : "")},
                        {"medium", text_or_null(one.medium)},
                        {"capacity_bytes", one.capacity},
                        {"capacity_small_writes", one.capacity_small},
                        {"options", options}});
    }
    return {{"schema", "fd2.plugins/1"}, {"plugins", list}};
}

/// Directories that the caller named and that cannot be searched, as one that is misspelt. (A file
/// may name one that only other machines have.)
void complain_of_directories(const channel::loader& plugins) {
    for (const auto& one : plugins.list_directories()) {
        if (one.error == 0 || one.where.source != channel::trust_source::caller) continue;
        complain("plugins: warning: " +
                 system_failure("open directory", one.where.path, one.error).message +
                 "; fix FD2_PLUGIN_PATH or --plugin-path");
    }
}

}  // namespace

int plugins(const common_options& given, const std::vector<std::string>& names,
            const output_options& shown, std::ostream& out) {
    auto loaded = load_settings(given, true);
    if (!loaded) return 1;
    const channel::loader plugins(plugin_directories(loaded->values));
    complain_of_directories(plugins);
    const screen terminal = look_at_stdout(shown.colour);
    std::vector<channel::found> files = plugins.discover();
    std::vector<std::string> unknown;  // complaints, which come after the others' details
    if (!names.empty()) {
        std::vector<channel::found> wanted;
        for (const std::string& name : names) {
            const auto it = std::find_if(files.begin(), files.end(),
                                         [&](const channel::found& f) { return f.id == name; });
            if (it == files.end()) {
                std::vector<std::string_view> ids;
                for (const auto& one : files) ids.push_back(one.id);
                unknown.push_back("plugins: no backend '" + plain(name) + "'; " +
                                  settings::suggest(name, ids));
            } else {
                wanted.push_back(*it);
            }
        }
        files = std::move(wanted);
    }
    if (files.empty() && unknown.empty() && !shown.json) {
        out << "no plugins found in:\n";
        for (const auto& where : plugins.directories()) out << "    " << plain(where.path) << '\n';
        out << "point --plugin-path or FD2_PLUGIN_PATH at the directory that holds them\n";
        return 1;
    }
    std::optional<table> lines;
    if (!shown.json && names.empty()) lines.emplace(files, terminal, out);
    std::vector<plugin_row> rows;
    for (const auto& file : files) {
        const plugin_row& one = rows.emplace_back(try_plugin(file, loaded->values));
        if (shown.json) continue;
        lines ? lines->print(one) : print_details(one, terminal, out);
    }
    if (shown.json) print_json(as_json(rows), out);
    out.flush();
    for (const std::string& one : unknown) complain(one);
    if (!unknown.empty()) return 1;
    const bool usable =
        std::any_of(rows.begin(), rows.end(), [](const plugin_row& r) { return r.usable(); });
    return usable ? 0 : 1;
}

}  // namespace fd2::cli
