"""Files that a person may put into a collection and that cannot, or only just, be read."""

import io

from fpdf import FPDF
from pypdf import PdfReader, PdfWriter


def pdf(*pages: str) -> bytes:
    """Make a PDF with one paragraph on each page; Latin text only."""
    sheet = FPDF()
    for page in pages:
        sheet.add_page()
        sheet.set_font("Times", size=12)
        if page:
            sheet.multi_cell(0, 6, page)
    return bytes(sheet.output())


def locked_pdf(password: str) -> bytes:
    """Make a PDF that opens with a password; an empty one locks only its owner out."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("The vault opens at nine."))))
    writer.encrypt(password, owner_password="owner", algorithm="AES-256")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
