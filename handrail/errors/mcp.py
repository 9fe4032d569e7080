"""What can go wrong with MCP servers; how a call to one ends is an outcome, not an error."""

from typing import ClassVar

from handrail.errors.root import FailureClass, HandrailError


class McpNotInstalled(HandrailError):
    """The MCP server {server} is configured, and the client for MCP is not installed.

    Why: it is an extra, because few teams need it.
    Do: pip install "handrail[mcp]"
    """

    code: ClassVar[str] = "HR-MCP-001"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class McpServerAway(HandrailError):
    """The MCP server {server} cannot be reached.

    Why: {reason}
    Do: handrail tools remote    every server with its state
    """

    code: ClassVar[str] = "HR-MCP-002"
    failure_class: ClassVar[FailureClass] = FailureClass.TRANSIENT


class McpToolsInvalid(HandrailError):
    """The MCP server {server} offers tools that cannot be used.

    Why: {reason}
    Do: handrail tools remote    every server with its state
    """

    code: ClassVar[str] = "HR-MCP-003"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class McpLockUnreadable(HandrailError):
    """The file {file}, in which the definitions of MCP tools are pinned, cannot be read.

    Why: {reason}
    Do: git log -p {file}    see what has changed it
    handrail tools pin SERVER    look at the definitions and pin them anew
    """

    code: ClassVar[str] = "HR-MCP-004"
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL


class McpToolUnknown(HandrailError):
    """There is no MCP server or tool called {name}.

    Why: {reason}
    Do: handrail tools remote    every server and tool
    """

    code: ClassVar[str] = "HR-MCP-005"
    exit_code: ClassVar[int] = 3
    failure_class: ClassVar[FailureClass] = FailureClass.FATAL
