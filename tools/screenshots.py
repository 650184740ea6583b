"""The README's pictures of the console, taken from a real installation in a real browser.

    python -m tools.screenshots [--port 8800]

Starts what `make run` starts, in a home of its own; pushes a third version and asks for its release; looks. Needs
Chromium on the path.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
SIZE_BYTES_MAX = 200_000
THRESHOLD = 0.2
VIEW = {"width": 1280, "height": 880}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description="Takes the README's pictures.")
    parser.add_argument("--port", type=int, default=8800)
    port = parser.parse_args().port
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if executable is None:
        print("No Chromium on the path. Next: apt-get install chromium", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with _installation(port) as (home, passwords):
        _ask_for_a_third_version(home)
        _take_pictures(executable, f"http://127.0.0.1:{port}", passwords)
    for picture in sorted(IMAGES.glob("console-*.png")):
        size_bytes = picture.stat().st_size
        print(f"{picture.name} {size_bytes // 1000} kB")
        if size_bytes > SIZE_BYTES_MAX:
            print(f"{picture.name} is larger than {SIZE_BYTES_MAX // 1000} kB", file=sys.stderr)
            return 1
    return 0


@contextmanager
def _installation(port: int) -> Iterator[tuple[Path, dict[str, str]]]:
    """A home that `make run` has been through, running; the passwords that it printed."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-pictures-"))
    folder.chmod(0o711)  # workers that run as other users pass through it
    os.environ["MODELYARD_CONFIG_DIR"] = str(folder / "config")
    command = [sys.executable, "-u", "-m", "modelyard.cli.demo", "--home", str(folder / "home"), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout or ():
            said += line
            if line.startswith("Console"):
                break
        yield folder / "home", dict(re.findall(r"(author|reviewer|owner) (\S+)", said.rpartition("logins")[2]))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()
        shutil.rmtree(folder)


def _ask_for_a_third_version(home: Path) -> None:
    """A version that decides at a lower threshold, with the metrics that its training really gives."""
    source = home / "demo" / "tumour"
    _change(source / "modelyard.toml", 'version = "1.1.0"', 'version = "1.2.0"')
    _change(source / "model.py", "x >= 0.5", f"x >= {THRESHOLD}")
    _change(source / "train.py", "p >= 0.5)}", f'p >= {THRESHOLD}), "recall": recall_score(truth, p >= {THRESHOLD})}}')
    _change(source / "train.py", "import accuracy_score, roc", "import accuracy_score, recall_score, roc")
    subprocess.run([sys.executable, "train.py"], cwd=source, check=True)
    author = [sys.executable, "-m", "modelyard.cli", "--profile", "author"]
    subprocess.run([*author, "push"], cwd=source, check=True)
    why = "misses fewer malignant tumours, at a lower threshold"
    subprocess.run([*author, "release", "tumour:1.2.0", "--to", "tumour", "-m", why], cwd=source, check=True)


def _change(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    if before not in text:
        raise SystemExit(f"{path.name} has no {before!r} any more: change tools/screenshots.py with the example")
    path.write_text(text.replace(before, after))


def _take_pictures(executable: str, url: str, passwords: dict[str, str]) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=FLAGS)
        page = browser.new_context(base_url=url, viewport=VIEW, color_scheme="light").new_page()  # type: ignore[arg-type]
        page.goto("/login")
        page.get_by_label("User").fill("reviewer")
        page.get_by_label("Password").fill(passwords["reviewer"])
        _click(page, "Log in")
        page.goto("/ui/releases/3")
        _save(page, "console-release")
        page.goto("/ui/p/demo/models/tumour/versions/1.1.0")
        _save(page, "console-version")
        page.goto("/ui/p/demo/endpoints/tumour")
        _click(page, "Predict")
        page.evaluate("window.scrollTo(0, 0)")
        _save(page, "console-endpoint")
        browser.close()


def _click(page: Any, button: str) -> None:
    page.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state("networkidle")


def _save(page: Any, name: str) -> None:
    page.wait_for_timeout(300)  # the fonts have been swapped in
    page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    sys.exit(main())
