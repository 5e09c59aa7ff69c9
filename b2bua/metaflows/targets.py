# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom one may ring for a device, a user or a number, and where. Pure but for the directory's snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from b2bua.calls.call import Call
from b2bua.calls.directory import Endpoint
from b2bua.calls.leg import Leg
from b2bua.metaflows.context import Context, Dials


@dataclass(frozen=True, slots=True)
class Target:
    """One INVITE to be sent."""

    peer: str
    number: str


def near(call: Call, owner: Leg) -> Sequence[str]:
    """Whose routes lead to the account's endpoints: the other party's before the owner's own."""
    return [leg.peer for leg in (call.other(owner), owner) if leg is not None]


def of_endpoint(exchange: Dials, call: Call, endpoint: Endpoint, places: Sequence[str],
                without: Iterable[Leg] = ()) -> list[Target]:
    """A device by its first number; a user by all devices that ring, or, having none, by the user's own number.

    without  legs whose devices are not rung: they talk already
    """
    directory, busy = exchange.directory, list(without)
    devices = [endpoint] if endpoint.kind != "user" else directory.devices_of(endpoint.account_id, endpoint.id)
    found = []
    for device in devices or [endpoint]:
        numbers = directory.numbers_of(device.account_id, device.id)
        if not device.rings or not numbers or any(_is_of(leg, device, numbers) for leg in busy):
            continue
        peer = exchange.home(call, numbers[0], places)
        if peer is not None:
            found.append(Target(peer, numbers[0]))
    return found


def _is_of(leg: Leg, device: Endpoint, numbers: Sequence[str]) -> bool:
    return (leg.endpoint is not None and leg.endpoint.id == device.id) or leg.number in numbers


def of_kind(context: Context, kind: str, target_id: str, without: Iterable[Leg] = ()) -> list[Target]:
    """What a device id, a user id or a number comes to; [] where the account has no such thing."""
    call, exchange = context.call, context.parts.exchange
    places = near(call, context.leg)
    if kind == "number":
        return of_number(context, target_id, without)
    endpoint = exchange.directory.by_id(call.account_id, target_id) if call.account_id else None
    if endpoint is None or endpoint.kind != kind:
        return []
    return of_endpoint(exchange, call, endpoint, places, without)


def of_number(context: Context, number: str, without: Iterable[Leg] = ()) -> list[Target]:
    """An endpoint of the account with this number, else wherever a call to it from the leg's own side goes."""
    call, exchange = context.call, context.parts.exchange
    places = near(call, context.leg)
    endpoint = exchange.directory.by_number(call.account_id, number) if call.account_id else None
    if endpoint is not None:
        return of_endpoint(exchange, call, endpoint, places, without)
    routed = (exchange.route(place, number) for place in reversed(places))
    peer = next((peer for peer in routed if peer is not None), None)
    return [Target(peer, number)] if peer is not None else []
