"""Evidence 佐证材料: what a file is, and whether it is allowed. Pure; nothing is decoded further than these questions need.

Type and harmlessness are read from the bytes: names and declared types are claims. Five types are known (PDF, JPEG, PNG, DOCX, XLSX).
A file is refused when it may do something by itself, when it carries what no viewer shows, or when it cannot be looked into.
"""

from services.router.evidence.facts import FileFacts, MediaType, file_id
from services.router.evidence.inspection import LARGEST, inspect_file

__all__ = ["LARGEST", "FileFacts", "MediaType", "file_id", "inspect_file"]
