#include "settings/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include "settings/text.hpp"

namespace fd2::settings {
namespace {

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
        if (seen_) fail(mark, "a second document begins here", "a settings file holds one");
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
        complain(mark, "an alias", "write the value out");
        if (wants_key()) {
            skip_value();
        } else {
            forget();
            complete();
        }
    }

    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        complain(mark, "an anchor", "write the value out where it is needed");
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

    void complain(const YAML::Mark& mark, std::string message, std::string way_out) {
        out_.error(source_.at(offset(mark)), path(), std::move(message), std::move(way_out));
    }

    [[noreturn]] void fail(const YAML::Mark& mark, std::string message, std::string way_out) {
        complain(mark, std::move(message), std::move(way_out));
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
            out_.error(source_.at(offset(mark)), path(), "a merge key", "write the keys out");
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
            fail(mark, "nested more than " + std::to_string(deepest) + " deep",
                 "settings go 3 deep at most");
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
        if (tagged) complain(mark, "a tag", "delete it: every key knows its type");
    }

    /// Whether the scalar is quoted. yaml-cpp 0.7 accepts a quote that is never closed (and then
    /// swallows the rest of the file) and joins lines: here a value stands on one line.
    bool check_style(const YAML::Mark& mark, const std::string& tag, const std::string& text) {
        const auto rest = source_.text().substr(offset(mark));
        const char first = rest.empty() ? '\0' : rest.front();
        if (first == '&' || first == '!') return tag != "?";  // reported already
        if (tag == "?") {
            if (!rest.starts_with(text)) {
                fail(mark, "a value that goes on over several lines",
                     "check the brackets on this line and the indentation of the next");
            }
            return false;
        }
        if (first == '|' || first == '>') {
            complain(mark, "a block of text", "write the value on one line, in quotes");
            return true;
        }
        for (std::size_t i = 1; i < rest.size() && rest[i] != '\n'; ++i) {
            if (first == '"' && rest[i] == '\\') {
                ++i;
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

/// yaml-cpp's words are for people who write parsers.
std::pair<std::string, std::string> in_plain_words(const std::string& said) {
    using namespace YAML;
    struct translation {
        const char* said;
        const char* message;
        const char* way_out;
    };
    static constexpr const char* spacing = "check the indentation, and put a space after the colon";
    const translation known[] = {
        {ErrorMsg::MAP_VALUE, "a colon where no key can stand",
         "check the indentation, or put the value in quotes"},
        {ErrorMsg::MAP_KEY, "a key where none can stand", spacing},
        {ErrorMsg::END_OF_MAP, "this line does not fit those around it", spacing},
        {ErrorMsg::END_OF_SEQ, "this line does not fit the list around it", spacing},
        {ErrorMsg::END_OF_MAP_FLOW, "a { is not closed", "close it with }"},
        {ErrorMsg::END_OF_SEQ_FLOW, "a [ is not closed", "close it with ]"},
        {ErrorMsg::FLOW_END, "a closing bracket that nothing opened", "delete it"},
        {ErrorMsg::BLOCK_ENTRY, "a list item where none can stand",
         "check the indentation, or write the list in brackets: [a, b]"},
        {ErrorMsg::UNKNOWN_TOKEN, "a character that cannot begin a value", "put it in quotes"},
        {ErrorMsg::TAB_IN_INDENTATION, "a tab in the indentation", "indent with spaces"},
        {ErrorMsg::UNKNOWN_ANCHOR, "an alias", "write the value out"},
        {ErrorMsg::ALIAS_NOT_FOUND, "a * without a name",
         "put the value in quotes if it begins with *"},
        {ErrorMsg::ANCHOR_NOT_FOUND, "an & without a name",
         "put the value in quotes if it begins with &"},
        {ErrorMsg::MULTIPLE_ANCHORS, "several anchors", "write the value out"},
        {ErrorMsg::MULTIPLE_TAGS, "several tags", "delete them: every key knows its type"},
        {ErrorMsg::EOF_IN_SCALAR, "a quote is not closed", "close it"},
        {ErrorMsg::DOC_IN_SCALAR, "a document ends inside a quoted value", "close the quote"},
    };
    for (const translation& one : known) {
        if (said == one.said) return {one.message, one.way_out};
    }
    if (said.starts_with(ErrorMsg::INVALID_ESCAPE)) {
        return {"an unknown escape in a quoted value",
                "write \\\\ for a backslash, or use single quotes"};
    }
    return {"not valid YAML: " + said, {}};
}

}  // namespace

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
        auto [message, way_out] = in_plain_words(wrong.msg);
        origin where = wrong.mark.pos < 0 ? source.whole()
                                          : source.at(static_cast<std::size_t>(wrong.mark.pos));
        out.error(std::move(where), tree.path(), std::move(message), std::move(way_out));
        return std::nullopt;
    }
    return std::move(tree).take();
}

}  // namespace fd2::settings
