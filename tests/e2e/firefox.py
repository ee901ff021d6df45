"""A stock Firefox, driven over WebDriver BiDi: the protocol that it speaks itself, with no driver between."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

NAMES = ("firefox-esr", "firefox")
#: Where it is on systems that put no program of it on PATH.
FILES = (
    Path("/Applications/Firefox.app/Contents/MacOS/firefox"),
    Path("C:/Program Files/Mozilla Firefox/firefox.exe"),
)
#: Files go where they are looked for, the scheme is dark, and whatever asks for the network gets a closed door.
PREFERENCES: dict[str, object] = {
    "browser.download.folderList": 2,
    "browser.download.useDownloadDir": True,
    "browser.download.alwaysOpenPanel": False,
    "browser.helperApps.neverAsk.saveToDisk": "image/svg+xml,image/png,text/csv,text/html",
    "layout.css.prefers-color-scheme.content-override": 0,
    "network.proxy.type": 1,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.failover_direct": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "app.update.disabledForTesting": True,
}
_SECONDS = 60.0


def firefox() -> str:
    """Path of the program; a failure where there is none."""
    named = os.environ.get("FIREFOX")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found and not named:
        found = next((str(path) for path in FILES if path.exists()), None)
    if not found:
        what = f"FIREFOX={named} is not a program" if named else "no Firefox on PATH and none named by FIREFOX"
        pytest.fail(f"{what}: `python tests/run.py` installs one on Debian", pytrace=False)
    return found


class Firefox:
    """The running browser. `complaints` and `requests` gather what its pages log and ask for."""

    def __init__(self, folder: Path) -> None:
        self.profile, self.downloads = folder / "profile", folder / "downloads"
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self._asked = 0
        self.profile.mkdir(parents=True)
        self.downloads.mkdir()
        settings = {**PREFERENCES, "browser.download.dir": str(self.downloads)}
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in settings.items()]
        (self.profile / "user.js").write_text("\n".join(lines), encoding="utf-8")
        self._log = (folder / "firefox.log").open("w")
        self._stack = ExitStack()
        self._program = subprocess.Popen(
            [firefox(), "--headless", "--no-remote", "--profile", self.profile, "--remote-debugging-port=0"],
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        try:
            address = self._address(folder / "firefox.log")
            self._socket = self._stack.enter_context(connect(address, max_size=None, open_timeout=_SECONDS))
            self.call("session.new", capabilities={})
            self.call("session.subscribe", events=["log.entryAdded", "network.beforeRequestSent"])
        except BaseException:
            self.close()
            raise

    def _address(self, log: Path) -> str:
        """Where it listens; it says so in a file of its profile, written after the port is open."""
        said = self.profile / "WebDriverBiDiServer.json"
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end and (self._program.poll() is None or said.exists()):
            with suppress(OSError, ValueError):
                address = json.loads(said.read_text(encoding="utf-8"))
                return f"ws://{address['ws_host']}:{address['ws_port']}/session"
            time.sleep(0.1)
        last = log.read_text(errors="replace").strip().splitlines()[-1:]
        pytest.fail(f"{firefox()} does not start or speaks no WebDriver BiDi: {last}", pytrace=False)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result; events that come between are kept."""
        self._asked += 1
        self._socket.send(json.dumps({"id": self._asked, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=_SECONDS))
            if said.get("id") == self._asked:
                if said["type"] == "error":
                    raise RuntimeError(f"{method}: {said['error']}: {said['message']}")
                return dict(said["result"])
            if said.get("method") == "log.entryAdded":
                self.complaints.append(f"{said['params']['level']}: {said['params']['text']}")
            if said.get("method") == "network.beforeRequestSent":
                self.requests.append(said["params"]["request"]["url"])

    def open(self, path: Path, *, width: int = 1000, height: int = 900) -> Tab:
        """A page from a file, once it is loaded."""
        context = self.call("browsingContext.create", type="tab")["context"]
        self.call("browsingContext.setViewport", context=context, viewport={"width": width, "height": height})
        self.call("browsingContext.navigate", context=context, url=path.as_uri(), wait="complete")
        return Tab(self, context)

    def downloaded(self, suffix: str) -> bytes | None:
        """The newest finished file of this ending, taken away; None where none comes."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            # Unfinished ones lie beside their .part.
            whole = [path for path in self.downloads.glob(f"*.{suffix}") if path.stat().st_size]
            if whole and not list(self.downloads.glob("*.part")):
                data = whole[0].read_bytes()
                whole[0].unlink()
                return data
            time.sleep(0.05)
        return None

    def close(self) -> None:
        with suppress(Exception):
            self.call("browser.close")
        self._stack.close()
        try:
            self._program.wait(15)
        except subprocess.TimeoutExpired:
            self._program.kill()
            self._program.wait()
        self._log.close()


class Tab:
    """One page, or a frame in it. Selectors look into the shadow root of the page's first view."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self.browser, self.context = browser, context

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of what it promises, which goes through JSON."""
        awaited = f"Promise.resolve({expression}).then((value) => JSON.stringify(value))"
        said = self.browser.call(
            "script.evaluate", expression=awaited, target={"context": self.context}, awaitPromise=True
        )
        if said["type"] == "exception":
            raise RuntimeError(said["exceptionDetails"]["text"])
        return json.loads(said["result"].get("value", "null"))

    def all(self, selector: str, what: str = "e.innerText") -> list[Any]:
        """Something of every element: an expression of `e`."""
        views = "document.querySelector('.attnwidget-view')?.shadowRoot ?? document"
        found: list[Any] = self.evaluate(f"[...({views}).querySelectorAll({json.dumps(selector)})].map(e => {what})")
        return found

    def one(self, selector: str, what: str = "e.innerText") -> Any:
        """The same of the first, waited for."""
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            if found := self.all(selector, what):
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"nothing is {selector}")

    def until(self, selector: str, what: str, value: object) -> None:
        end = time.monotonic() + _SECONDS
        while (now := self.all(selector, what)[:1]) != [value]:
            assert time.monotonic() < end, f"{selector}: {what} is {now}, not {value}"
            time.sleep(0.05)

    def frame(self) -> Tab:
        """The page inside its first frame."""
        (tree,) = self.browser.call("browsingContext.getTree", root=self.context)["contexts"]
        return Tab(self.browser, tree["children"][0]["context"])

    def point(self, selector: str, *, click: bool = False) -> None:
        """Move the real pointer onto an element, and press it there."""
        at = "(r => [r.x + r.width / 2, r.y + r.height / 2])(e.getBoundingClientRect())"
        self.one(selector, "e.scrollIntoView({block: 'center'})")
        x, y = map(int, self.one(selector, at))
        actions: list[dict[str, Any]] = [{"type": "pointerMove", "x": x, "y": y}]
        if click:
            actions += [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        mouse = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
        self.browser.call("input.performActions", context=self.context, actions=[mouse])

    def press(self, selector: str) -> None:
        self.point(selector, click=True)

    def screenshot(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self.browser.call("browsingContext.captureScreenshot", context=self.context)["data"])

    def printed(self) -> bytes:
        """The page as PDF on A4."""
        sheet = {"width": 21.0, "height": 29.7}
        return base64.b64decode(self.browser.call("browsingContext.print", context=self.context, page=sheet)["data"])

    def close(self) -> None:
        self.browser.call("browsingContext.close", context=self.context)
