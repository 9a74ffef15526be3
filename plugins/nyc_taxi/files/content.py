"""What a downloaded file is: its bytes decide, whatever its name and the server's headers say."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from contextlib import suppress
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Final

from nyc_taxi.core.excerpt import excerpt, printable
from nyc_taxi.errors import NotTheFile, TruncatedFile

if TYPE_CHECKING:
    from pathlib import Path

_BEGINNING: Final = 4096
"""Bytes of a file that are looked at."""
_BLOCK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = b"PAR1"
_SMALLEST_PARQUET: Final = 12
_WITHOUT_MARK: Final = frozenset({"br", "compress", "deflate", "zstd"})
"""Content encodings that no first byte gives away."""


def is_page(beginning: bytes) -> bool:
    """Whether a file begins like HTML, XML or JSON, which no trip file does."""
    return beginning.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"<", b"{", b"["}


def suffix_of(file: IO[bytes], url: str, encoding: str = "") -> str:
    """Return what a file is: ``.csv.gz``, ``.parquet``, or ``.csv`` for anything else that may be text.

    :param url: where it came from, for messages
    :param encoding: the response's Content-Encoding, for messages
    :raises NotTheFile: when it is empty or a page, or was packed in a way that this program does not undo
    :raises TruncatedFile: when it is a Parquet file without its end
    """
    beginning = _beginning(file)
    inner = _unpacked(beginning)
    if not beginning:
        raise NotTheFile(f"{url} is empty. Try again when the source has the file.")
    if is_page(inner):
        raise NotTheFile(
            f"{url} is a page, not a file. Check the source's address. The page begins with {excerpt(inner)}"
        )
    if beginning.startswith(_PARQUET):
        _check_end(file, url)
        return ".parquet"
    if beginning.startswith(_GZIP):
        return ".csv.gz"
    if encoding.strip().lower() in _WITHOUT_MARK:
        raise NotTheFile(
            f"{url} was sent with Content-Encoding {printable(encoding[:40])}, which the request does not "
            "accept. Let the server send the file as it is stored."
        )
    return ".csv"


def is_wrapped(file: IO[bytes]) -> bool:
    """Whether a file is a gzip around a gzip or around Parquet, as some servers and proxies pack them."""
    beginning = _beginning(file)
    return beginning.startswith(_GZIP) and _unpacked(beginning).startswith((_GZIP, _PARQUET))


def unwrap(file: IO[bytes], folder: Path, url: str) -> str:
    """Replace a gzip by what it contains, and return the SHA-256 of that.

    :param folder: takes the packed file meanwhile
    :raises TruncatedFile: when the gzip is cut or damaged
    """
    digest = hashlib.sha256()
    with TemporaryFile(dir=folder) as packed:
        file.seek(0)
        shutil.copyfileobj(file, packed)
        packed.seek(0)
        file.seek(0)
        file.truncate()
        try:
            with gzip.open(packed) as content:
                while block := content.read(_BLOCK):
                    file.write(block)
                    digest.update(block)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise TruncatedFile(
                f"{url} was packed on the way, and cannot be unpacked: {error}. Fetch it again."
            ) from error
    return digest.hexdigest()


def _beginning(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(_BEGINNING)


def _unpacked(beginning: bytes) -> bytes:
    """Return how the content of a gzip begins; of any other file, how it begins itself."""
    if not beginning.startswith(_GZIP):
        return beginning
    content = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    found = b""
    with suppress(zlib.error):  # its checksum, which is verified where the file is read
        found = content.decompress(beginning, len(_PARQUET))
        found += content.decompress(content.unconsumed_tail, _BEGINNING)
    return found


def _check_end(file: IO[bytes], url: str) -> None:
    size = file.seek(0, 2)
    file.seek(max(0, size - len(_PARQUET)))
    if size < _SMALLEST_PARQUET or file.read() != _PARQUET:
        raise TruncatedFile(
            f"{url} is a Parquet file whose end is missing: it breaks off after {size:,} bytes. Fetch it "
            "again, and if it comes the same, the source's own copy is cut."
        )
