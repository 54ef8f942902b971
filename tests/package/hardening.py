"""What a compiled file lacks of the hardening that everything that ships has; by readelf's word."""

import json
import os
import re
import subprocess
import sys

# A file that calls one of these and no checked variant was built without FORTIFY.
FORTIFIED = {"memcpy", "memmove", "memset", "strcpy", "strncpy", "strcat", "snprintf", "sprintf",
             "vsnprintf", "printf", "fprintf", "read", "pread", "recv", "recvfrom", "readlink",
             "getcwd", "realpath", "poll", "ppoll", "fread", "syslog", "longjmp"}


def _readelf(*words):
    return subprocess.run(["readelf", "-W", *words], check=True, capture_output=True, text=True,
                          env=dict(os.environ, LC_ALL="C")).stdout


def binaries_below(top):
    """The ELF files below a directory, each once."""
    out = []
    for directory, _, files in os.walk(top):
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                with open(path, "rb") as file:
                    if file.read(4) == b"\x7fELF":
                        out.append(path)
    return sorted(out)


def lacks(path):
    """In words; empty for a file that has all of it."""
    header, segments, dynamic = _readelf("-h", path), _readelf("-l", path), _readelf("-d", path)
    called = set(re.findall(r"\bUND (\w+)", _readelf("--dyn-syms", path)))
    out = []
    if not re.search(r"Type:\s+DYN", header):
        out.append("position independence")
    if "GNU_RELRO" not in segments:
        out.append("RELRO")
    if not re.search(r"\(BIND_NOW\)|FLAGS.*\bNOW\b", dynamic):
        out.append("BIND_NOW")
    if "TEXTREL" in dynamic:
        out.append("a text segment without relocations")
    if not re.search(r"GNU_STACK.* RW ", segments):
        out.append("a stack that is not executable")
    if re.search(r"LOAD.* RWE ", segments):
        out.append("segments that are either written or executed")
    if "__stack_chk_fail" not in called:
        out.append("stack protector")
    if called & FORTIFIED and not any(name.endswith("_chk") for name in called):
        out.append("FORTIFY")
    if re.search(r"Machine:.*X86-64", header) and "SHSTK" not in _readelf("-n", path):
        out.append("CET (shadow stack)")
    return out


def compiled_without(database):
    """Of the sources that ship: those that were compiled without a flag, and which. (Debian's C++
    library is linked into the command and is hardened itself, so the command proves little.)"""
    with open(database, encoding="utf-8") as file:
        entries = json.load(file)
    out = []
    wanted = ["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"]
    if os.uname().machine == "x86_64":
        wanted.append("-fcf-protection=full")
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    ours = [entry for entry in entries
            if re.search(r" -o \S*CMakeFiles/(fd2|libfd2|fd2_[\w-]+)\.dir/", entry["command"])
            and os.path.relpath(entry["file"], root).startswith(("host/", "plugins/"))]
    for entry in ours:
        missing = [flag for flag in wanted if flag not in entry["command"].split()]
        if missing:
            out.append(f"{entry['file']}: compiled without {' '.join(missing)}")
    return out if ours else ["no source that ships was found"]


def main():
    words = sys.argv[1:]
    if os.environ.get("FD2_BUILD_TYPE") == "Debug":
        print("SKIP: FORTIFY is for code that is optimised")
        return 77
    faults = []
    if words[0] == "--compiled":
        faults += compiled_without(words[1])
        words = words[2:]
    faults += [f"{path}: lacks {', '.join(found)}" for path in words if (found := lacks(path))]
    print("\n".join(faults) or f"{len(words)} files are hardened")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
