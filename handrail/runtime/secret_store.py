"""Opens the store of secrets: a folder, one of the team's own, or the process's own variables.

`HANDRAIL_SECRETS=module:name` names what is called without arguments and gives a `SecretStore`,
such as a client of a vault; the module may stand in the project's folder. `HANDRAIL_SECRETS_DIR`
is a folder with `TENANT/NAME`. Without either a secret is a variable.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from handrail.contract.failure import Refused, State
from handrail.rails.secrets import EnvironmentSecrets, FolderSecrets, SecretStore
from handrail.runtime.team_imports import import_named

OWN: Final = "HANDRAIL_SECRETS"
FOLDER: Final = "HANDRAIL_SECRETS_DIR"


def open_secrets(
    project: Path | None = None, environment: Mapping[str, str] = os.environ
) -> SecretStore:
    """Give the store. Raises Refused (`precondition_failed`) for one of the team's own."""
    if named := environment.get(OWN):
        return _own(named, project or Path.cwd())
    if folder := environment.get(FOLDER):
        return FolderSecrets(Path(folder))
    return EnvironmentSecrets(environment)


class ProjectSecrets:
    """The store of one project, opened when it is first asked."""

    def __init__(self, project: Path | None) -> None:
        """Look for a store of the team's own here."""
        self._project = project
        self._store: SecretStore | None = None

    def read(self, tenant: str, name: str) -> str | None:
        """Give one; None when there is none. Raises Refused."""
        return self._opened().read(tenant, name)

    def place(self, tenant: str, name: str) -> str:
        """Say where it would have to be."""
        return self._opened().place(tenant, name)

    def _opened(self) -> SecretStore:
        if self._store is None:
            self._store = open_secrets(self._project)
        return self._store


def _own(named: str, project: Path) -> SecretStore:
    module, _, name = named.partition(":")
    try:
        made: object = getattr(import_named(project, module), name)()
    except Exception as error:
        detail = f"the store of secrets {named} cannot be opened: {error!r}"
        cure = f"Let an operator correct {OWN}."
        raise Refused(State.PRECONDITION_FAILED, detail, remedy=cure) from error
    return cast("SecretStore", made)
