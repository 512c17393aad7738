"""A token answer that nobody can have had is given again; a code that was answered is never good again."""

import asyncio

import pytest
from gateway.domain.redeem import ANSWER_SECONDS

from tests.component.gateway.test_code import refusal
from tests.component.gateway.world import OIDC


@pytest.fixture
def dies_before_answering(gateway, city):
    """Spends a code at the first replica, which dies before a word of its answer has left."""

    async def spend(code):
        redeemed = await gateway.parts.redeemer.redeem("city", city.token_form(code))
        gateway.replicas[0] = gateway.replica("gateway-0")
        return redeemed.access_token

    return spend


@pytest.mark.parametrize("replica", [0, 1])
async def test_a_lost_answer_is_given_again(gateway, collected, city, dies_before_answering, replica):
    code = await collected()
    lost = await dies_before_answering(code)
    answer = await city.redeem(code, replica=replica)
    assert answer.status_code == 200
    assert (await city.userinfo(answer.json()["access_token"])).status_code == 200
    assert (await city.userinfo(lost)).status_code == 401
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


@pytest.fixture
def hangs_up_meanwhile(gateway, city, monkeypatch):
    """Redeems a code at the first replica for a client that hangs up while it is being spent."""

    async def redeem(code):
        replace = gateway.logins_kept.replace

        async def replaced(document, **change):
            gateway.hung_up = True
            return await replace(document, **change)

        with monkeypatch.context() as patch:
            patch.setattr(gateway.logins_kept, "replace", replaced)
            assert (await city.redeem(code)).status_code == 503
        assert gateway.hung_up
        gateway.hung_up = False

    return redeem


@pytest.mark.parametrize("replica", [0, 1])
async def test_one_that_found_nobody_is_given_again(gateway, collected, city, hangs_up_meanwhile, replica):
    code = await collected()
    await hangs_up_meanwhile(code)
    assert not await gateway.concluded()
    token = (await city.redeem(code, replica=replica)).json()["access_token"]
    assert (await city.userinfo(token)).status_code == 200
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_one_that_found_nobody_is_concluded_all_the_same(gateway, collected, hangs_up_meanwhile):
    await hangs_up_meanwhile(await collected())
    await gateway.advance(16)
    await gateway.sweeper.sweep()
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


@pytest.mark.parametrize("replica", [0, 1])
async def test_one_that_a_process_held_while_it_stood_still_is_given_again(
    gateway, collected, city, monkeypatch, replica
):
    code = await collected()
    moments = iter([0.0, 11.0])

    def signed(_, claims):
        gateway.hung_up = True
        return "an ID token that nobody gets"

    with monkeypatch.context() as patch:
        patch.setattr("gateway.web.token.monotonic", lambda: next(moments))
        patch.setattr(type(gateway.parts.id_tokens), "sign", signed)
        await city.redeem(code)
    gateway.hung_up = False
    assert not await gateway.concluded()
    token = (await city.redeem(code, replica=replica)).json()["access_token"]
    assert (await city.userinfo(token)).status_code == 200
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_a_client_that_reads_its_answer_and_leaves_has_been_answered(gateway, collected, city, monkeypatch):
    code = await collected()
    sign = type(gateway.parts.id_tokens).sign

    def signed(keys, claims):
        gateway.hung_up = True
        return sign(keys, claims)

    with monkeypatch.context() as patch:
        patch.setattr(type(gateway.parts.id_tokens), "sign", signed)
        assert (await city.redeem(code)).status_code == 200
    gateway.hung_up = False
    assert refusal(await city.redeem(code, replica=1)) == (400, "invalid_grant")


async def test_a_client_that_has_hung_up_spends_no_code(gateway, collected, city):
    code = await collected()
    gateway.hung_up = True
    assert (await city.redeem(code)).status_code == 503
    gateway.hung_up = False
    await gateway.advance(16)
    assert (await city.redeem(code)).status_code == 200


@pytest.mark.parametrize("replica", [0, 1])
async def test_a_request_that_hung_while_its_client_asked_again_takes_nothing_back(gateway, collected, city, replica):
    code = await collected()
    token = (await city.redeem(code, replica=1)).json()["access_token"]
    await gateway.hub.settle()
    gateway.hung_up = True
    assert (await city.redeem(code, replica=replica)).status_code == 503
    gateway.hung_up = False
    assert (await city.userinfo(token)).status_code == 200


async def test_one_that_loses_the_race_to_its_own_repetition_takes_nothing_back(gateway, collected, city, monkeypatch):
    code = await collected()
    replace = gateway.logins_kept.replace
    answer = {}

    async def overtaken(document, **change):
        monkeypatch.setattr(gateway.logins_kept, "replace", replace)
        answer["second"] = await city.redeem(code, replica=1)
        gateway.hung_up = True
        return await replace(document, **change)

    monkeypatch.setattr(gateway.logins_kept, "replace", overtaken)
    assert (await city.redeem(code)).status_code == 503
    gateway.hung_up = False
    token = answer["second"].json()["access_token"]
    assert (await city.userinfo(token)).status_code == 200


@pytest.mark.parametrize("replica", [0, 1])
async def test_a_replay_while_the_bus_is_away_is_a_replay_everywhere(gateway, collected, city, replica):
    code = await collected()
    gateway.hub.away = True
    token = (await city.redeem(code)).json()["access_token"]
    assert refusal(await city.redeem(code, replica=replica))[1] in {"invalid_grant", "temporarily_unavailable"}
    gateway.hub.away = False
    async with gateway.http(replica, headers={"authorization": f"Bearer {token}"}) as http:
        assert (await http.get(f"{OIDC}/userinfo")).status_code == 401
    await gateway.advance(61)
    await gateway.sweeper.sweep()
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_a_replay_while_the_bus_is_slow_is_a_replay_everywhere(gateway, collected, city, monkeypatch):
    monkeypatch.setattr("gateway.web.token.ANNOUNCE_SECONDS", 0.01)
    code = await collected()
    acknowledged = asyncio.Event()
    concluded = gateway.parts.verdicts.facts.concluded

    async def slow(stored):
        await acknowledged.wait()
        await concluded(stored)

    monkeypatch.setattr(type(gateway.parts.verdicts.facts), "concluded", lambda _, stored: slow(stored))
    first = asyncio.create_task(city.redeem(code))
    (login_id,) = gateway.logins_kept.rows
    while gateway.state(login_id) != "redeemed":
        await asyncio.sleep(0)
    await asyncio.sleep(0.1)
    assert refusal(await city.redeem(code, replica=1)) == (400, "invalid_grant")
    acknowledged.set()
    assert (await first).status_code == 200


async def test_it_is_given_again_once(gateway, collected, city, dies_before_answering):
    code = await collected()
    await dies_before_answering(code)
    token = (await city.redeem(code, replica=1)).json()["access_token"]
    assert refusal(await city.redeem(code, replica=0)) == (400, "invalid_grant")
    assert (await city.userinfo(token)).status_code == 401


async def test_asking_again_with_a_wrong_verifier_is_a_theft(gateway, collected, city, dies_before_answering):
    code = await collected()
    lost = await dies_before_answering(code)
    assert refusal(await city.redeem(code, replica=1, code_verifier="x" * 43)) == (400, "invalid_grant")
    assert refusal(await city.redeem(code, replica=1)) == (400, "invalid_grant")
    assert (await city.userinfo(lost)).status_code == 401


async def test_another_client_cannot_ask_for_it(collected, city, desk, dies_before_answering):
    code = await collected()
    await dies_before_answering(code)
    assert refusal(await desk.redeem(code, code_verifier=city.verifier)) == (400, "invalid_grant")
    assert (await city.redeem(code, replica=1)).status_code == 200


async def test_after_the_sweeper_has_concluded_the_login_it_is_too_late(
    gateway, collected, city, dies_before_answering
):
    code = await collected()
    await dies_before_answering(code)
    await gateway.advance(16)
    await gateway.sweeper.sweep()
    assert refusal(await city.redeem(code, replica=1)) == (400, "invalid_grant")
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_one_whose_conclusion_cannot_be_published_was_answered_all_the_same(gateway, collected, city):
    code = await collected()
    gateway.hub.away = True
    token = (await city.redeem(code)).json()["access_token"]
    assert refusal(await city.redeem(code)) in {(400, "invalid_grant"), (503, "temporarily_unavailable")}
    assert (await city.userinfo(token)).status_code == 401


async def test_a_code_used_at_another_replica_is_looked_at_until_its_answer_is_known(gateway, collected, city):
    code = await collected()
    began = gateway.clock.now()
    token = (await city.redeem(code)).json()["access_token"]
    assert refusal(await city.redeem(code, replica=1)) == (400, "invalid_grant")
    await gateway.hub.settle()
    assert (await city.userinfo(token)).status_code == 401
    assert gateway.clock.now() < began + ANSWER_SECONDS
