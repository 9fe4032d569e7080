"""The provider as a process: `python -m handrail.chaos.provider_process ACCOUNT PORT_FILE SEED`.

It writes its port to PORT_FILE once it listens, and ends with whoever started it.
"""

import asyncio
import sys
from pathlib import Path

from handrail.bus.broker_folder import write_whole
from handrail.chaos.lines import Lines
from handrail.chaos.provider import HOST, Plan, Provider, Server
from handrail.runtime.deadman import end_with_supervisor


async def serve(account: Path, port_file: Path, seed: int) -> None:
    """Serve until this process ends."""
    server = Server(Provider(Lines(account), Plan(seed)))
    port = await server.start()
    write_whole(port_file, f"{HOST}:{port}")
    await server.forever()


if __name__ == "__main__":
    end_with_supervisor()
    asyncio.run(serve(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
