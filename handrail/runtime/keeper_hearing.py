"""Reads what stands on the commands of memory; whatever it is, nothing raises."""

from handrail.bus.murmur2 import partition_for
from handrail.errors.root import HandrailError
from handrail.memory.asked import Asked
from handrail.runtime.keeper_telling import Heard, unreadable
from handrail.wire.codec import decode_envelope
from handrail.wire.memory import COMMAND_TYPE, Command, Op
from handrail.wire.record import Record

#: What is sent to every partition, whatever its key.
OF_SUBJECTS = frozenset({Op.FORGET, Op.HOLD, Op.RELEASE})


def hear(record: Record, partitions: int) -> Heard:
    """Read one record as a command, or say in words why it is none."""
    try:
        envelope = decode_envelope(record)
    except HandrailError as error:
        return Heard(record, None, None, unreadable(error.what))
    if envelope.type != COMMAND_TYPE:
        return Heard(record, envelope, None, unreadable(f"its type is {envelope.type[:80]}"))
    try:
        command = Command.decode(record.value)
        key = command.key.encode()
    except (HandrailError, UnicodeEncodeError) as error:
        words = error.what if isinstance(error, HandrailError) else "its key is no text"
        return Heard(record, envelope, None, unreadable(words))
    if command.op not in OF_SUBJECTS:
        if record.key != key:
            return Heard(record, envelope, None, unreadable("its key is not the one it names"))
        if partition_for(key, partitions) != record.partition:
            # In another partition there may be another value of this key.
            return Heard(record, envelope, None, unreadable("it stands in a wrong partition"))
    asked = Asked(
        command=command,
        partition=record.partition,
        offset=record.offset,
        task_id=envelope.task_id,
        tenant=envelope.tenant,
        message_id=envelope.causation_id or "",
        deadline_ms=envelope.deadline_ms,
        label=envelope.label,
    )
    return Heard(record, envelope, asked)
