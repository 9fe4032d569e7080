"""A stretch of a source that a model may quote, with all that is needed to prove the quote."""

from pydantic import BaseModel, ConfigDict, Field


class Passage(BaseModel):
    """Text of a source and where it stands in it.

    For a plain text file the range counts bytes of the file itself. For a file whose text had to
    be extracted (HTML, PDF) it counts bytes of the extracted text, and parser, parser version and
    the digest of that text are set, so that anybody can extract again and compare.
    """

    model_config = ConfigDict(frozen=True)

    id: str = Field(min_length=1, description="Unique among the passages of one call.")
    text: str
    heading: str = Field(default="", description="What it stands under; read, but never quoted.")
    source: str = Field(default="", description="The name of the file within its collection.")
    source_sha256: str = ""
    start: int = Field(default=0, ge=0, description="First byte of the range.")
    end: int = Field(default=0, ge=0, description="The byte after the last one of the range.")
    page: int | None = Field(default=None, ge=1)
    parser: str | None = None
    parser_version: str | None = None
    text_sha256: str | None = None
