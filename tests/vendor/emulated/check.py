#!/usr/bin/env python3
"""The program against emulate's Okta and GitHub, each request judged by the vendor's own description on its way.

    check.py PACKAGES [PROGRAM]

PACKAGES is where prepare-node installed. What this proves and what it does not: see chain.py.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from emulated import check_chain, check_conformance, check_program, world
from emulated.bench import Bench
from emulated.chain import Chain, node
from suite import Suite

# Two keys, the App's and a stranger's.
KEYS = """
const { generateKeyPairSync } = require("node:crypto");
const one = () => generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs1", format: "pem" },
}).privateKey;
console.log(JSON.stringify([one(), one()]));
"""


def main():
    packages = Path(sys.argv[1]).resolve()
    program = sys.argv[2] if len(sys.argv) > 2 else None
    keys = json.loads(subprocess.run([node(), "-e", KEYS], capture_output=True, check=True, text=True).stdout)
    suite = Suite()
    for module in (check_program, check_conformance, check_chain):
        module.add(suite)
    with tempfile.TemporaryDirectory() as folder:
        with Chain(packages, Path(folder), world.seeds(keys[0])) as chain:
            return suite.run(program, lambda _, own: Bench(chain, own, program, keys))


if __name__ == "__main__":
    sys.exit(main())
