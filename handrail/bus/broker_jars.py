"""Fetches the jars of the local Kafka, each proved against a locked SHA-256.

A jar is in the cache whole and proved, or not at all: it arrives in a folder of its own, is
compared with the lock and only then renamed into place. Jars that have arrived are kept when a
later one fails. Two processes that fetch at once agree by a file lock; the second finds the work
done.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path

from handrail.bus.file_lock import file_lock
from handrail.bus.progress import Arrived, Progress
from handrail.errors.broker import (
    BrokerFolderUnusable,
    JarForged,
    JarsUnreachable,
    LocalBrokerNotInstalled,
)

KAFKA_VERSION = "4.2.1"
LOCK_FILE = "broker_jars.lock"
FETCHERS = 4  #: downloads at a time; the repository is asked no harder than a browser would
SILENCE_S_MAX = 30  #: a download that brings nothing for so long has failed
FETCHING_S_MAX = 1_800.0  #: how long to wait while another process fetches the same jars


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar: its Maven coordinate, the digest of its bytes and their number."""

    group: str
    artifact: str
    version: str
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.artifact}-{self.version}.jar"


def locked_jars() -> list[Jar]:
    """Read the lock that is shipped with the package."""
    text = resources.files("handrail.bus").joinpath(LOCK_FILE).read_text(encoding="utf-8")
    return parse_lock(text)


def parse_lock(text: str) -> list[Jar]:
    """Read a lock: one `group:artifact:version sha256 size` a line, `#` starts a comment."""
    jars: list[Jar] = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, digest, size = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, digest, int(size)))
    return jars


def user_cache() -> Path:
    """Give the folder for what can be downloaded again: HANDRAIL_CACHE, else the user's cache."""
    named = os.environ.get("HANDRAIL_CACHE")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "handrail"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handrail"


def fetch_jars(cache: Path, progress: Progress, *, jars: list[Jar], url: str | None) -> list[Path]:
    """Give the path of every jar, fetching those that the cache lacks or holds damaged.

    `url` is a Maven repository; None means Maven Central. Raises JarsUnreachable, JarForged,
    LocalBrokerNotInstalled and BrokerFolderUnusable.
    """
    folder = cache / f"kafka-{KAFKA_VERSION}"
    paths = [folder / jar.name for jar in jars]
    try:
        missing = [jar for jar in jars if not _is_proved(folder / jar.name, jar)]
        if missing:
            folder.mkdir(parents=True, exist_ok=True)
            with file_lock(folder / "fetching.lock", wait_s=FETCHING_S_MAX):
                _fetch_missing(folder, progress, jars, url)
    except OSError as error:
        raise BrokerFolderUnusable(folder=folder, reason=error) from error
    return paths


def _is_proved(path: Path, jar: Jar) -> bool:
    try:
        if path.stat().st_size != jar.size_bytes:
            return False
        return _digest(path) == jar.sha256
    except (FileNotFoundError, NotADirectoryError):
        return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch_missing(folder: Path, progress: Progress, jars: list[Jar], url: str | None) -> None:
    # Whoever left these folders no longer holds the lock, so it is dead and they are half done.
    for left in folder.glob("arriving-*"):
        shutil.rmtree(left, ignore_errors=True)
    missing = [jar for jar in jars if not _is_proved(folder / jar.name, jar)]
    if not missing:
        return
    total = sum(jar.size_bytes for jar in missing)
    arriving = Path(tempfile.mkdtemp(prefix="arriving-", dir=folder))
    title = f"Apache Kafka {KAFKA_VERSION}, {len(missing)} files"
    try:
        with progress.download(title, total) as arrived, ThreadPoolExecutor(FETCHERS) as pool:
            fetch = partial(_fetch_one, arriving=arriving, folder=folder, url=url, arrived=arrived)
            _first_failure([pool.submit(fetch, jar) for jar in missing])
    finally:
        shutil.rmtree(arriving, ignore_errors=True)


def _first_failure(fetches: list[Future[None]]) -> None:
    done, waiting = wait(fetches, return_when=FIRST_EXCEPTION)
    for fetch in waiting:
        fetch.cancel()
    for fetch in done:
        fetch.result()


def _fetch_one(
    jar: Jar, *, arriving: Path, folder: Path, url: str | None, arrived: Arrived
) -> None:
    path = _download(jar, arriving, url, arrived)
    found = _digest(path)
    if found != jar.sha256:
        path.unlink()
        raise JarForged(jar=jar.name, found=found, wanted=jar.sha256)
    path.replace(folder / jar.name)


def _download(jar: Jar, arriving: Path, url: str | None, arrived: Arrived) -> Path:
    try:
        # Only a broker that has yet to be fetched needs the downloader.
        from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415
    except ImportError as error:
        raise LocalBrokerNotInstalled(package="jgo") from error

    @contextmanager
    def account(_name: str, _size: int) -> Generator[Arrived]:
        yield arrived

    context = MavenContext(
        resolver=PythonResolver(progress_callback=account),
        repo_cache=arriving,
        remote_repos={"given": url.rstrip("/")} if url else None,
        timeout=SILENCE_S_MAX,
    )
    try:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        return Path(artifact.resolve())
    # jgo 3.2: the network's errors are requests', which are OSErrors; a file that no repository
    # has is a RuntimeError.
    except (OSError, RuntimeError) as error:
        raise JarsUnreachable(jar=jar.name, reason=_in_short(error)) from error


def _in_short(error: Exception) -> str:
    text = " ".join(str(error).split())
    if "not found in remote" in text:
        return "the repository does not have it."
    for sign, sentence in (
        ("NameResolution", "the repository's name cannot be resolved; is there a network?"),
        ("refused", "the repository refuses connections."),
        ("unreachable", "the network is unreachable."),
        ("timed out", f"the repository was silent for {SILENCE_S_MAX} s."),
        ("IncompleteRead", "the connection broke in the middle of the file."),
        ("CERTIFICATE_VERIFY", "the repository's certificate is not trusted here."),
    ):
        if sign in text:
            return sentence
    return text[:300]
