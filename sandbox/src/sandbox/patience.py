"""Trying again as people, apps and sites do when a server goes away under them: soon, then slower, and not for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import aiohttp

T = TypeVar("T")

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
LONGEST_SECONDS = 20.0
# What a proxy or a service that is starting says; anything else is an answer.
AWAY = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


class Away(Exception):
    """The server answered that it cannot answer now."""


def _any(_: object) -> bool:
    return True


async def patiently(attempt: Callable[[], Awaitable[T]], is_answer: Callable[[T], bool] = _any) -> T:
    """Awaits what `attempt` makes, again and again while the server is away or says something that is no answer yet.

    After 20 s the latter is returned all the same.

    Raises:
        aiohttp.ClientConnectionError, Away: It still was away after 20 s.
    """
    pause, ends = FIRST_PAUSE_SECONDS, asyncio.get_running_loop().time() + LONGEST_SECONDS
    while True:
        try:
            said = await attempt()
            if is_answer(said) or asyncio.get_running_loop().time() > ends:
                return said
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, Away):
            if asyncio.get_running_loop().time() > ends:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
