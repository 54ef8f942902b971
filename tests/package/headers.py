"""Which functions the public headers promise to be in the library."""

import re

COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
NAME = re.compile(r"(~?\w+|operator\s*=+)\s*\($")


def statements(text):
    """Declarations at the outermost level of `text`, each with its body's text, or None."""
    begin = at = 0
    while at < len(text):
        if text[at] == ";":
            yield text[begin:at].strip(), None
            begin = at = at + 1
        elif text[at] == "{":
            depth, body = 1, at + 1
            while depth:
                at += 1
                depth += {"{": 1, "}": -1}.get(text[at], 0)
            yield text[begin:body - 1].strip(), text[body:at]
            begin = at = at + 1
        else:
            at += 1


def function_name(declaration):
    """The name of the function that it declares, if it declares one that is defined elsewhere."""
    if "(" not in declaration or re.search(r"=\s*(default|delete)$|\bfriend\b|\busing\b",
                                           declaration):
        return None
    found = NAME.search(declaration[:declaration.index("(") + 1])
    return found[1].replace(" ", "") if found else None


def promised(text):
    """Names such as `fd2::host::flush` of what is marked FD2_API and has no body in the header."""
    text = re.sub(r"^\s*#[^\n]*(?:\\\n[^\n]*)*", "", COMMENTS.sub("", text), flags=re.M)
    for opening, body in statements(text):
        if not re.fullmatch(r"(inline )?namespace [\w:]+", opening) or body is None:
            continue
        space = opening.split()[-1]
        for declaration, inner in statements(body):
            of_class = re.search(r"\bclass FD2_API (\w+)", declaration)
            if of_class and inner is not None:
                for member, members_body in statements(inner):
                    member = re.sub(r"^(public|private|protected)\s*:", "", member).strip()
                    name = function_name(member) if members_body is None else None
                    if name:
                        yield f"{space}::{of_class[1]}::{name}"
            elif declaration.startswith("FD2_API ") and inner is None:
                name = function_name(declaration)
                if name:
                    yield f"{space}::{name}"
