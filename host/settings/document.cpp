#include "settings/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "base/plain_text.hpp"

namespace fd2::settings {
namespace {

// ---- the text

/// Turns offsets into places. Ascending offsets cost linear time in all, however long the lines
/// are. Borrows `text` and `file`. [one thread]
class text_map {
  public:
    text_map(std::string_view text, std::string_view file);

    std::string_view text() const noexcept { return text_; }

    /// The place of the byte at `offset`; beyond the end: the end.
    place place_of(std::size_t offset) const;
    origin at(std::size_t offset) const;

    /// The file as a whole.
    origin whole() const;

  private:
    std::size_t characters_before(std::size_t start, std::size_t offset) const;

    std::string_view text_;
    std::string_view file_;
    std::vector<std::size_t> starts_;  ///< offset of each line
    // Where the last count ended: the next one on the same line goes on from there.
    mutable std::size_t counted_start_ = 0, counted_to_ = 0, counted_ = 0;
};

text_map::text_map(std::string_view text, std::string_view file) : text_(text), file_(file) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') starts_.push_back(i + 1);
    }
}

std::size_t text_map::characters_before(std::size_t start, std::size_t offset) const {
    if (counted_start_ != start || counted_to_ > offset) {
        counted_start_ = counted_to_ = start;
        counted_ = 0;
    }
    for (; counted_to_ < offset; ++counted_to_) {
        if ((static_cast<unsigned char>(text_[counted_to_]) & 0xC0) != 0x80) ++counted_;
    }
    return counted_;
}

place text_map::place_of(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return {static_cast<std::uint32_t>(next - starts_.begin()),
            static_cast<std::uint32_t>(characters_before(*(next - 1), offset) + 1)};
}

origin text_map::at(std::size_t offset) const {
    const place where = place_of(offset);
    return {source::file, std::string(file_), where.line, where.column};
}

origin text_map::whole() const {
    return {source::file, std::string(file_), 0, 0};
}

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
}

std::string hexadecimal(unsigned byte) {
    constexpr char digits[] = "0123456789abcdef";
    return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

bool other_encoding(const text_map& source, report& out) {
    const auto text = source.text();
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        out.error(source.at(0), "", "the file is UTF-16 or UTF-32", "save it as UTF-8");
        return true;
    }
    return false;
}

bool bad_characters(const text_map& source, report& out) {
    const auto text = source.text();
    for (std::size_t i = 0; i < text.size();) {
        const unsigned c = byte_at(text, i);
        const utf8_step step = decode_utf8(text.substr(i));
        if (!step.valid) {
            out.error(source.at(i), "", "the byte " + hexadecimal(c) + " is not valid UTF-8",
                      "save the file as UTF-8");
            return true;
        }
        const bool line_end = c == '\n' || (c == '\r' && byte_at(text, i + 1) == '\n');
        if ((c < 0x20 && c != '\t' && !line_end) || c == 0x7F) {
            out.error(source.at(i), "",
                      c == 0      ? "a NUL byte"
                      : c == '\r' ? "a carriage return that does not end a line"
                                  : "the control character " + hexadecimal(c),
                      "delete it");
            return true;
        }
        i += step.size;
    }
    return false;
}

bool bad_lines(const text_map& source, report& out) {
    bool bad = false;
    auto text = source.text();
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const auto line = text.substr(start, end - start);
        const std::size_t content = std::min(line.find_first_not_of(" \t\r"), line.size());
        const std::size_t tab = line.find('\t');
        if (tab < content && content < line.size() && line[content] != '#') {
            out.error(source.at(start + tab), "", "a tab in the indentation", "indent with spaces");
            bad = true;
        }
        if (line.starts_with('%') && !line.starts_with("%YAML 1.")) {
            out.error(source.at(start), "", "directives are not supported", "delete the line");
            bad = true;
        }
        start = end + 1;
    }
    return bad;
}

/// Takes a byte order mark off.
std::string_view without_mark(std::string_view text) noexcept {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

/// Reports what a YAML parser should not see: other encodings, invalid UTF-8, control characters
/// (NUL), tabs in the indentation, directives. True if there was nothing to report. One pass.
bool is_clean(const text_map& source, report& out) {
    if (other_encoding(source, out)) return false;
    if (bad_characters(source, out)) return false;
    return !bad_lines(source, out);
}

// ---- the tree

/// Leaves yaml-cpp's recursion once the report says why.
struct stop {};

/// Builds the tree from yaml-cpp's events. No alias is ever expanded, so that the tree is no
/// larger than the text.
class builder : public YAML::EventHandler {
  public:
    builder(const text_map& where, report& out) : source_(where), out_(out) {}

    node take() && { return std::move(root_); }

    /// The keys above the present place.
    std::string path() const {
        std::string out;
        for (const frame& one : open_) {
            if (one.into == nullptr) break;
            if (one.mapping && !one.wants_key && !one.drops_value) {
                if (!out.empty()) out += '.';
                out += one.into->members.back().key;
            }
        }
        return out;
    }

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (seen_)
            fail(mark, "a second document begins here", "a configuration file holds one document");
        seen_ = true;
    }
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        // The mark is where a value might have been, often on a later line; the walker uses the
        // key's.
        if (wants_key()) {
            complain(mark, "a key is missing before the colon", "write `key: value`");
            skip_value();
            return;
        }
        put(node{node::kind::null, at(mark), {}, false, {}, {}});
        complete();
    }

    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        complain(mark, "aliases are not supported",
                 "write the value out, or put it in quotes if it begins with *");
        if (wants_key()) {
            skip_value();
        } else {
            forget();
            complete();
        }
    }

    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        complain(mark, "anchors are not supported", "write the value out where it is needed");
    }

    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  const std::string& text) override {
        // "?" is plain and "!" is quoted, but the latter can be written out too.
        check_tag(mark, (tag != "?" && tag != "!") || begins_with(mark, '!'));
        const bool is_quoted = check_style(mark, tag, text);
        if (wants_key()) {
            start_member(mark, text, is_quoted);
        } else {
            put(node{node::kind::scalar, at(mark), text, is_quoted, {}, {}});
            complete();
        }
    }

    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value) override {
        check_tag(mark, tag != "?");
        enter(mark, node::kind::list);
    }
    void OnSequenceEnd() override { leave(); }

    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value) override {
        check_tag(mark, tag != "?");
        enter(mark, node::kind::mapping);
    }
    void OnMapEnd() override { leave(); }

  private:
    /// An open list or mapping. `into` is null for one whose content is dropped; it is always the
    /// last element of its parent, which does not grow meanwhile: the pointer holds.
    struct frame {
        node* into;
        bool mapping;
        bool wants_key;
        bool drops_value;                           ///< the value of the current key
        std::map<std::string, std::uint32_t> seen;  ///< keys and their lines
    };

    place at(const YAML::Mark& mark) const { return source_.place_of(offset(mark)); }

    std::size_t offset(const YAML::Mark& mark) const {
        const auto pos = mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
        return std::min(pos, source_.text().size());
    }

    bool begins_with(const YAML::Mark& mark, char c) const {
        return source_.text().substr(offset(mark)).starts_with(c);
    }

    void complain(const YAML::Mark& mark, std::string message, std::string advice) {
        out_.error(source_.at(offset(mark)), path(), std::move(message), std::move(advice));
    }

    [[noreturn]] void fail(const YAML::Mark& mark, std::string message, std::string advice) {
        complain(mark, std::move(message), std::move(advice));
        throw stop{};
    }

    bool wants_key() const {
        return !open_.empty() && open_.back().mapping && open_.back().wants_key;
    }

    void skip_value() {
        open_.back().wants_key = false;
        open_.back().drops_value = true;
    }

    /// Puts a node where a value belongs; null if it is dropped there.
    node* put(node what) {
        if (open_.empty()) return &(root_ = std::move(what));
        frame& top = open_.back();
        if (top.into == nullptr || top.drops_value) return nullptr;
        if (!top.mapping) return &top.into->items.emplace_back(std::move(what));
        return &(top.into->members.back().value = std::move(what));
    }

    /// The value at the present place is complete: a mapping waits for its next key.
    void complete() {
        if (open_.empty()) return;
        open_.back().wants_key = open_.back().mapping;
        open_.back().drops_value = false;
    }

    /// The value of the current key was reported: the key is taken back.
    void forget() {
        if (open_.empty()) return;
        frame& top = open_.back();
        if (top.mapping && top.into != nullptr && !top.drops_value) top.into->members.pop_back();
    }

    void start_member(const YAML::Mark& mark, const std::string& key, bool is_quoted) {
        frame& top = open_.back();
        top.wants_key = false;
        if (key == "<<" && !is_quoted) {
            top.drops_value = true;
            out_.error(source_.at(offset(mark)), path(), "merge keys are not supported",
                       "write the keys out");
            return;
        }
        const place where = at(mark);
        const auto [first, fresh] = top.seen.emplace(key, where.line);
        if (!fresh) {
            top.drops_value = true;
            const std::string above = path();
            out_.error(source_.at(offset(mark)), above.empty() ? key : above + '.' + key,
                       "given twice, first on line " + std::to_string(first->second),
                       "delete one of them");
            return;
        }
        if (top.into != nullptr) {
            top.into->members.push_back({key, where, {}});
        } else {
            top.drops_value = true;
        }
    }

    void enter(const YAML::Mark& mark, node::kind is) {
        if (open_.size() >= deepest) {
            fail(mark, "nested more than " + std::to_string(deepest) + " levels deep",
                 "a configuration has at most 6 levels");
        }
        if (wants_key()) {
            complain(mark, "a key that is not a plain name", "write `key: value`");
            open_.push_back({nullptr, is == node::kind::mapping, true, false, {}});
            key_depth_.push_back(open_.size());
            return;
        }
        node* const into = put(node{is, at(mark), {}, false, {}, {}});
        open_.push_back({into, is == node::kind::mapping, true, false, {}});
    }

    void leave() {
        const bool was_key = !key_depth_.empty() && key_depth_.back() == open_.size();
        open_.pop_back();
        if (was_key) {
            key_depth_.pop_back();
            skip_value();
        } else {
            complete();
        }
    }

    void check_tag(const YAML::Mark& mark, bool tagged) {
        if (tagged)
            complain(mark, "tags are not supported",
                     "delete it, or put the value in quotes if it begins with !");
    }

    /// Whether the scalar is quoted. yaml-cpp 0.7 accepts a quote that is never closed (and then
    /// swallows the rest of the file) and joins lines: here a value stands on one line.
    bool check_style(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
        const auto rest = source_.text().substr(offset(mark));
        const char first = rest.empty() ? '\0' : rest.front();
        if (first == '&' || first == '!') return tag != "?";  // reported already
        if (tag == "?") {
            if (!rest.starts_with(text)) {
                fail(mark, "a value that spans several lines",
                     "check the brackets on this line and the indentation of the next");
            }
            return false;
        }
        if (first == '|' || first == '>') {
            complain(mark, "block scalars are not supported",
                     "write the value on one line, in quotes");
            return true;
        }
        for (std::size_t i = 1; i < rest.size() && rest[i] != '\n'; ++i) {
            if (first == '"' && rest[i] == '\\') {
                ++i;
                // yaml-cpp 0.7 makes one byte of them, which is no UTF-8.
                const char escape = i < rest.size() ? rest[i] : '\0';
                if (escape == 'N') complain(mark, "the escape \\N is not supported", "write \\x85");
                if (escape == '_') complain(mark, "the escape \\_ is not supported", "write \\xa0");
            } else if (rest[i] == first) {
                if (first != '\'' || !rest.substr(i + 1).starts_with('\'')) return true;
                ++i;
            }
        }
        fail(mark, "the quote that opens here is not closed on its line", "close it");
    }

    const text_map& source_;
    report& out_;
    node root_;
    std::vector<frame> open_;
    std::vector<std::size_t> key_depth_;  ///< sizes of open_ that are (parts of) a key
    bool seen_ = false;
};

/// yaml-cpp's message in words for people who write settings.
std::pair<std::string, std::string> in_plain_words(const std::string& said) {
    using namespace YAML;
    struct translation {
        const char* said;
        const char* message;
        const char* advice;
    };
    static constexpr const char* spacing = "check the indentation, and put a space after the colon";
    const translation known[] = {
        {ErrorMsg::MAP_VALUE, "unexpected colon",
         "check the indentation, or put the value in quotes"},
        {ErrorMsg::MAP_KEY, "unexpected key", spacing},
        {ErrorMsg::END_OF_MAP, "this line does not match the lines around it", spacing},
        {ErrorMsg::END_OF_SEQ, "this line does not match the list around it", spacing},
        {ErrorMsg::END_OF_MAP_FLOW, "unclosed {", "close it with }"},
        {ErrorMsg::END_OF_SEQ_FLOW, "unclosed [", "close it with ]"},
        {ErrorMsg::FLOW_END, "unmatched closing bracket", "delete it"},
        {ErrorMsg::BLOCK_ENTRY, "unexpected list item",
         "check the indentation, or write the list in brackets: [a, b]"},
        {ErrorMsg::UNKNOWN_TOKEN, "a value cannot start with this character", "put it in quotes"},
        {ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation", "indent with spaces"},
        {ErrorMsg::UNKNOWN_ANCHOR, "aliases are not supported",
         "write the value out, or put it in quotes if it begins with *"},
        {ErrorMsg::ALIAS_NOT_FOUND, "a * without a name",
         "put the value in quotes if it begins with *"},
        {ErrorMsg::ANCHOR_NOT_FOUND, "an & without a name",
         "put the value in quotes if it begins with &"},
        {ErrorMsg::MULTIPLE_ANCHORS, "anchors are not supported", "write the value out"},
        {ErrorMsg::MULTIPLE_TAGS, "tags are not supported",
         "delete them, or put the value in quotes if it begins with !"},
        {ErrorMsg::EOF_IN_SCALAR, "unclosed quote", "close it"},
        {ErrorMsg::DOC_IN_SCALAR, "a document ends inside a quoted value", "close the quote"},
    };
    for (const translation& one : known) {
        if (said == one.said) return {one.message, one.advice};
    }
    if (said.starts_with(ErrorMsg::INVALID_ESCAPE)) {
        return {"an unknown escape in a quoted value",
                "write \\\\ for a backslash, or use single quotes"};
    }
    return {"not valid YAML: " + said, {}};
}

}  // namespace

std::string_view kind_name(const node& what) noexcept {
    switch (what.is) {
        case node::kind::null:
            return "nothing";
        case node::kind::scalar:
            return "a single value";
        case node::kind::list:
            return "a list";
        case node::kind::mapping:
            return "a mapping";
    }
    return "nothing";
}

std::string instead_of(std::string_view expected, const node& what) {
    if (what.is == node::kind::null) return "has no value";
    return std::string(kind_name(what)).append(" where ").append(expected) + " is expected";
}

const place& place_of(const member& one, const node& value) noexcept {
    return value.is == node::kind::null ? one.at : value.at;
}

std::optional<node> parse_document(std::string_view text, std::string_view file, report& out) {
    text = without_mark(text);
    const text_map source(text, file);
    if (!is_clean(source, out)) return std::nullopt;

    builder tree(source, out);
    try {
        std::istringstream in{std::string(text)};
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(tree)) {
        }
    } catch (const stop&) {
        return std::nullopt;
    } catch (const YAML::Exception& wrong) {
        auto [message, advice] = in_plain_words(wrong.msg);
        origin where = wrong.mark.pos < 0 ? source.whole()
                                          : source.at(static_cast<std::size_t>(wrong.mark.pos));
        out.error(std::move(where), tree.path(), std::move(message), std::move(advice));
        return std::nullopt;
    }
    return std::move(tree).take();
}

}  // namespace fd2::settings
