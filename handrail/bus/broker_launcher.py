"""Starts the local Kafka apart from whoever asked, and may end it when the asker is gone.

Run as a script, alone: `python -I -S broker_launcher.py free|tied FOLDER COMMAND…`. The broker
works in the folder. Its output goes to `broker.out` there, and its pid to `broker.pid` at once, so
that it is found again even if the asker was killed in that moment; the pid is printed too. `free`:
the launcher then ends, and the broker belongs to nobody. `tied`: it stays, and ends the broker as
soon as its standard input closes, which happens whenever and however the asker ends, kill -9
included.
"""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

ENDING_S_MAX = 10.0
LOOK_AGAIN_S = 0.5


def main(way: str, folder: Path, command: list[str]) -> int:
    """Start the command in a session of its own and say its pid."""
    # Ctrl-C in a terminal is meant for the asker, which ends the broker in its own order.
    os.setsid()
    with (folder / "broker.out").open("ab") as out:
        try:
            broker = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        except OSError as error:
            sys.stderr.write(str(error))
            return 1
    (folder / "broker.pid").write_text(str(broker.pid))
    os.write(1, f"{broker.pid}\n".encode())
    os.close(1)
    if way == "free":
        # The interpreter would complain about a child that it leaves running.
        os._exit(0)
    return watch(broker)


def watch(broker: subprocess.Popen[bytes]) -> int:
    """End the broker once standard input is closed; return when the broker has ended."""

    def told_to_end(_sign: int, _frame: object) -> None:
        os.close(0)

    signal.signal(signal.SIGTERM, told_to_end)
    while broker.poll() is None:
        try:
            readable, _, _ = select.select([0], [], [], LOOK_AGAIN_S)
            asker_is_gone = bool(readable) and not os.read(0, 1)
        except OSError:
            asker_is_gone = True
        if asker_is_gone:
            broker.terminate()
            try:
                broker.wait(ENDING_S_MAX)
            except subprocess.TimeoutExpired:
                broker.kill()
                broker.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
