"""DOCX and XLSX: which of the two, and whether anything in the package runs, fetches or hides. Pure.

ECMA-376 part 2 (packages): the list of content types says what parts are, relationships say what is done with them.
"""

from __future__ import annotations

import html
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException, ElementTree

from libs.events.errors import Refused
from services.router.evidence.facts import Allowance, MediaType
from services.router.evidence.package import TROUBLE, open_package

MOST_UNPACKED: Final = 150 * 1024 * 1024
MOST_PARSED: Final = 4 * 1024 * 1024
MOST_READ: Final = 32 * 1024 * 1024
MOST_NESTED: Final = 10 * 1024 * 1024
_HEAD: Final = 64 * 1024
_CHUNK: Final = 256 * 1024
_TYPES: Final = "[Content_Types].xml"
_ROOT: Final = "_rels/.rels"
_PREFIX: Final = "application/vnd.openxmlformats-officedocument."
_MAIN: Final = {
    _PREFIX + "wordprocessingml.document.main+xml": MediaType.DOCX,
    _PREFIX + "spreadsheetml.sheet.main+xml": MediaType.XLSX,
}
_ACTIVE_TYPES: Final = re.compile(
    r"macroenabled|vbaproject|vbadata|activex|oleobject|macrosheet|attachedtoolbars|webextension|script|x-msdownload|x-dosexec"
)
_ACTIVE_RELATIONSHIPS: Final = frozenset(
    {"vbaproject", "wordvbadata", "oleobject", "control", "activexcontrolbinary", "attachedtemplate", "afchunk", "subdocument", "frame"}
) | frozenset({"xlmacrosheet", "xlintlmacrosheet", "attachedtoolbars", "webextension", "webextensiontaskpanes", "mailmergesource"})
_OTHER_WORKBOOKS: Final = frozenset({"externallinkpath", "xlpathmissing", "xlexternallinkpath", "xlstartup", "xlalternatestartup"})
_LOCAL_LINK: Final = re.compile(r"(?:file:///)?[a-z]:[\\/]", re.IGNORECASE)
_PUBLIC_LINK: Final = re.compile(r"https?://|ftp://|mailto:|tel:", re.IGNORECASE)
_CONTROL: Final = re.compile(r"[\x00-\x1f]")
_SCHEME: Final = re.compile(r"\s*[a-z][a-z0-9+.-]*:", re.IGNORECASE)
# DOS and Windows, ELF, Mach-O and Java, OLE, Unix scripts, RAR, 7z, Windows shortcuts, PDF.
_FOREIGN: Final = (
    b"MZ", b"\x7fELF", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"\xd0\xcf\x11\xe0",
    b"#!", b"Rar!", b"7z\xbc\xaf", b"L\x00\x00\x00\x01\x14\x02", b"%PDF-"
)  # fmt: skip
_RUNNABLE: Final = frozenset({"exe", "dll", "com", "scr", "msi", "bat", "cmd", "ps1", "vbs", "vbe", "js", "jse", "wsf", "hta"}) | frozenset(
    {"jar", "lnk", "py", "sh", "php", "html", "htm"}
)
_XML: Final = frozenset({"xml", "rels", "vml"})
_FIELD: Final = re.compile(r"instrText[^<>]{0,100}>([^<]*)|\binstr\s*=\s*[\"']([^\"']*)")
_DDE: Final = re.compile(r"\bDDE(AUTO)?\b", re.IGNORECASE)
_DDE_LINK: Final = re.compile(rb"<(?:\w+:)?(?:ddeLink|oleLink)\b")


@dataclass(frozen=True, slots=True)
class _Allowances:
    """Shared by a package and those within it: bytes unpacked, bytes parsed as XML."""

    unpacked: Allowance
    parsed: Allowance


def inspect_office(content: bytes) -> MediaType:
    """Tell DOCX from XLSX and check that it is whole and harmless. Raises Refused."""
    return _inspect(content, _Allowances(Allowance(MOST_UNPACKED), Allowance(MOST_PARSED)), nested=False)


def _inspect(content: bytes, allowances: _Allowances, *, nested: bool) -> MediaType:
    with open_package(content, allowances.unpacked) as archive:
        try:
            names = archive.namelist()
            if _TYPES not in names:
                raise Refused("file_type_not_allowed")
            if _ROOT not in names:
                raise Refused("file_damaged")
            media_type = _check_types(_parsed(archive, _TYPES, allowances), _parsed(archive, _ROOT, allowances), names)
            for name in names:
                if name.endswith(".rels"):
                    _check_relationships(_parsed(archive, name, allowances))
            for part in archive.infolist():
                _check_part(archive, part, allowances, nested)
        except (ParseError, LookupError, *TROUBLE) as error:
            raise Refused("file_active_content" if isinstance(error, DefusedXmlException) else "file_damaged") from error
    return media_type


def _check_types(types: Element, root: Element, names: Sequence[str]) -> MediaType:
    """What the package is: its main part must exist, be named by the package's own relationship, and be of an allowed type."""
    extensions = {_extension(name) for name in names}
    overrides = {_attribute(one, "PartName").lstrip("/"): _attribute(one, "ContentType") for one in _children(types, "Override")}
    defaults = {_attribute(one, "Extension").lower(): _attribute(one, "ContentType") for one in _children(types, "Default")}
    declared = [*overrides.values(), *(kind for extension, kind in defaults.items() if extension in extensions)]
    if any(_ACTIVE_TYPES.search(kind.lower()) for kind in declared):
        raise Refused("file_active_content")
    mains = [_attribute(one, "Target").lstrip("/") for one in _children(root, "Relationship") if _kind(one) == "officedocument"]
    if len(mains) != 1 or posixpath.normpath(mains[0]) not in names:
        raise Refused("file_damaged")
    main = posixpath.normpath(mains[0])
    media_type = _MAIN.get(overrides.get(main, defaults.get(_extension(main), "")))
    if media_type is None:
        raise Refused("file_type_not_allowed")
    return media_type


def _check_relationships(root: Element) -> None:
    for one in _children(root, "Relationship"):
        kind = _kind(one)
        if kind in _ACTIVE_RELATIONSHIPS:
            raise Refused("file_active_content")
        if _attribute(one, "TargetMode").lower() == "external" and not _harmless(kind, _attribute(one, "Target")):
            raise Refused("file_active_content")


def _harmless(kind: str, target: str) -> bool:
    """A link waits for a click; whatever else lies outside is fetched when the file is opened. Other computers' shares never."""
    if target.lstrip().startswith(("\\", "/")) or _CONTROL.search(target):
        return False
    local = _SCHEME.match(target) is None or _LOCAL_LINK.match(target) is not None
    if kind == "hyperlink":
        return local or _PUBLIC_LINK.match(target) is not None
    return kind in _OTHER_WORKBOOKS and local


def _check_part(archive: zipfile.ZipFile, part: zipfile.ZipInfo, allowances: _Allowances, nested: bool) -> None:
    """Read a part to its end, so that its checksum is compared, and look at what it is."""
    extension = _extension(part.filename)
    if extension in _XML and not part.is_dir():
        _check_prolog(archive, part)
    reader = _pieces(archive, part)
    head = next(reader, b"")
    if extension in _RUNNABLE or head.startswith(_FOREIGN):
        raise Refused("file_active_content")
    if head.startswith(b"PK\x03\x04"):
        # Charts in documents carry their figures as a workbook; a third level has no such excuse.
        if nested or part.file_size > MOST_NESTED:
            raise Refused("file_active_content")
        _check_nested(head + b"".join(reader), allowances)
    elif part.filename.startswith(("word/", "xl/externalLinks/")) and extension == "xml":
        if part.file_size > MOST_READ:
            raise Refused("file_too_large")
        _check_fields(head + b"".join(reader))
    else:
        for _ in reader:
            pass


def _check_nested(content: bytes, allowances: _Allowances) -> None:
    try:
        _inspect(content, allowances, nested=True)
    except Refused as refused:
        raise Refused("file_active_content" if refused.code == "file_type_not_allowed" else refused.code) from refused


def _check_prolog(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    """A part that is XML soon has a root element and declares no entities; ECMA-376 part 2, 9.1.4 forbids document types.

    No more than its head is parsed: the time XML parsers take for one long remark grows with its square.
    """
    with archive.open(part) as stream:
        head = io.BytesIO(stream.read(_HEAD))
    for _ in ElementTree.iterparse(head, events=("start",), forbid_dtd=True):
        return


def _check_fields(content: bytes) -> None:
    """Fields and links that start another program (DDE), also where the text is cut into pieces."""
    if _DDE_LINK.search(content):
        raise Refused("file_active_content")
    text = content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8", "replace")
    pieces = [first or second for first, second in _FIELD.findall(text)]
    if _DDE.search(html.unescape("".join(pieces))) or any(_DDE.search(html.unescape(piece)) for piece in pieces):
        raise Refused("file_active_content")


def _pieces(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(part) as stream:
        while piece := stream.read(_CHUNK):
            yield piece


def _parsed(archive: zipfile.ZipFile, name: str, allowances: _Allowances) -> Element:
    allowances.parsed.take(archive.getinfo(name).file_size)
    root: Element = ElementTree.fromstring(archive.read(name), forbid_dtd=True)
    return root


def _children(root: Element, name: str) -> Iterator[Element]:
    return (child for child in root if isinstance(child.tag, str) and child.tag.rpartition("}")[2] == name)


def _attribute(element: Element, name: str) -> str:
    return element.attrib.get(name, "")


def _kind(relationship: Element) -> str:
    """The last part of the relationship's type, which transitional, strict and vendors' names share."""
    return _attribute(relationship, "Type").rstrip("/").rpartition("/")[2].lower()


def _extension(name: str) -> str:
    return posixpath.splitext(posixpath.basename(name))[1].lstrip(".").lower() or posixpath.basename(name).lstrip(".").lower()
