"""How fast this machine is just now, so that figures of two machines, or of two hours of one, can be compared."""

import time

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

ROUNDS = 5
SIGNATURES = 40
LOOPS = 200_000


def _best(work):
    """The least CPU milliseconds of some rounds: what disturbs a round makes it longer and never shorter."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        times.append((time.process_time() - began) * 1000)
    return min(times)


def calibration() -> dict[str, str]:
    """CPU time of two pieces of work that need nothing of the product."""
    key = rsa.generate_private_key(65537, 2048)

    def sign():
        for _ in range(SIGNATURES):
            key.sign(b"x", padding.PKCS1v15(), SHA256())

    def loop():
        held = {}
        for number in range(LOOPS):
            held[number % 100] = [held.get(number % 100), f"{number}"]

    return {
        "one RSA-2048 signature": f"{_best(sign) / SIGNATURES:.2f} ms",
        f"{LOOPS:,} rounds of a Python loop": f"{_best(loop):.0f} ms",
    }
