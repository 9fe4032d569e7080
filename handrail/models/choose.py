"""Chooses the model of a process from its environment, without loading or asking any.

`HANDRAIL_MODEL` as `module:Class` is a model of your own; else `ANTHROPIC_API_KEY` means Claude,
with `HANDRAIL_MODEL` as its id and `ANTHROPIC_BASE_URL` as its address; else answers are selected
from the sources that a call gives.
"""

import importlib
import os
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import cast

from handrail.contract.cleared import as_read, cleared_words
from handrail.errors import ModelNotInstalled
from handrail.models.claude import MODEL_DEFAULT, ClaudeModel, ClaudeSettings
from handrail.models.extractive import ExtractiveModel
from handrail.models.port import Model

MODEL, KEY, ADDRESS = "HANDRAIL_MODEL", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL"


def model_from_environment(
    environment: Mapping[str, str] = os.environ,
    *,
    model: str | None = None,
    importing: Callable[[str], ModuleType] = importlib.import_module,
) -> Model:
    """Give the model of this process; `model`, from the settings, yields to `HANDRAIL_MODEL`.

    `importing` finds the module of a model of your own, so that it may stand in a team's folder.

    Raises ModelNotInstalled when a model of your own cannot be loaded or is no model.
    """
    named = environment.get(MODEL) or model or ""
    if ":" in named:
        return _own(named, importing, {KEY: as_read(environment.get(KEY, ""))})
    if key := as_read(environment.get(KEY, "")):
        return ClaudeModel(
            ClaudeSettings(
                model=named or MODEL_DEFAULT,
                api_key=key,
                base_url=environment.get(ADDRESS) or None,
            )
        )
    return ExtractiveModel()


async def close_model(model: Model) -> None:
    """Give back what a model holds, if it holds anything."""
    close = getattr(model, "close", None)
    if close is not None:
        await close()


def _own(name: str, importing: Callable[[str], ModuleType], secrets: Mapping[str, str]) -> Model:
    module_name, _, class_name = name.partition(":")
    try:
        made: object = cast("Callable[[], object]", getattr(importing(module_name), class_name))()
    except Exception as error:
        raise ModelNotInstalled(
            model=name,
            reason=cleared_words(repr(error), secrets),
            cure=f"python -c 'from {module_name} import {class_name}; {class_name}()'    must work",
        ) from error
    missing = [part for part in ("name", "effect", "respond") if not hasattr(made, part)]
    if missing:
        raise ModelNotInstalled(
            model=name,
            reason=f"{class_name} has no {', '.join(missing)}",
            cure="handrail runbook HR-MODEL-009    what a model of your own must have",
        )
    return cast("Model", made)
