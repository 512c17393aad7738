import pytest
from kit.testing.fake_custody import FakeDeployment

from tests.component.gateway.browser import Browser
from tests.component.gateway.relying_party import RelyingParty, generated, registration
from tests.component.gateway.world import T0, Gateway, started_clock

# Made once: an RSA key costs a tenth of a second.
CITY_KEY, BANK_KEY, DESK_KEY = generated(), generated("RSA"), generated()
_shared: dict[str, FakeDeployment] = {}


@pytest.fixture
async def deployment():
    """Keys of all services at T0. They cost a fifth of a second, so tests that let no time pass share them."""
    if "kept" not in _shared:
        _shared["kept"] = await FakeDeployment(clock=started_clock()).start()
    yield _shared["kept"]
    if _shared["kept"].clock.now() != T0:
        del _shared["kept"]


@pytest.fixture
async def gateway(deployment):
    clients = [
        registration("city", CITY_KEY),
        registration("bank", BANK_KEY, scopes=["openid", "name"], transports=["qr"]),
        registration("desk", DESK_KEY, typed_code=True, essential=["name"]),
    ]
    gateway = Gateway(deployment, deployment.clock, clients)
    await gateway.registry.refresh()
    return gateway


@pytest.fixture
def city(gateway):
    return RelyingParty(gateway, "city", CITY_KEY)


@pytest.fixture
def bank(gateway):
    """Allows the QR code only, and is registered for fewer scopes."""
    return RelyingParty(gateway, "bank", BANK_KEY)


@pytest.fixture
def desk(gateway):
    """Wants a code typed in the waiting browser, and the name."""
    return RelyingParty(gateway, "desk", DESK_KEY)


@pytest.fixture
def browser(gateway):
    return Browser(gateway)


@pytest.fixture
def other_browser(gateway):
    return Browser(gateway, 1)


@pytest.fixture
def started(browser, city):
    """Starts a login of `city` and returns the phone that opened its app link."""

    async def started_(**changes):
        response = await browser.authorize(city.request(**changes))
        assert response.status_code == 200, response.text
        return browser.phone()

    return started_


@pytest.fixture
def collected(started, browser, city):
    """Logs in as far as the code."""

    async def collected_():
        phone = await started()
        await phone.approve()
        return city.code_of(await browser.come_back(phone))

    return collected_
