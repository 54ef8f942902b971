// YAML text to a small tree that remembers where everything stood. yaml-cpp is used in
// document.cpp and nowhere else. For this room and for files of causes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/origin.hpp"

namespace fd2::settings {

/// A line and a column, as in `origin`.
struct place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

struct member;

/// One node. `items` for a list, `members` for a mapping, `text` for a scalar.
struct node {
    enum class kind { null, scalar, list, mapping };
    kind is = kind::null;
    place at;
    std::string text;
    bool quoted = false;
    std::vector<node> items;
    std::vector<member> members;
};

/// One `key: value`. Members with a key that was already reported are not in the tree.
struct member {
    std::string key;
    place at;  ///< the key's
    node value;
};

/// "a list", for messages.
std::string_view kind_name(const node& what) noexcept;

/// What is wrong with a node that is something else: "a list where a pattern is expected", "has no
/// value".
std::string instead_of(std::string_view expected, const node& what);

/// Where to say what is wrong with `value`, which is the member's or an item of it: at the key, if
/// there is nothing else.
const place& place_of(const member& one, const node& value) noexcept;

/// A valid file is at most 6 deep (rules, a rule, set, options, backend, option); a little more is
/// accepted so that the wrong keys of a wrong file can be reported.
inline constexpr int deepest = 8;

/// The tree, or nothing if the text cannot be parsed. In both cases what is wrong is in `out`:
/// besides syntax, everything that a configuration file has no use for: duplicate keys, anchors,
/// aliases, merge keys, tags, block scalars, further documents, deep nesting. An empty text is a
/// null node. Time and memory are linear in `text`.
std::optional<node> parse_document(std::string_view text, std::string_view file, report& out);

}  // namespace fd2::settings
