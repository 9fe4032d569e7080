"""A jar is in the cache whole and proved, or not at all.

The repository is a real HTTP server on the loopback that misbehaves in one way.
"""

import gc
import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from handrail.bus.broker_jars import KAFKA_VERSION, Jar, fetch_jars, locked_jars, parse_lock
from handrail.bus.file_lock import file_lock
from handrail.bus.progress import Silent
from handrail.errors import BrokerBusy, BrokerFolderUnusable, JarForged, JarsUnreachable
from tests.waiting import until_now

# jgo 3.2 leaves the connection of a failed download to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

BYTES = {"one": b"first jar " * 1_000, "two": b"second jar " * 2_000}
JARS = [
    Jar("org.example", name, "1.0", hashlib.sha256(data).hexdigest(), len(data))
    for name, data in BYTES.items()
]

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


@pytest.fixture(autouse=True)
def _connections_end_with_their_test() -> Generator[None]:
    yield
    gc.collect()


class Repository:
    """A Maven repository on the loopback; `asked` counts how often each jar was asked for."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[str] = []
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[1]
                if not name.endswith(".jar"):
                    self.send_error(404)
                    return
                repository.asked.append(name)
                answer(self, BYTES[name.removesuffix("-1.0.jar")])

            def log_message(self, *_: object) -> None:
                """Keep the terminal of the tests clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/maven"


@contextmanager
def repository(answer: Answer) -> Generator[Repository]:
    served = Repository(answer)
    thread = threading.Thread(target=served.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.server.shutdown()
        thread.join()
        served.server.server_close()


def whole(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def forged(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    whole(handler, data.replace(b"second", b"forged"))


def cut_short(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2])


def absent(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    del data
    handler.send_error(404)


class Watcher(Silent):
    """Remembers what was told about downloads."""

    def __init__(self) -> None:
        self.titles: list[tuple[str, int]] = []
        self.arrived_bytes = 0

    @contextmanager
    def download(self, title: str, total_bytes: int) -> Generator[Callable[[int], None]]:
        self.titles.append((title, total_bytes))

        def arrived(size: int) -> None:
            self.arrived_bytes += size

        yield arrived


def folder_of(cache: Path) -> Path:
    return cache / f"kafka-{KAFKA_VERSION}"


def kept(cache: Path) -> list[str]:
    return sorted(path.name for path in folder_of(cache).iterdir() if path.suffix != ".lock")


def test_jars_arrive_once_and_are_then_taken_from_the_cache(tmp_path: Path) -> None:
    watcher = Watcher()
    with repository(whole) as maven:
        first = fetch_jars(tmp_path, watcher, jars=JARS, url=maven.url)
        second = fetch_jars(tmp_path, watcher, jars=JARS, url=maven.url)

    assert first == second
    assert [path.read_bytes() for path in first] == list(BYTES.values())
    assert sorted(maven.asked) == ["one-1.0.jar", "two-1.0.jar"]
    total = sum(len(data) for data in BYTES.values())
    assert watcher.titles == [(f"Apache Kafka {KAFKA_VERSION}, 2 files", total)]
    assert watcher.arrived_bytes == total


def test_a_jar_with_a_wrong_checksum_is_refused_by_name_and_removed(tmp_path: Path) -> None:
    with (
        repository(forged) as maven,
        pytest.raises(JarForged, match=r"two-1\.0\.jar is not the file") as told,
    ):
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert JARS[1].sha256 in told.value.why
    assert kept(tmp_path) == ["one-1.0.jar"]


def test_a_download_that_is_cut_short_is_told_and_never_used(tmp_path: Path) -> None:
    with (
        repository(cut_short) as maven,
        pytest.raises(JarsUnreachable, match="did not arrive") as told,
    ):
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert told.value.why == "the connection broke in the middle of the file."
    assert kept(tmp_path) == []


def test_after_a_failure_only_what_is_missing_is_fetched(tmp_path: Path) -> None:
    with repository(forged) as maven, pytest.raises(JarForged):
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    with repository(whole) as maven:
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert maven.asked == ["two-1.0.jar"]


def test_no_network_is_told_in_a_plain_sentence(tmp_path: Path) -> None:
    with repository(whole) as maven:
        closed = maven.url

    with pytest.raises(JarsUnreachable) as told:
        fetch_jars(tmp_path, Silent(), jars=JARS, url=closed)

    assert told.value.why == "the repository refuses connections."


def test_a_repository_without_the_jar_is_told_in_a_plain_sentence(tmp_path: Path) -> None:
    with repository(absent) as maven, pytest.raises(JarsUnreachable) as told:
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert told.value.why == "the repository does not have it."


@pytest.mark.parametrize("damage", [b"", b"first jar " * 999, b"other jar " * 1_000])
def test_a_jar_that_was_damaged_in_the_cache_is_fetched_anew(tmp_path: Path, damage: bytes) -> None:
    with repository(whole) as maven:
        paths = fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)
        paths[0].write_bytes(damage)
        fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert paths[0].read_bytes() == BYTES["one"]
    assert maven.asked.count("one-1.0.jar") == 2


def test_a_fetch_that_is_killed_in_the_middle_leaves_nothing_that_is_used(tmp_path: Path) -> None:
    release = threading.Event()

    def hanging(handler: BaseHTTPRequestHandler, data: bytes) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:1_000])
        handler.wfile.flush()
        release.wait(30)

    lock = "".join(
        f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256} {jar.size_bytes}\n" for jar in JARS
    )
    fetching = (
        "import sys; from pathlib import Path; from handrail.bus.progress import Silent\n"
        "from handrail.bus.broker_jars import fetch_jars, parse_lock\n"
        "fetch_jars(Path(sys.argv[1]), Silent(), jars=parse_lock(sys.argv[2]), url=sys.argv[3])"
    )
    with repository(hanging) as maven:
        fetcher = subprocess.Popen([sys.executable, "-c", fetching, str(tmp_path), lock, maven.url])
        folder = folder_of(tmp_path)
        until_now(lambda: folder.exists() and list(folder.glob("arriving-*/**/*.jar")))
        fetcher.kill()
        fetcher.wait()
        release.set()
    assert kept(tmp_path)

    with repository(whole) as maven:
        paths = fetch_jars(tmp_path, Silent(), jars=JARS, url=maven.url)

    assert [path.read_bytes() for path in paths] == list(BYTES.values())
    assert kept(tmp_path) == ["one-1.0.jar", "two-1.0.jar"]


def test_whoever_fetches_second_waits_for_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "fetching.lock"

    with file_lock(lock, wait_s=0), pytest.raises(BrokerBusy), file_lock(lock, wait_s=0.1):
        pass


def test_a_cache_that_cannot_be_written_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")

    with pytest.raises(BrokerFolderUnusable, match="cannot use the folder"):
        fetch_jars(tmp_path / "cache", Silent(), jars=JARS, url="http://127.0.0.1:9")


def test_the_lock_names_the_kafka_that_it_says_and_every_jar_once() -> None:
    jars = locked_jars()

    names = [jar.name for jar in jars]
    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in names
    assert len(set(names)) == len(names) == 46
    assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)
    assert parse_lock("# a comment\n\n") == []


def test_no_kafka_is_started_that_loses_the_ends_of_transactions() -> None:
    versions = {jar.version for jar in locked_jars() if jar.group == "org.apache.kafka"}

    assert versions == {KAFKA_VERSION}
    # docs/adr/0036 says what these do to a transaction, and how to tell.
    assert not versions & {"4.3.0", "4.3.1", "4.4.0"}
