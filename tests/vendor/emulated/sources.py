"""The operations that the adapters' sources name, as `METHOD /path` with `{}` for what only a run knows."""

import itertools
import re
from pathlib import Path

ADAPTERS = Path(__file__).parents[3] / "src/target"
# Whose path is a name and no list may be a map of something else, but for these clients.
CALL = re.compile(r"(\b(?:client|rest|app|graphql)\b)?\s*\.(get|put|post|delete|patch|head|request)\(&(\[[^\]]*\]|\w+)\)")
# A path in the house's words: its pieces, the first of them known.
PATH = re.compile(r'\[\s*"[^\]]*\]')
# A piece that is told to a function as a literal, and where it is told.
TOLD = {"what": re.compile(r'\.search\(("\w+")')}


def named(service):
    """Operation → the files that name it. A path that is named and not called in a way known here fails."""
    found = {}
    for file in sorted((ADAPTERS / service).rglob("*.rs")):
        # Tests ask stand-ins of theirs.
        if file.name == "tests.rs":
            continue
        text = file.read_text().partition("#[cfg(test)]")[0]
        for client, method, argument in CALL.findall(text):
            paths = [argument]
            if not argument.startswith("["):
                value = re.search(rf"\b(?:let|const) {argument}\b.*?=([^;]*);", text, re.DOTALL)
                paths = PATH.findall(value[1]) if value else []
                assert paths or not client, f"{file.name}: which path is {method}(&{argument})? sources.py finds none"
            for path in paths:
                for whole in spelled_out(path, text):
                    found.setdefault(f"{method.upper()} {whole}", set()).add(file.name)
    return found


def spelled_out(path, text):
    """The paths that a list of pieces stands for."""
    pieces = [piece.strip() for piece in path.strip("[]").split(",") if piece.strip()]
    each = [TOLD[piece].findall(text) if piece in TOLD else [piece] for piece in pieces]
    for whole in itertools.product(*each):
        yield "".join("/" + (piece.strip('"') if piece.startswith('"') else "{}") for piece in whole)
