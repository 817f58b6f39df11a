"""Starting: signals are taken before anything else is there; what does not allow to start is one line."""

from __future__ import annotations

import pytest

from tests.flows.setup import House


async def test_signals_are_taken_while_the_exchanges_library_still_loads(house: House) -> None:
    async with house.start(ready=False):
        signal = await house.send(symbol="BTCUSDT", side="buy")
        parts = (await house.http.get("/readyz")).json()["parts"]
        assert (parts["database"], parts["venue main"]) == ("ready", "not connected yet")
        await house.ticket_in("pending", signal)


@pytest.mark.parametrize(
    ("toml", "changes", "told"),
    [
        (
            "[risk]\nmax_order_notinal = 5\n",
            {},
            "risk.max_order_notinal (countersign.toml): unknown",
        ),
        ("", {"telegram.token": ""}, "telegram.token: not set; give COUNTERSIGN_TELEGRAM__TOKEN"),
        ("", {"web.port": "many"}, "web.port (COUNTERSIGN_WEB__PORT)"),
        ("[telegram\n", {}, "not TOML"),
        (
            "",
            {"venues.main.mode": "live"},
            "venues.main.mode (COUNTERSIGN_VENUES__MAIN__MODE): live",
        ),
    ],
    ids=["unknown key", "no token", "wrong type", "no toml", "live without saying so"],
)
async def test_settings_that_cannot_be_used_are_one_line_and_exit_2(
    house: House, toml: str, changes: dict[str, str], told: str
) -> None:
    house.toml.write_text(house.toml.read_text() + toml)
    process = await house.command("run", changes=changes)
    assert await process.exit_code() == 2
    (line,) = process.output().splitlines()
    assert line.startswith("countersign: ")
    assert told in line
    assert not [secret for secret in house.secrets if secret in line]


async def test_a_port_that_is_taken_is_one_line_and_exit_2(house: House) -> None:
    taken = house.exchange.url.rpartition(":")[2]
    process = await house.command("run", changes={"web.port": taken})
    assert await process.exit_code() == 2
    (line,) = process.output().splitlines()
    assert f"web.port ({taken}): " in line
    assert "choose another" in line
