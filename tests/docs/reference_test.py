#!/usr/bin/env python3
"""What docs/generate writes is what stands in the documents."""
import os
import subprocess
import sys

import documents


def main():
    return subprocess.run([os.path.join(documents.ROOT, "docs", "generate"), "--check",
                           documents.fd2()]).returncode


if __name__ == "__main__":
    sys.exit(main())
