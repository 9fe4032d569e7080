"""Chooses the record key of a message, and with it what runs in order and what side by side.

Messages of one key are carried out in order, one at a time; different keys side by side.
"""

from handrail.wire.envelope import Envelope


def record_key(envelope: Envelope, topic: str, own: str | None = None) -> bytes:
    """Give the key of a message for a topic (named without namespace).

    Where a fan-out is gathered, its id, so that its parts meet in one place. Else `own`, the key
    that the topic's rule names. Else, inside a fan-out, fan-out and part, so that parts run side
    by side. Else the task.
    """
    innermost = envelope.fan_outs[-1] if envelope.fan_outs else None
    if innermost is not None and innermost.gather == topic:
        return innermost.fan_out.encode()
    if own is not None:
        return own.encode()
    if innermost is not None:
        return f"{innermost.fan_out}/{innermost.part}".encode()
    return envelope.task_id.encode()
