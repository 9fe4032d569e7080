"""How the engine, the process that forks and a confined child talk: lengths, JSON and descriptors.

Nothing that a child sends is believed: lengths are bounded before anything is read, and whatever
does not parse is a broken frame.
"""

import array
import socket
import struct
from collections.abc import Sequence
from typing import Any, cast

import orjson

HEAD = struct.Struct("!I")
CONTROL_BYTES_MAX = 256 * 1024
DESCRIPTORS_MAX = 4


class FrameBroken(Exception):
    """The other side closed, or sent what is no frame."""


def frame(value: object) -> bytes:
    """Give a value as a frame: its length, then its JSON."""
    body = orjson.dumps(value)
    return HEAD.pack(len(body)) + body


def parsed(body: bytes) -> dict[str, Any]:
    """Give what a frame holds. Raises FrameBroken."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise FrameBroken(str(error)) from error
    if not isinstance(value, dict):
        raise FrameBroken("not an object")
    return cast("dict[str, Any]", value)


def receive(sock: socket.socket, bytes_max: int) -> dict[str, Any]:
    """Read one frame, blocking. Raises FrameBroken, OSError."""
    (length,) = HEAD.unpack(_exactly(sock, HEAD.size))
    if length > bytes_max:
        raise FrameBroken(f"{length} bytes are more than {bytes_max}")
    return parsed(_exactly(sock, length))


def _exactly(sock: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = sock.recv(min(length - len(parts), 1 << 16))
        if not part:
            raise FrameBroken("closed")
        parts += part
    return bytes(parts)


def send_with(sock: socket.socket, data: bytes, descriptors: Sequence[int]) -> None:
    """Send bytes and, beside them, open files."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    sock.sendmsg([data], rights if descriptors else [])


def receive_with(sock: socket.socket, bytes_max: int) -> tuple[bytes, list[int]]:
    """Receive bytes and the open files beside them; no bytes: the other side is gone."""
    room = socket.CMSG_SPACE(DESCRIPTORS_MAX * array.array("i").itemsize)
    data, beside, _, _ = sock.recvmsg(bytes_max, room, socket.MSG_CMSG_CLOEXEC)
    found = array.array("i")
    for level, kind, held in beside:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(held[: len(held) - len(held) % found.itemsize])
    return data, list(found)
