"""The end of a process in which a thread is left that does not end."""

import subprocess
import sys

from handrail.errors.supervision import ScaleWrong

WITHIN_S = 60.0
LEFT = """
import asyncio, time

async def main():
    asyncio.get_running_loop().run_in_executor(None, {name})
    {ends}

def {name}():
    time.sleep(3600)

from handrail.cli.main import main as run_command
from handrail.runtime.serving import run_loop
import click, sys

@click.command()
def serves():
    run_loop(main())

sys.exit(run_command([], serves))
"""


def ended(ends: str) -> subprocess.CompletedProcess[str]:
    text = LEFT.format(name="never_ends", ends=ends)
    return subprocess.run(
        [sys.executable, "-c", text],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )


def test_a_process_whose_work_is_over_ends_without_a_thread_that_does_not() -> None:
    done = ended("return")

    assert done.returncode == 0
    assert "in never_ends" in done.stdout + done.stderr


def test_why_a_process_ends_is_told_whatever_its_threads_do() -> None:
    raises = "from handrail.errors import ScaleWrong; raise ScaleWrong(given='x', reason='why')"
    done = ended(raises)

    assert done.returncode == ScaleWrong.exit_code
    assert ScaleWrong.code in done.stderr


def test_a_process_ends_without_its_thread_also_where_nobody_reads_what_it_says() -> None:
    done = ended("import os; os.close(1); os.close(2)")

    assert done.returncode == 0
