"""One module for each document format: bytes or text in, a versioned `Extract` out.

Guarantees: each parser is a pure function of its input and its library's version, both of which
its `version` names; the same input and version give the same text.
"""
