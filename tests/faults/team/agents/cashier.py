"""Writes the receipt, which is the result of the task."""

from topics.orders import Bill, Receipt, bills

from handrail import agent, results


@agent(reads=bills, writes=results)
async def cashier(bill: Bill) -> Receipt:
    """Add the prices up."""
    return Receipt(number=bill.order.number, total=sum(bill.prices))
