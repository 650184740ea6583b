"""See the package."""

from __future__ import annotations

import argparse
import sys

from tools.docs.pages import DOCS, PAGES, stale_pages


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.docs", description="Writes the docs pages that are made from the code."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is not current")
    check_only = parser.parse_args().check
    stale = stale_pages()
    for name, text in stale.items():
        if not check_only:
            (DOCS / name).parent.mkdir(parents=True, exist_ok=True)
            (DOCS / name).write_text(text, encoding="utf-8")
        print(f"docs/{name}: {'not current' if check_only else 'written'}")
    print(f"{len(PAGES) - len(stale)} of {len(PAGES)} pages were current")
    return 1 if check_only and stale else 0


if __name__ == "__main__":
    sys.exit(main())
