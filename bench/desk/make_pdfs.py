"""Makes the library's PDF files from their sources: `python -m bench.desk.make_pdfs`.

Guarantees: the same sources and the same fpdf2 give the same bytes, since the date inside is
fixed; every file has a numbered foot on each page.
"""

from datetime import UTC, datetime
from pathlib import Path

import click
from fpdf import FPDF

SOURCES = Path(__file__).parent / "pdf_sources"
LIBRARY = Path(__file__).parents[2] / "desk" / "library"


class _Sheet(FPDF):
    """A small page in one serif font with its number at the foot."""

    def footer(self) -> None:
        """Print the page's number."""
        self.set_y(-14)
        self.set_font("Times", size=9)
        self.cell(0, 8, f"Page {self.page_no()}", align="C")


def make(source: str) -> bytes:
    """Lay one source out: `#` is the title, `##` a heading, every other line a paragraph."""
    sheet = _Sheet(format=(148, 210))
    sheet.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    sheet.set_auto_page_break(auto=True, margin=18)
    sheet.add_page()
    for line in source.splitlines():
        if line.startswith("# "):
            sheet.set_title(line[2:])
            _write(sheet, line[2:], "B", 17, 9)
        elif line.startswith("## "):
            _write(sheet, line[3:], "B", 13, 8)
        elif line.strip():
            _write(sheet, line, "", 11, 5.5)
    return bytes(sheet.output())


def _write(sheet: FPDF, text: str, style: str, size: int, height: float) -> None:
    sheet.set_font("Times", style=style, size=size)
    sheet.multi_cell(0, height, text, align="L", new_x="LMARGIN", new_y="NEXT")
    sheet.ln(2)


def main() -> None:
    """Make every file again and say which."""
    for source in sorted(SOURCES.rglob("*.txt")):
        target = (LIBRARY / source.relative_to(SOURCES)).with_suffix(".pdf")
        target.write_bytes(make(source.read_text("utf-8")))
        click.echo(f"{target.relative_to(LIBRARY)}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
