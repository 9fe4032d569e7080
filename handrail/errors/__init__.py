"""Every error of the engine, one file for each family of codes."""

from handrail.errors.root import HandrailError, every_error, message_parts

__all__ = ["HandrailError", "every_error", "message_parts"]
