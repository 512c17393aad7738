"""POST /v1/challenges/claim: the phone takes the challenge for itself and learns what to sign and seal to."""

from kit.encoding import b64u
from starlette.requests import Request
from starlette.responses import Response

from challenge.domain.claim_key import claim_key_of_coordinates
from challenge.domain.dispatch import Dispatch
from challenge.web.body import Body, Model, json_response, read_json
from challenge.web.fields import ClaimKeyJwk, Proof, Token
from challenge.web.phone_address import phone_address


class ClaimRequest(Model, frozen=True):
    """The token, a key made for this login, and a signature by it over the token."""

    token: Token
    claim_key: ClaimKeyJwk
    proof: Proof


class SealingKey(Body, frozen=True):
    """The verifier's signed statement; bytes in base64url."""

    service: str
    epoch: int
    chain_id: str
    public_key: str
    signature: str


class Claimed(Body, frozen=True):
    """All that the phone needs beside what the link or QR code told it."""

    challenge_id: str
    epoch: int
    nonce: str
    expires_at: int
    transport: str
    network_hint: str
    display_sheet: str
    sealing_key: SealingKey


async def claim(dispatch: Dispatch, forwarded_hops: int, request: Request) -> Response:
    """Claim a challenge."""
    asked = await read_json(request, ClaimRequest)
    key = claim_key_of_coordinates(asked.claim_key.x, asked.claim_key.y)
    given = await dispatch.claim(asked.token, key, asked.proof, phone_address(request, forwarded_hops))
    statement = given.sealing_key
    return json_response(
        Claimed(
            challenge_id=given.challenge.challenge_id,
            epoch=given.challenge.epoch,
            nonce=b64u(given.claim.nonce),
            expires_at=given.challenge.expires_at,
            transport=given.claim.transport.value,
            network_hint=given.claim.hint.value,
            display_sheet=b64u(given.sheet),
            sealing_key=SealingKey(
                service=statement.service,
                epoch=statement.epoch,
                chain_id=b64u(statement.chain_id),
                public_key=b64u(statement.public_key),
                signature=b64u(statement.signature),
            ),
        )
    )
