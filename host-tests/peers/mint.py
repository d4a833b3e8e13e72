"""Access tokens as PyPI `joserfc` writes them, one for each algorithm: prints {keys, tokens}.

    python3 mint.py PACKAGES < claims.json
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from joserfc import jwt  # noqa: E402
from joserfc.jwk import ECKey, OKPKey, RSAKey  # noqa: E402

claims = json.load(sys.stdin)
keys = {
    "ES256": ECKey.generate_key("P-256"),
    "RS256": RSAKey.generate_key(2048),
    "PS256": RSAKey.generate_key(2048),
    "Ed25519": OKPKey.generate_key("Ed25519"),
}
made = {"keys": [], "tokens": {}}
for alg, key in keys.items():
    kid = f"joserfc {alg}"
    made["keys"].append({**key.as_dict(private=False), "kid": kid, "alg": alg, "use": "sig"})
    header = {"alg": alg, "kid": kid, "typ": "at+jwt"}
    made["tokens"][alg] = jwt.encode(header, claims, key, algorithms=[alg])
print(json.dumps(made))
