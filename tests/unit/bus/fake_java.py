"""A real program that stands in for Java and fails in one way, so that each failure can be seen.

It understands what the local broker asks of Java: `-version`, the storage tool and the server.
"""

import stat
import sys
from pathlib import Path

SCRIPT = """\
#!{python}
import os, subprocess, sys, time
from pathlib import Path

arguments = sys.argv[1:]
asked = "version"
if "kafka.tools.StorageTool" in arguments:
    asked = "format"
elif "kafka.Kafka" in arguments:
    asked = "serve"
{body}
"""

WILL_NOT_START = """
sys.stderr.write("Error: could not reserve enough space for the heap\\n")
sys.exit(1)
"""

FORMAT_FAILS = """
if asked == "format":
    sys.stderr.write("the storage is full of sand\\n")
    sys.exit(1)
"""

DIES_WHILE_STARTING = """
if asked == "serve":
    print("everything is fine so far")
    print("FATAL: the magic smoke has left")
    sys.exit(3)
"""

NEVER_READY = """
if asked == "serve":
    print("thinking")
    sys.stdout.flush()
    time.sleep(600)
"""

#: Its ports are snatched away between the look at them and the start: a stranger listens, it dies.
PORTS_SNATCHED = """
if asked == "serve":
    line = next(l for l in Path("server.properties").read_text().splitlines()
                if l.startswith("listeners="))
    port = line.split("PLAINTEXT://127.0.0.1:")[1].split(",")[0]
    stranger = "import socket,sys; s=socket.create_server(('127.0.0.1', int(sys.argv[1])));" \\
               "print(flush=True); [s.accept() for _ in iter(int, 1)]"
    child = subprocess.Popen([sys.executable, "-c", stranger, port], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL)
    child.stdout.readline()
    with open("../strangers", "a") as strangers:
        strangers.write(f"{child.pid}\\n")
    sys.exit(1)
"""


def write_java(folder: Path, body: str) -> Path:
    """Write such a program and give its path."""
    path = folder / "java"
    path.write_text(SCRIPT.replace("{python}", sys.executable).replace("{body}", body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
