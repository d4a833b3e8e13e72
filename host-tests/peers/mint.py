"""Access tokens as a library of PyPI writes them, one for each algorithm: prints {keys, tokens}.

    python3 mint.py PACKAGES LIBRARY < claims.json
"""

import json
import sys

from signing import ALGORITHMS, LIBRARY

claims = json.load(sys.stdin)
made = {"keys": [], "tokens": {}}
for alg in ALGORITHMS:
    key, kid = LIBRARY.new(alg), f"{sys.argv[2]} {alg}"
    made["keys"].append({**LIBRARY.public(key), "kid": kid, "alg": LIBRARY.name(alg), "use": "sig"})
    made["tokens"][alg] = LIBRARY.signed(alg, {"kid": kid, "typ": "at+jwt"}, claims, key)
print(json.dumps(made))
