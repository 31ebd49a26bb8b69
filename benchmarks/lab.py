"""A real JupyterLab in a real browser: `smtplogs lab`, open a notebook, run all of it, see the charts.

    pip install -e ".[notebook]" selenium && apt-get install chromium chromium-driver
    python benchmarks/lab.py [NOTEBOOK] [--picture lab.png]

Says what was seen, or why it could not be tried (exit 0: seen, 1: something is wrong, 77: skipped). Part of the slow
tier; its dated result stands in docs/checks.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
SKIPPED = 77
TOKEN = "only-for-this-run"
READY = """
return !!document.querySelector('.jp-Notebook .jp-CodeCell')
  && document.querySelector('.jp-Notebook-ExecutionIndicator')?.getAttribute('data-status') === 'idle'
"""
SEEN = """
const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
return {
  cells: cells.length,
  done: cells.filter(c => /\\[\\d+\\]/.test(c.querySelector('.jp-InputPrompt').textContent)).length,
  charts: [...document.querySelectorAll('.jp-RenderedImage img')].filter(i => i.naturalWidth > 300).length,
  tables: document.querySelectorAll('.jp-RenderedHTMLCommon table').length,
  errors: [...document.querySelectorAll('[data-mime-type="application/vnd.jupyter.error"], [data-mime-type="application/vnd.jupyter.stderr"]')].map(e => e.textContent.slice(0, 300)),
}
"""


def skip(why: str) -> None:
    """End without a verdict."""
    print(f"skipped: {why}")
    raise SystemExit(SKIPPED)


def needed() -> tuple[str, str]:
    """Return browser and driver; skip if anything is missing."""
    for module in ("jupyterlab", "selenium"):
        if importlib.util.find_spec(module) is None:
            skip(f"the Python package {module} is missing")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        skip("chromium or chromium-driver is missing (apt-get install chromium chromium-driver)")
    return str(browser), str(driver)


def start(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """Start `smtplogs lab` as a user does, with a configuration of its own."""
    config, settings = folder / "config", folder / "settings" / "@jupyterlab" / "notebook-extension"
    config.mkdir()
    settings.mkdir(parents=True)
    lines = (f"port = {port}", "open_browser = False", "allow_root = True", "port_retries = 0")
    (config / "jupyter_server_config.py").write_text("".join(f"c.ServerApp.{line}\n" for line in lines), "utf-8")
    # all cells are in the page, not only those in sight
    (settings / "tracker.jupyterlab-settings").write_text(json.dumps({"windowingMode": "none"}), "utf-8")
    own = {
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTERLAB_SETTINGS_DIR": folder / "settings",
        "IPYTHONDIR": folder / "ipython",
    }
    own |= {"JUPYTER_RUNTIME_DIR": folder / "runtime", "JUPYTER_DATA_DIR": folder / "data", "JUPYTER_TOKEN": TOKEN}
    command = [sys.executable, "-c", "from smtplogs.cli import main; main()", "lab", str(folder / "work")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            env=os.environ | {k: str(v) for k, v in own.items()},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def answers(port: int, within: float = 90) -> bool:
    """Wait until the server answers."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            with urlopen(f"http://127.0.0.1:{port}/api?token={TOKEN}", timeout=5) as reply:
                return reply.status == 200
        except (URLError, OSError):
            time.sleep(0.5)
    return False


def look(address: str, programs: tuple[str, str], picture: Path | None, within: float = 300) -> dict[str, Any]:
    """Open the notebook, run all cells through the menu, and say what the page shows."""
    from selenium import webdriver
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1400,1000"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=Service(programs[1]))
    try:
        driver.get(address)
        end = time.monotonic() + within
        seen: dict[str, Any] = {"cells": 0, "done": 0}
        asked = False
        while time.monotonic() < end and not (asked and seen["cells"] and seen["done"] == seen["cells"]):
            time.sleep(1)
            try:
                ready = driver.execute_script(READY)
                if ready and not asked:
                    open_menu_and_run(driver)
                    asked = True
                seen = driver.execute_script(SEEN)
            except (WebDriverException, StopIteration) as error:
                seen["trouble"] = repr(error)[:200]
        time.sleep(2)
        if picture is not None:
            driver.execute_script("document.querySelectorAll('.jp-RenderedImage img')[0]?.scrollIntoView()")
            time.sleep(1)
            driver.save_screenshot(str(picture))
        return driver.execute_script(SEEN) | {"asked": asked}
    finally:
        driver.quit()


def open_menu_and_run(driver: Any) -> None:
    """Choose Run > Run All Cells."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    bar = driver.find_elements(By.CSS_SELECTOR, ".lm-MenuBar-item")
    ActionChains(driver).click(next(item for item in bar if item.text.strip() == "Run")).perform()
    time.sleep(0.7)
    items = driver.find_elements(By.CSS_SELECTOR, ".lm-Menu-item")
    next(item for item in items if item.text.strip().startswith("Run All Cells")).click()


def main() -> None:
    """Run it; exit with the verdict."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("notebook", nargs="?", default="01_first_look.ipynb")
    parser.add_argument("--picture", type=Path)
    given = parser.parse_args()
    programs = needed()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = start(folder, port)
        try:
            if not answers(port):
                raise SystemExit(f"JupyterLab did not start: {(folder / 'log').read_text()[-800:]}")
            began = time.monotonic()
            seen = look(f"http://127.0.0.1:{port}/lab/tree/{given.notebook}?token={TOKEN}", programs, given.picture)
        finally:
            os.killpg(server.pid, 15)
            server.wait(30)
    book = json.loads((ROOT / "notebooks" / given.notebook).read_text("utf-8"))
    charts = sum(c["cell_type"] == "code" and "sl.plot_" in "".join(c["source"]) for c in book["cells"])
    print(f"{given.notebook}: {seen} in {time.monotonic() - began:.0f} s; {charts} cells draw")
    good = seen["cells"] and seen["done"] == seen["cells"] and not seen["errors"] and seen["charts"] >= charts
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
