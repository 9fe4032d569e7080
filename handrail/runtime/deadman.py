"""Ends a child process when its supervisor is gone, whatever the supervisor died of.

On Linux the kernel does it (PR_SET_PDEATHSIG). Elsewhere a thread reads a pipe whose other end only
the supervisor holds: its end of file is the supervisor's death. Both hold when the child's event
loop hangs. Killing a child loses nothing and doubles nothing; that is what the lanes are for.
"""

import ctypes
import os
import signal
import sys
import threading

PIPE_VARIABLE = "HANDRAIL_SUPERVISOR_PIPE"
PID_VARIABLE = "HANDRAIL_SUPERVISOR_PID"
PR_SET_PDEATHSIG = 1  #: <sys/prctl.h>, Linux
ENDED_BY_SUPERVISOR_DEATH = 137  #: what a shell shows for SIGKILL


def end_with_supervisor() -> None:
    """Bind this process to the supervisor that started it; does nothing when nobody did."""
    supervisor, pipe = os.environ.pop(PID_VARIABLE, ""), os.environ.pop(PIPE_VARIABLE, "")
    if supervisor and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != int(supervisor):  # it died before the kernel knew of our wish
            os._exit(ENDED_BY_SUPERVISOR_DEATH)
    if pipe:
        threading.Thread(
            target=_end_at_end_of_file, args=(int(pipe),), name="supervisor-watch", daemon=True
        ).start()


def _end_at_end_of_file(pipe: int) -> None:
    os.set_inheritable(pipe, False)
    while True:
        try:
            if not os.read(pipe, 1):
                os._exit(ENDED_BY_SUPERVISOR_DEATH)
        except InterruptedError:
            continue
        except OSError:
            os._exit(ENDED_BY_SUPERVISOR_DEATH)
