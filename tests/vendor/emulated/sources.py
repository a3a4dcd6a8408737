"""The operations that the adapters' sources name, as `METHOD /path` with `{}` for what only a run knows."""

import re
from pathlib import Path

ADAPTERS = Path(__file__).parents[3] / "src/target"
# Whose path is a name and no list may be a map of something else, but for these clients.
CALL = re.compile(r"(\b(?:client|rest|app|graphql)\b)?\s*\.(get|put|post|delete|patch|head|request)\(&(\[[^\]]*\]|\w+)\)")
# A path in the house's words: its pieces, the first of them known.
PATH = re.compile(r'\[\s*"[^\]]*\]')


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
                found.setdefault(f"{method.upper()} {template(path)}", set()).add(file.name)
    return found


def template(path):
    pieces = [piece.strip() for piece in path.strip("[]").split(",") if piece.strip()]
    return "".join("/" + (piece.strip('"') if piece.startswith('"') else "{}") for piece in pieces)
