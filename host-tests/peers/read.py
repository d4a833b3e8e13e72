"""What Python's `json` reads in MCP messages: a line of JSON for each line of base64 on standard input.

    python3 read.py < bodies

Each line is what `read.mjs` says of the same body: { method, name, arguments, whole }, the last two
as digests of RFC 8785 canonical JSON (for a resource, of its URI); or { refused } with why.
"""

import base64
import decimal
import hashlib
import json
import sys


def number(x):
    """ECMAScript's Number::toString, from the shortest digits, which `repr` finds."""
    if isinstance(x, int) or (x == int(x) and abs(x) < 1e21):
        return str(int(x))
    sign, digits, exponent = decimal.Decimal(repr(x)).normalize().as_tuple()
    digits = "".join(map(str, digits))
    point = len(digits) + exponent
    if 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        fraction = "." + digits[1:] if len(digits) > 1 else ""
        text = f"{digits[0]}{fraction}e{point - 1:+d}"
    return "-" * sign + text


def canonical(value):
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    units = lambda name: name.encode("utf-16-be", "surrogatepass")  # noqa: E731
    members = (f"{canonical(n)}:{canonical(value[n])}" for n in sorted(value, key=units))
    return "{" + ",".join(members) + "}"


def digest(value):
    hashed = hashlib.sha256(canonical(value).encode("utf-8", "surrogatepass")).digest()
    return "sha-256:" + base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def read(body):
    try:
        message = json.loads(body)
        params = message.get("params", {})
        uri = {"uri": params["uri"]} if "uri" in params else None
        return {
            "method": message["method"],
            "name": params.get("name"),
            "arguments": digest(uri or params.get("arguments", {})),
            "whole": digest(message),
        }
    except Exception as refused:  # whatever it is, the test shows it
        return {"refused": repr(refused)}


for line in sys.stdin:
    print(json.dumps(read(base64.b64decode(line))))
