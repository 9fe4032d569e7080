"""What happens on a day in the shop: the same work, kills at the moments that matter."""

from handrail.testing.task import TeamTask
from tests.unit.chaos.checker.runs import Shop
from tests.unit.chaos.checker.shop import cashier, cutter, joiner, maker


async def busy_day(shop: Shop) -> None:
    """Orders of every kind; processes die before, in and after every kind of step."""
    first = await shop.order(1, "ada", pieces=3)
    await first.result()
    for number, at in enumerate(
        (
            "after_intent_commit/think",
            "after_act/think",
            "after_act/book",
            "after_act/fetch",
            "after_outcome/book",
            "after_outcome_commit/fetch",
            "before_final",
            "after_final_commit",
        ),
        10,
    ):

        async def order(number: int = number) -> TeamTask:
            return await shop.order(number, "bob", pieces=2)

        task = await shop.dies(maker, at, order)
        await shop.advance(seconds=5)
        await task.result()
    await _others_die(shop)
    await _doubts(shop)
    await _ends_badly(shop)
    await shop.advance(seconds=3)
    await shop.told()


async def _others_die(shop: Shop) -> None:
    for number, who in ((30, cutter), (31, joiner), (32, cashier)):

        async def order(number: int = number) -> TeamTask:
            return await shop.order(number, "cy", pieces=1)

        task = await shop.dies(who, "before_final", order)
        await task.result()
    behind = [await shop.order(number, "dee", pays=True) for number in range(40, 44)]
    for task in behind:
        await task.result()


async def _doubts(shop: Shop) -> None:
    """Three processes die right after they have paid; people decide about two of them."""
    tasks: list[TeamTask] = []
    for number in (50, 51, 52):

        async def order(number: int = number) -> TeamTask:
            return await shop.order(number, pays=True)

        tasks.append(await shop.dies(cashier, "after_act/pay", order))
        await tasks[-1].until("input_required")
    await shop.resolve(tasks[0], happened=True, result="paid by hand")
    await shop.resolve(tasks[1], happened=False)
    await tasks[0].result()
    await tasks[1].result()


async def _ends_badly(shop: Shop) -> None:
    """An order dies, another meets a commit that nobody knows the outcome of."""
    dead = await shop.order(60, dies=True, pieces=1)
    await dead.until("failed")
    (bus,) = [member.bus for member in shop.members if member.agent is cutter]
    for partition in range(2):
        name = f"{shop.full('cutter')}.{shop.full('orders')}.{partition}"
        bus.doubt_next_commit(name, written=False)  # type: ignore[attr-defined]  # in memory
    for number in (70, 71, 72, 73):
        task = await shop.order(number, "eve", pieces=1)
        await task.result()
