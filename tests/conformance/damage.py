#!/usr/bin/env python3
"""Gives a built plugin the defect that a check of group S must find, where no linker makes one.

    damage.py ID FILE

Changes a few bytes in place: the file stays as it is otherwise. Damaging it twice does no harm.
"""
import struct
import sys

PT_LOAD, PF_X, PF_W = 1, 1, 2
SHT_DYNSYM = 11
STB_GNU_UNIQUE = 10
EM_M32 = 1  # of the seventies
ENTRY = b"fd2_backend_entry_v1"
RENAMED = ENTRY[:-1] + b"2"


class Library:
    """A shared library; elf(5) has the places of the members, for 64 and for 32 bits."""

    def __init__(self, image):
        assert image[:4] == b"\x7fELF", "not an ELF file"
        self.image = bytearray(image)
        self.wide = image[4] == 2
        self.word = "Q" if self.wide else "I"
        self.order = "<" if image[5] == 1 else ">"

    def get(self, form, at):
        return struct.unpack_from(self.order + form, self.image, at)[0]

    def put(self, form, at, value):
        struct.pack_into(self.order + form, self.image, at, value)

    def headers(self, table, shape):
        """Where each program or section header lies."""
        begin = self.get(self.word, table)
        size, count = self.get("H", shape), self.get("H", shape + 2)
        return [begin + i * size for i in range(count)]

    def segments(self):
        return self.headers(32, 54) if self.wide else self.headers(28, 42)

    def entry(self):
        """Where the entry's dynamic symbol lies, and its name."""
        sections = self.headers(40, 58) if self.wide else self.headers(32, 46)
        offset, size, link, step = (24, 32, 40, 56) if self.wide else (16, 20, 24, 36)
        symbols = next(each for each in sections if self.get("I", each + 4) == SHT_DYNSYM)
        names = self.get(self.word, sections[self.get("I", symbols + link)] + offset)
        begin, length = (self.get(self.word, symbols + member) for member in (offset, size))
        for at in range(begin, begin + length, self.get(self.word, symbols + step)):
            name = names + self.get("I", at)
            if self.image[name:name + len(ENTRY)] in (ENTRY, RENAMED):
                return at, name
        raise LookupError("no entry")


def another_machine(file):
    file.put("H", 18, EM_M32)


def another_entry(file):
    name = file.entry()[1]
    file.image[name:name + len(ENTRY)] = RENAMED


def unique_entry(file):
    info = file.entry()[0] + (4 if file.wide else 12)
    file.put("B", info, STB_GNU_UNIQUE << 4 | file.get("B", info) & 15)


def writable_code(file):
    for at in file.segments():
        flags = at + (4 if file.wide else 24)
        if file.get("I", at) == PT_LOAD and file.get("I", flags) & PF_X:
            file.put("I", flags, file.get("I", flags) | PF_W)


DAMAGE = {"S01": another_machine, "S02": another_entry, "S04": unique_entry, "S06": writable_code}


def main():
    defect, path = sys.argv[1:]
    with open(path, "r+b") as stream:
        file = Library(stream.read())
        DAMAGE[defect](file)
        stream.seek(0)
        stream.write(file.image)


if __name__ == "__main__":
    main()
