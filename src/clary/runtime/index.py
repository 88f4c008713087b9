"""Where packages come from: pip's own configuration, handed on to uv, which does not read it."""

from __future__ import annotations

import configparser
import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_SECTIONS = ("global", "install")


@dataclass(frozen=True, kw_only=True)
class Index:
    """Package index settings; nothing set means uv's own default."""

    url: str = ""
    extra: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    no_index: bool = False
    certificate: str = ""

    def encode(self) -> str:
        """Return the settings as text for `decode`, passwords included."""
        return json.dumps([self.url, self.extra, self.find_links, self.no_index, self.certificate])

    def fingerprint(self) -> str:
        """Return what could change the packages that a lock resolves to, without any password."""
        public = [_without_password(url) for url in (self.url, *self.extra, *self.find_links)]
        return "\n".join([*public, str(self.no_index)])

    def for_uv(self) -> dict[str, str]:
        """Return the settings as uv's variables; a lock's hashes decide what is installed, not the index."""
        found = {
            "UV_DEFAULT_INDEX": self.url,
            "UV_INDEX": " ".join(self.extra),
            "UV_FIND_LINKS": ",".join(self.find_links),
            "UV_NO_INDEX": "1" if self.no_index else "",
            "UV_INDEX_STRATEGY": "unsafe-best-match" if self.extra else "",
            "SSL_CERT_FILE": self.certificate,
        }
        return {name: value for name, value in found.items() if value}

    def environment(self) -> dict[str, str]:
        """Return the settings as variables for pip inside a job; a place with a password is not told to a
        job.
        """
        places = {
            "PIP_INDEX_URL": self.url if self.url == _without_password(self.url) else "",
            "PIP_EXTRA_INDEX_URL": " ".join(u for u in self.extra if u == _without_password(u)),
            "PIP_FIND_LINKS": " ".join(self.find_links),
            "PIP_CERT": self.certificate,
            "PIP_NO_INDEX": "1" if self.no_index else "",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        return {name: value for name, value in places.items() if value}

    def directories(self) -> tuple[Path, ...]:
        """Return the local directories that a job needs to see to install from here."""
        places = [
            *self.find_links,
            *(u.removeprefix("file://") for u in self.extra if u.startswith("file://")),
        ]
        return tuple(Path(place) for place in places if place.startswith("/") and Path(place).is_dir())

    def has_wheel(self, name: str) -> bool:
        """Tell whether a find-links directory has a wheel of one distribution."""
        return any(any(folder.glob(f"{name}-*.whl")) for folder in self.directories())


def decode(text: str) -> Index:
    """Return the settings that `Index.encode` wrote."""
    url, extra, find_links, no_index, certificate = json.loads(text)
    return Index(
        url=url, extra=tuple(extra), find_links=tuple(find_links), no_index=no_index, certificate=certificate
    )


def from_pip(environ: Mapping[str, str]) -> Index:
    """Return what pip would use: its configuration files, then its `PIP_*` variables on top."""
    settings: dict[str, str] = {}
    for path in _files(environ):
        settings |= _read(path)
    for name, value in environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            settings[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return Index(
        url=settings.get("index-url", ""),
        extra=tuple(settings.get("extra-index-url", "").split()),
        find_links=tuple(settings.get("find-links", "").split()),
        no_index=settings.get("no-index", "").lower() in ("1", "true", "yes", "on"),
        certificate=settings.get("cert", ""),
    )


def _files(environ: Mapping[str, str]) -> Iterable[Path]:
    if environ.get("PIP_CONFIG_FILE") == os.devnull:
        return
    home = Path(environ.get("HOME", "/nonexistent"))
    for folder in reversed(environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":")):
        yield Path(folder) / "pip" / "pip.conf"
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME", home / ".config")) / "pip" / "pip.conf"
    if "VIRTUAL_ENV" in environ:
        yield Path(environ["VIRTUAL_ENV"]) / "pip.conf"
    if file := environ.get("PIP_CONFIG_FILE"):
        yield Path(file)


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, configparser.Error):
        return {}
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found |= {key.replace("_", "-"): " ".join(shlex.split(v)) for key, v in parser.items(section)}
    return found


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url if not parts.username else url.replace(f"{parts.netloc}", parts.netloc.rpartition("@")[2])
