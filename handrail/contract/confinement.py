"""What a tool declares of its sandbox: how much must hold, how much it may use, whom it may reach.

Guarantee: a tool that declares nothing gets `standard`, no network, nothing to write to, no
processes of its own, and bounds on time, memory and output.
"""

import math
from dataclasses import dataclass, fields
from enum import StrEnum

MIB = 1 << 20
OUTPUT_BYTES_MAX = 16 * MIB  #: what any tool may declare; far more than a model reads
MEMORY_BYTES_MIN = 16 * MIB  #: below it Python itself cannot run a tool's body
PROCESSES_COUNT_MAX = 256


class Level(StrEnum):
    """How firmly a tool's body is confined. Each level holds what the one before it holds."""

    NONE = "none"  #: a process of its own with a clean environment; nothing is forbidden to it
    STANDARD = "standard"  #: files, network, other processes, privileges: the kernel refuses them
    STRICT = "strict"  #: the same, and namespaces of its own: what is refused is not even there

    @property
    def rank(self) -> int:
        """Where the level stands; a higher one is firmer."""
        return list(Level).index(self)

    def holds(self, wanted: "Level") -> bool:
        """Say whether whoever wants a level is content with this one."""
        return self.rank >= wanted.rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one call may use. Every bound is enforced by the kernel or by the engine."""

    wall_s: float = 10.0  #: then the whole process tree is killed
    cpu_s: int = 10
    memory_bytes: int = 512 * MIB  #: beyond what is loaded before the body begins
    disk_bytes: int = 0  #: a private scratch folder of this size; 0: nothing can be written
    processes: int = 0  #: besides the body's own; 0: it cannot start any
    open_files: int = 64
    output_bytes: int = MIB  #: of the result

    def __post_init__(self) -> None:
        """Refuse bounds that bound nothing. Raises ValueError."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in {"disk_bytes", "processes"} else 1e-3
            if not least <= value < math.inf:
                raise ValueError(f"{field.name}={value} bounds nothing")
        if self.memory_bytes < MEMORY_BYTES_MIN:
            raise ValueError(f"memory_bytes={self.memory_bytes}: Python needs {MEMORY_BYTES_MIN}")
        if self.output_bytes > OUTPUT_BYTES_MAX:
            raise ValueError(f"output_bytes={self.output_bytes}: at most {OUTPUT_BYTES_MAX}")
        if self.processes > PROCESSES_COUNT_MAX:
            raise ValueError(f"processes={self.processes}: at most {PROCESSES_COUNT_MAX}")
