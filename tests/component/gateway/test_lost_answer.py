"""A token answer that nobody can have had is given again; a code that was answered is never good again."""

import pytest
from gateway.domain.redeem import ANSWER_SECONDS

from tests.component.gateway.test_code import refusal


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


@pytest.mark.parametrize("replica", [0, 1])
async def test_one_that_found_nobody_is_given_again(gateway, collected, city, replica):
    code = await collected()
    gateway.hung_up = True
    await city.redeem(code)
    gateway.hung_up = False
    assert not await gateway.concluded()
    token = (await city.redeem(code, replica=replica)).json()["access_token"]
    assert (await city.userinfo(token)).status_code == 200
    assert refusal(await city.redeem(code)) == (400, "invalid_grant")
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


async def test_one_that_found_nobody_is_concluded_all_the_same(gateway, collected, city):
    code = await collected()
    gateway.hung_up = True
    await city.redeem(code)
    await gateway.advance(16)
    await gateway.sweeper.sweep()
    assert [outcome for _, outcome, _ in await gateway.concluded()] == ["completed"]


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
