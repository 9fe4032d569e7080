"""What a build makes of the Dockerfile, without a container engine: the context, then the files.

Reads as much of both languages as the two files use; what it does not know is an error.
"""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

PROJECT = "/srv/team"
CONTEXT = "/context"
ENGINE = "/opt/handrail"


def sent(root: Path, target: Path) -> Path:
    """Copy what .dockerignore lets through into a folder: the context of the build."""
    rules = [line for line in (root / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and not _ignored(inside, [rule for rule in rules if rule.strip()]):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / inside)
    return target


def _ignored(path: Path, rules: list[str]) -> bool:
    """The last rule that fits the path, or a folder it lies in, decides."""
    names = [path.as_posix(), *(folder.as_posix() for folder in path.parents[:-1])]
    ignored = False
    for rule in rules:
        if any(re.fullmatch(_pattern(rule.removeprefix("!")), name) for name in names):
            ignored = not rule.startswith("!")
    return ignored


def _pattern(rule: str) -> str:
    parts = {"**/": "(?:.*/)?", "*": "[^/]*"}
    return "".join(parts.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*)", rule))


def instructions(root: Path) -> list[list[str]]:
    """Give the instructions of each stage, one a line."""
    text = re.sub(r"^#.*\n", "", (root / "deploy" / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line for line in re.sub(r"\\\n\s*", "", text).splitlines() if line.strip()]
    stages: list[list[str]] = []
    for line in lines:
        if line.startswith("FROM "):
            stages.append([])
        stages[-1].append(line)
    return stages


def built(root: Path, context: Path, image: Path) -> Path:
    """Carry out the last stage from a context; give the project folder of the image."""
    project = _within(image, PROJECT)
    project.mkdir(parents=True)
    for line in instructions(root)[-1]:
        word, _, rest = line.partition(" ")
        if word == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                _copy(context / source, _within(image, target), into=target.endswith("/"))
        elif word == "RUN" and f"target={CONTEXT} " in rest:
            _, _, shell = rest.partition(f"target={CONTEXT} ")
            done = shell.replace(CONTEXT, str(context))
            subprocess.run(["sh", "-c", done], cwd=project, check=True)
    return project


def _within(image: Path, target: str) -> Path:
    return image / (target if target.startswith("/") else f"{PROJECT}/{target}").lstrip("/")


def _copy(source: Path, target: Path, *, into: bool) -> None:
    """COPY takes what a folder holds, not the folder; a target that ends with / is a folder."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
        return
    target = target / source.name if into else target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
