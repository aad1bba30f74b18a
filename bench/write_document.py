"""Puts a bench's tables into the document: write_document.py DOCUMENT SECTION TABLES.

They replace what stands between <!-- SECTION --> and <!-- end of SECTION -->."""
import pathlib
import sys

document, section = pathlib.Path(sys.argv[1]), sys.argv[2]
tables = pathlib.Path(sys.argv[3]).read_text(encoding="utf-8").strip()
begin, end = f"<!-- {section} -->", f"<!-- end of {section} -->"
before, found_begin, rest = document.read_text(encoding="utf-8").partition(begin)
_, found_end, after = rest.partition(end)
if not found_begin or not found_end:
    sys.exit(f"{document} has no part between {begin} and {end}")
document.write_text(f"{before}{begin}\n\n```\n{tables}\n```\n\n{end}{after}", encoding="utf-8")
