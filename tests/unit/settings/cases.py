"""The files in broken_cases.txt and accepted_cases.txt; the first tells how they are written.

cases.py DIRECTORY writes each as DIRECTORY/NAME.yaml.
"""
import pathlib
import re
import sys


def read(table):
    """A dict from names to bytes."""
    files = {}
    for case in pathlib.Path(table).read_bytes().split(b"\n=== ")[1:]:
        header, _, rest = case.partition(b"\n")
        file = rest.partition(b">>>\n")[0]
        name, escaped, _ = header.decode().partition(" (escaped)")
        if escaped:
            file = re.sub(rb"\\(?:x(..)|\n)", lambda m: bytes.fromhex((m[1] or b"").decode()), file)
        files[name] = file
    return files


def main(directory):
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    for table in pathlib.Path(__file__).parent.glob("*_cases.txt"):
        for name, file in read(table).items():
            (directory / f"{name}.yaml").write_bytes(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
