"""A process of a team under chaos: `python -m handrail.chaos.member AGENT --project DIR`.

The same process as `handrail run AGENT`, with stand-ins for whatever its tools would do outside.
"""

import argparse
import os
from pathlib import Path

from handrail.bus.settings_file import load_settings
from handrail.chaos.stand_in import stand_in_for
from handrail.runtime.child import NOTE_VARIABLE
from handrail.runtime.deadman import end_with_supervisor
from handrail.runtime.discovery import load_team
from handrail.runtime.log_lines import set_up_logging
from handrail.runtime.serving import Serving, run_loop, serve


def main() -> None:
    """Serve one agent until SIGTERM."""
    end_with_supervisor()
    set_up_logging()
    given = argparse.ArgumentParser()
    given.add_argument("agent")
    given.add_argument("--project", type=Path, required=True)
    arguments = given.parse_args()
    settings = load_settings(arguments.project, {})
    os.environ["HANDRAIL_PROJECT"] = str(settings.project_dir)
    team = load_team(settings.project_dir)
    stand_in_for(team.tools.values())
    assert settings.broker.bootstrap is not None, "whoever starts this names the broker"
    run_loop(
        serve(
            Serving(
                settings=settings,
                bootstrap=settings.broker.bootstrap,
                name=Path(os.environ[NOTE_VARIABLE]).stem,
                team=team.description(intake=settings.intake),
                agents=team.chosen([arguments.agent]),
                tool_files=team.tool_files,
            )
        )
    )


if __name__ == "__main__":
    main()
