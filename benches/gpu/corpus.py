# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real patterns and real text: the rules of Debian's sagan-rules and spamassassin, and the documentation of the packages that are
installed. The choice depends on what is installed and on nothing else."""

import ctypes
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

LITERALS = 2000
EXPRESSIONS = 282
TEXT_BYTES = 16 << 20
PLANTED = 8192
Rule = tuple[str, bytes]    # letters of corpus.h, bytes


class Missing(Exception):
    """What is not installed here."""


def sagan() -> Iterator[str]:
    files = sorted(Path("/etc/sagan-rules").glob("*.rules"))
    if not files:
        raise Missing("sagan-rules is not installed")
    for file in files:
        yield from file.read_text(encoding="utf-8", errors="replace").splitlines()


def content(text: str) -> bytes | None:
    """|20 0a| are bytes in hexadecimal."""
    out = b""
    for index, part in enumerate(text.split("|")):
        try:
            out += bytes.fromhex(part) if index % 2 else part.encode()
        except ValueError:
            return None
    return out


def in_an_order(rules: set[Rule]) -> list[Rule]:
    """An order that has nothing to do with what the rules say."""
    return sorted(rules, key=lambda rule: hashlib.sha1(rule[0].encode() + rule[1]).digest())


def literals() -> list[Rule]:
    found = set()
    for line in sagan():
        for text in re.findall(r'content: *"([^"]*)"', line):
            bytes_of = content(text)
            if bytes_of and 4 <= len(bytes_of) <= 200:
                found.add(("l", bytes_of))
    return in_an_order(found)[:LITERALS]


def between_slashes(text: str) -> Rule | None:
    parts = re.fullmatch(r"/(.*)/([a-zA-Z]*)", text.strip())
    if not parts or set(parts[2]) - set("ims"):
        return None
    expression = parts[1].replace("\\/", "/")
    # What an unescaped $ and ^ mean at a newline differs between the dialects, and non-ASCII text is one of each.
    if not expression or not expression.isascii() or re.search(r"[$^](?![^\[]*\])", re.sub(r"\\.", "", expression)):
        return None
    return ("r" + "".join(sorted(set(parts[2]))), expression.encode())


def expressions() -> list[Rule]:
    found = set()
    for line in sagan():
        for text in re.findall(r'pcre: *"(/.*?/[a-zA-Z]*)";', line):
            found.add(between_slashes(text))
    files = sorted(Path("/usr/share/spamassassin").glob("*.cf"))
    if not files:
        raise Missing("spamassassin is not installed")
    for file in files:
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            parts = re.match(r"\s*(?:body|rawbody|uri|full)\s+\S+\s+(/.*)", line)
            if parts:
                found.add(between_slashes(parts[1]))
    return in_an_order({rule for rule in found if rule})


def vectorscan_takes(rule: Rule, sample: bytes) -> bool:
    """It compiles there, and matches less often than once in a KiB: with a rule that matches everywhere, the time would be that of
    writing matches down."""
    library = ctypes.CDLL("libhs.so.5")
    flags = sum(bit for letter, bit in (("i", 1), ("s", 2), ("m", 4)) if letter in rule[0])
    database, error, scratch = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
    if library.hs_compile(rule[1], flags, 1, None, ctypes.byref(database), ctypes.byref(error)) != 0:
        library.hs_free_compile_error(error)
        return False
    found = [0]

    def on_match(*_: object) -> int:
        found[0] += 1
        return found[0] > len(sample) // 1024

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_uint, ctypes.c_ulonglong, ctypes.c_ulonglong, ctypes.c_uint, ctypes.c_void_p)(on_match)
    library.hs_alloc_scratch(database, ctypes.byref(scratch))
    library.hs_scan(database, sample, len(sample), 0, scratch, callback, None)
    library.hs_free_scratch(scratch)
    library.hs_free_database(database)
    return found[0] <= len(sample) // 1024


def text(planted: list[Rule]) -> bytes:
    """Documentation, with matches in it at places that a generator draws."""
    out = bytearray()
    packages = sorted(path for path in Path("/usr/share/doc").iterdir() if path.is_dir())
    for name in ("copyright", "README", "README.Debian", "NEWS", "changelog"):
        for package in packages:
            if len(out) < TEXT_BYTES and (package / name).is_file():
                out += (package / name).read_bytes()
    if not out:
        raise Missing("/usr/share/doc is empty")
    out = bytearray((bytes(out) * (TEXT_BYTES // len(out) + 1))[:TEXT_BYTES])
    state = 0x2545F491
    for number in range(PLANTED):
        state = (state * 6364136223846793005 + 1442695040888963407) & (2**64 - 1)
        what = planted[number % len(planted)][1]
        at = (state >> 16) % (TEXT_BYTES - len(what))
        out[at:at + len(what)] = what
    return bytes(out)


def write(folder: Path, usable) -> None:
    """literals, mixed and text; usable(rules) says which of them our library takes."""
    folder.mkdir(parents=True, exist_ok=True)
    words = literals()
    searched = text(words)
    (folder / "text").write_bytes(searched)
    save(folder / "literals", words)
    taken = [rule for rule in expressions() if vectorscan_takes(rule, searched[:1 << 18])]
    save(folder / "candidates", taken)
    taken = usable(folder / "candidates", taken)[:EXPRESSIONS]
    save(folder / "mixed", words + taken)


def save(path: Path, rules: list[Rule]) -> None:
    path.write_text("".join(f"{letters} {bytes_of.hex()}\n" for letters, bytes_of in rules))
