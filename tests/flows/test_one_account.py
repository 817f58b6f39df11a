"""One account, one countersign: a second one on this host does not start, one elsewhere stops the desk."""

from __future__ import annotations

from typing import Any

from tests.flows.setup import House, free_port, said, soon

NEVER_HERE = "sqlite:///{}/another.db"


async def test_a_second_process_on_the_same_account_refuses_to_start(house: House) -> None:
    elsewhere = {
        "web.port": str(free_port()),
        "database.url": NEVER_HERE.format(house.folder),
    }
    async with house.open(ready=False):
        second = await house.command("run", changes=elsewhere)
        assert await second.exit_code() == 1
        (line,) = second.output().splitlines()
        assert line.startswith(
            "countersign: another countersign on this host trades the account of venues.main"
        )
        assert await house.answers("/healthz")


async def test_a_killed_process_leaves_the_account_to_the_next(house: House) -> None:
    async with house.start(ready=False) as process:
        await process.kill()
    async with house.open({"database.url": NEVER_HERE.format(house.folder)}, ready=False):
        assert await house.answers("/healthz")


async def test_an_old_database_meets_an_order_it_does_not_know_and_stops_until_an_owner_resumes(
    house: House,
) -> None:
    """So it is when another countersign trades the account from a host that cannot be seen."""
    async with house.open():
        signal = await house.send("auto", symbol="BTCUSDT", side="buy", price="59000")
        await house.order_in("working", signal)
    (order,) = house.exchange.account.accepted
    old = {"database.url": NEVER_HERE.format(house.folder), "execution.reconcile_every": "1s"}
    async with house.open(old):
        told = await house.hears("HALTED by the desk")
        assert "this database does not know: buy" in said(told)
        assert (await house.halted_for_good())["by"] == "desk:strangers"
        signal = await house.send("auto", symbol="ETHUSDT", side="buy", price="2900")
        await house.ticket_in("refused", signal)

        answer = await house.http.post("/api/resume")
        assert "main shows 1 order of a Countersign's make" in answer.json()["detail"]
        assert order.status == "NEW"
        house.exchange.account.cancel(order)
        looked = await last_reconciled(house)
        await soon(lambda: is_later(house, looked))
        answer = await house.http.post("/api/resume")
        assert answer.status_code == 200, answer.text
        status = await house.get("status")
        assert (status["trading"], status["venues"][0]["open_orders"]) == ("active", 0)


async def last_reconciled(house: House) -> str:
    found: dict[str, Any] = (await house.get("status"))["venues"][0]
    return str(found["last_reconciled"])


async def is_later(house: House, than: str) -> bool:
    return await last_reconciled(house) > than
