"""The entry of the command line: runs one command and turns every failure into words and a code.

Exit codes: 0 ok, 1 the work failed, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 timed out
and still running, 7 waiting for a person, 8 broker unreachable, 9 verification failed,
130 interrupted. Data goes to standard output, everything else to standard error.
"""

import io
import os
import sys
from collections.abc import Sequence

import click

from handrail.cli.failure import report, report_defect, report_file, report_usage
from handrail.cli.lazy import LazyGroup
from handrail.cli.place import Place, place_options
from handrail.errors import HandrailError

INTERRUPTED = 130


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="A command's own help: handrail COMMAND --help",
)
@place_options
def root(place: Place) -> None:
    """Run a team of agents on Kafka: typed handoffs, exactly once, in plain Python processes."""


def main(arguments: Sequence[str] | None = None, command: click.Command = root) -> int:
    """Run one command and give its exit code; the process is not ended here."""
    for stream in (sys.stdout, sys.stderr):
        # A letter that the terminal lacks is no reason to fail: it is shown as its number.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _invoke(command, arguments)
        sys.stdout.flush()
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.exceptions.NoArgsIsHelpError as no_arguments:
        click.echo(no_arguments.format_message(), err=True)
        return 2
    except click.UsageError as wrong:
        return report_usage(wrong)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has seen enough (`handrail list | head`). Python would try to
        # flush standard output once more at exit and complain; give it somewhere to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HandrailError as error:
        return report(error)
    except (SystemExit, GeneratorExit):
        raise
    except OSError as error:
        return report_file(error)
    # The border: the unforeseen is written down, a cancelled task that nobody caught included.
    except BaseException as error:  # noqa: BLE001
        return report_defect(error)
    return code if isinstance(code, int) else 0


def _invoke(command: click.Command, arguments: Sequence[str] | None) -> object:
    """Run the command that the words name; give what it returned."""
    if "_HANDRAIL_COMPLETE" in os.environ:  # a shell asks what could come next
        command.main(args=arguments, prog_name="handrail")
    # Not `command.main`: it would end the process by itself where a pipe is closed.
    words = sys.argv[1:] if arguments is None else list(arguments)
    for word in words:
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            shown = word.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            message = f"{shown} cannot be read as UTF-8, which is what messages are written in."
            raise click.UsageError(message)
    with command.make_context("handrail", words) as context:
        return command.invoke(context)
