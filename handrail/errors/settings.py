"""What can be wrong with what a project or its environment sets."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class SettingsUnreadable(HandrailError):
    """{file} cannot be read.

    Why: {reason}
    Do: $EDITOR {file}    put that line right; it is TOML
    handrail config show    then shows every setting
    """

    code: ClassVar[str] = "HR-CFG-001"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SettingMisspelt(HandrailError):
    """{where} sets {key}, which is no setting.

    Why: {reason}
    Do: $EDITOR {file}    {cure}
    handrail config show    every setting with its value
    """

    code: ClassVar[str] = "HR-CFG-002"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SettingWrong(HandrailError):
    """The setting {key} cannot be {value}, as {where} says.

    Why: {reason}
    Do: handrail config explain {key}    what it means and what may be set
    """

    code: ClassVar[str] = "HR-CFG-003"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class SettingsClash(HandrailError):
    """The settings of the broker do not fit together.

    Why: {reason}
    Do: handrail config explain {key}    what it means and where its value comes from
    """

    code: ClassVar[str] = "HR-CFG-004"
    exit_code: ClassVar[int] = 2
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
