"""DPoP proofs (RFC 9449) as a library of PyPI signs them: prints {keys, rounds}, a round for each algorithm.

    python3 prove.py PACKAGES LIBRARY < {claims, method, uri, now}
"""

import base64
import hashlib
import json
import sys
import uuid

from signing import ALGORITHMS, LIBRARY

asked = json.load(sys.stdin)
issuer = LIBRARY.new("ES256")


def digest(text):
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def prove(alg, key, **changed):
    header = {"typ": "dpop+jwt", "jwk": LIBRARY.public(key)}
    claims = {"jti": str(uuid.uuid4()), "htm": asked["method"], "htu": asked["uri"], "iat": asked["now"]}
    return LIBRARY.signed(alg, header, {**claims, **changed}, key)


rounds = []
for alg in ALGORITHMS:
    key = LIBRARY.new(alg)
    claims = {**asked["claims"], "cnf": {"jkt": key.thumbprint()}, "jti": str(uuid.uuid4())}
    token = LIBRARY.signed("ES256", {"kid": "issuer", "typ": "at+jwt"}, claims, issuer)
    ath = digest(token)
    rounds.append({
        "by": f"{sys.argv[2]} {alg}",
        "token": token,
        "good": [prove(alg, key, ath=ath), prove(alg, key, ath=ath)],
        "refused": [
            ["dpop_target_mismatch", prove(alg, key, ath=ath, htu=asked["uri"] + "/other")],
            ["dpop_target_mismatch", prove(alg, key, ath=ath, htm="GET")],
            ["dpop_token_mismatch", prove(alg, key, ath=digest(""))],
            ["dpop_malformed", prove(alg, key)],
            ["dpop_stale", prove(alg, key, ath=ath, iat=asked["now"] - 3600)],
            ["dpop_key_mismatch", prove(alg, LIBRARY.new(alg), ath=ath)],
        ],
    })
keys = [{**LIBRARY.public(issuer), "kid": "issuer", "alg": "ES256", "use": "sig"}]
print(json.dumps({"keys": keys, "rounds": rounds}))
