#!/usr/bin/env python3
"""Every relative link of every page leads to a file, and to a heading where it names one; and links
lead to every page."""
import sys

import documents
import pages


def main():
    problems, count = pages.dead_links()
    return documents.verdict(problems, f"{count} links followed")


if __name__ == "__main__":
    sys.exit(main())
