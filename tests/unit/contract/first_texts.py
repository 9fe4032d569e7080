"""The texts that a developer of agents reads first, with what each leaves to its reader.

Each is run as it stands and judged by both type checkers; `with_faults` gives the same texts with
one planted fault each, which both must report.
"""

HELLO = """
from pydantic import BaseModel
from handrail import Topic, agent

class Greeting(BaseModel):
    text: str

names, greetings = Topic("names", carries=str), Topic("greetings", carries=Greeting)

@agent(reads=names, writes=greetings)
async def greeter(name: str) -> Greeting:
    return Greeting(text=f"Hello, {name}")
"""

DESK_PREAMBLE = """
from pydantic import BaseModel
from handrail import Context, Parts, Topic, agent

class Ask(BaseModel):
    text: str

class Question(BaseModel):
    text: str

class Finding(BaseModel):
    claim: str

class Brief(BaseModel):
    claims: list[str]
    gaps: list[str]

def split(text: str) -> list[str]:
    return text.split(" and ")

intake, questions = Topic("intake", carries=Ask), Topic("questions", carries=Question)
findings, drafts = Topic("findings", carries=Finding), Topic("drafts", carries=Brief)
"""

DESK = """
# a returned list opens a fan-out; Parts[T] gathers it
@agent(reads=intake, writes=questions)
async def planner(ask: Ask) -> list[Question]:
    return [Question(text=t) for t in split(ask.text)]

@agent(reads=findings, writes=drafts)
async def writer(parts: Parts[Finding], ctx: Context) -> Brief:
    return Brief(claims=[p.claim for p in parts], gaps=[m.reason for m in parts.missing])
"""

CLERK_PREAMBLE = '''
from decimal import Decimal
from pydantic import BaseModel
from handrail import Approval, Context, Effect, Refused, ToolContext, Topic, agent, tool

class Complaint(BaseModel):
    order: str
    text: str

class Reply(BaseModel):
    text: str

class Verdict(BaseModel):
    amount: Decimal

class Receipt(BaseModel):
    id: str

@tool(effect=Effect.READ)
async def find_order(order: str) -> str:
    """Find an order."""
    return order

@tool(
    effect=Effect.UNSAFE,
    timeout_s=20,
    approval=Approval(when="amount > 100", by="role:finance", expires_s=600),
)
async def refund(ctx: ToolContext, order: str, amount: Decimal) -> Receipt:
    """Send money back for one order."""
    return Receipt(id=f"r-{order}-{amount}")

complaints, replies = Topic("complaints", carries=Complaint), Topic("replies", carries=Reply)
'''

CLERK = """
# a tool with approval: the call parks until a person answers
@agent(reads=complaints, writes=replies)
async def clerk(c: Complaint, ctx: Context) -> Reply:
    verdict = await ctx.model(c.text, returns=Verdict, tools=[find_order])
    try:
        receipt = await ctx.call(refund, order=c.order, amount=verdict.amount)  # typed by ParamSpec
    except Refused as no:  # .state .title .detail .remedy
        return Reply(text=no.detail)
    return Reply(text=f"Refunded, receipt {receipt.id}")
"""

CLERK_TEST = """
from handrail.testing import Team, says

async def test_a_refund_over_100_waits_for_finance() -> None:
    async with Team(clerk, tools=[refund, find_order]) as team:  # on="kafka": the same on a broker
        team.model.script(says(Verdict(amount=Decimal(150))))
        team.fake(refund, returns=Receipt(id="r1"))

        task = await team.submit(complaints, Complaint(order="42", text="broken"))
        await task.until("auth_required")
        await team.approve(task, by="role:finance")

        assert await task.output(replies) == [Reply(text="Refunded, receipt r1")]
        assert team.calls(refund) == [{"order": "42", "amount": 150}]
"""

CLIENT = """
from handrail import Client

async def ask_the_desk() -> Brief:
    async with Client() as hr:  # Client.sync() for scripts and notebooks
        task = await hr.submit(intake, Ask(text="why and how"), reference="invoice-7")
        return await task.result(Brief, timeout_s=60)  # TaskFailed, WaitingForPerson, StillRunning
"""

UNIONS_PREAMBLE = """
from typing import assert_type
from pydantic import BaseModel
from handrail import Context, Effect, Handoff, Idempotent, Parts, ToolContext, Topic, agent, results

class A(BaseModel):
    n: int

class B(BaseModel):
    n: int

class Longer(A):
    m: int

first, second = Topic("first", carries=A, key=lambda a: str(a.n)), Topic("second", carries=B)
words = Topic("words", carries=str)
both, ask_a = Topic("both", carries=(A, B)), Topic("ask-a", carries=A, replies=B)
assert_type(both, Topic[A | B, None])
assert_type(ask_a, Topic[A, B])

def takes_a_topic_of_a(topic: Topic[A]) -> str:
    return topic.name
"""

UNIONS = """
@agent(reads=both, writes=(first, second), version="2")
async def router(message: A | B) -> A | B:
    return message

@agent(reads=first, writes=(both, words, results))
async def chooser(a: A, ctx: Context) -> Handoff[str] | A | None:
    return Handoff(words, ctx.task_id)

@agent(reads=both, writes=first, within_s=60)
async def joiner(parts: Parts[A | B]) -> Longer | None:
    return None

@agent(reads=second)
async def sink(b: B) -> None:
    return None

@agent(reads=second, writes=both)
async def splitter(b: B, ctx: Context) -> list[A | B]:
    return [b]

@agent(reads=words, writes=results)
async def last(word: str) -> B:
    return B(n=len(word))

async def direct(ctx: Context) -> None:
    assert_type(await router(A(n=1)), A | B)
    assert_type(await joiner(Parts([A(n=1)])), A | None)
    assert_type(await sink(B(n=1)), None)
    assert_type(await splitter(B(n=1), ctx), list[A | B])
    assert_type(await ctx.model("x", returns=str), str)
    assert_type(await ctx.step(counted, "x", 1, effect=Effect.READ), int)
    assert_type(await ctx.step(keyed, "x", effect=Idempotent(ttl_s=60)), str)
    both = ctx.gather(ctx.step(counted, "x", 1, effect=Effect.READ), ctx.model("x", returns=str))
    assert_type(await both, tuple[int, str])

async def counted(word: str, times: int) -> int:
    return len(word) * times

async def keyed(ctx: ToolContext, word: str) -> str:
    return word + ctx.idem_key

takes_a_topic_of_a(first)
"""

ASKING_PREAMBLE = """
from datetime import timedelta
from typing import assert_type
from pydantic import BaseModel
from handrail import Context, Topic, agent, results

class Price(BaseModel):
    cents: int

orders = Topic("orders", carries=str)
prices = Topic("prices", carries=str, replies=Price)
counts = Topic("counts", carries=int, replies=list[int])
"""

ASKING = """
@agent(reads=prices)
async def pricer(name: str) -> Price:
    return Price(cents=100 * len(name))

@agent(reads=counts)
async def counter(number: int, ctx: Context) -> list[int]:
    await ctx.sleep(timedelta(days=2))
    return [number]

@agent(reads=orders, writes=results)
async def buyer(name: str, ctx: Context) -> str:
    price = await ctx.ask(prices, name, within_s=60, key="till")
    assert_type(price, Price)
    assert_type(await ctx.ask(counts, 5), list[int])
    assert_type(await ctx.ask_person("Sure?", choices=["yes", "no"]), str)
    assert_type(await ctx.ask_person("How much?", returns=Price), Price)
    assert_type(await ctx.gather(ctx.ask(prices, name), ctx.sleep(5)), tuple[Price, None])
    return str(price.cents)

async def asked_directly(ctx: Context) -> None:
    assert_type(await pricer("x"), Price)
"""

MEMORY_PREAMBLE = '''
from typing import assert_type
from pydantic import BaseModel
from handrail import NEW, Applied, Context, Hit, Memory, MemoryClass, Record, Topic, agent, results

class Fact(BaseModel):
    """What is known of an order."""

    paid: bool

facts = Memory("facts", carries=Fact, keeps=MemoryClass.FACT)
visits = Memory("visits", carries=int, keeps=MemoryClass.FACT)
payments = Topic("payments", carries=str)
'''

MEMORY = """
async def remember(ctx: Context) -> None:
    old = await ctx.memory(facts).get("order/42")  # Record[Fact] | None
    await ctx.memory(facts).put("order/42", Fact(paid=True), expect=old.version if old else NEW)

@agent(reads=payments, writes=results)
async def payer(order: str, ctx: Context) -> bool:
    await remember(ctx)
    ctx.memory(visits).increment("payments")
    assert_type(await ctx.memory(facts).get(order), Record[Fact] | None)
    assert_type(await ctx.memory(facts).search("an order"), list[Hit[Fact]])
    assert_type(await ctx.memory(visits).update("updates", lambda n: (n or 0) + 1), Applied)
    both = ctx.gather(ctx.memory(facts).get("order/42"), ctx.memory(visits).history("updates"))
    fact, history = await both
    assert_type(history, list[Record[int]])
    return fact is not None and fact.value.paid
"""

MEMORY_TEST = """
from handrail.testing import Team

async def test_a_payment_is_remembered() -> None:
    async with Team(payer, memory=[facts, visits]) as team:
        task = await team.submit(payments, "order/42")
        assert await task.result(bool)

        found = await team.memory(facts).get("order/42")
        assert found is not None and found.value == Fact(paid=True)
"""

GOOD = {
    "hello": HELLO,
    "desk": DESK_PREAMBLE + DESK,
    "clerk": CLERK_PREAMBLE + CLERK,
    "clerk_test": CLERK_PREAMBLE + CLERK + CLERK_TEST,
    "client": DESK_PREAMBLE + DESK + CLIENT,
    "unions": UNIONS_PREAMBLE + UNIONS,
    "asking": ASKING_PREAMBLE + ASKING,
    "memory": MEMORY_PREAMBLE + MEMORY,
    "memory_test": MEMORY_PREAMBLE + MEMORY + MEMORY_TEST,
}

_FAULTS = {
    "hello": [
        ("async def greeter(name: str)", "async def greeter(name: int)"),
        ("-> Greeting:", "-> str:"),
        ("carries=Greeting)", "carries=Greeting, key=lambda g: g.name)"),
    ],
    "desk": [
        ("-> list[Question]:", "-> list[Finding]:"),
        ("async def planner(ask: Ask)", "async def planner(ask: Question)"),
        ("parts: Parts[Finding]", "parts: Parts[Question]"),
        ("parts: Parts[Finding], ctx: Context", "parts: Parts[Finding], ctx: str"),
        ("[m.reason for m in parts.missing]", "[m.reasons for m in parts.missing]"),
    ],
    "clerk": [
        ("amount=verdict.amount)", "amount=verdict.text)"),
        ("order=c.order, ", "order=5, "),
        ("order=c.order, ", ""),
        ("tools=[find_order]", "tools=[split]"),
        ("no.detail", "no.details"),
        ("receipt.id", "receipt.number"),
        ("await ctx.call(refund, ", "await refund("),
        ("effect=Effect.READ", "effect=5"),
    ],
    "clerk_test": [
        ('submit(complaints, Complaint(order="42", text="broken"))', "submit(complaints, 5)"),
        ('returns=Receipt(id="r1")', 'return_value=Receipt(id="r1")'),
        ("await task.output(replies)", 'await task.output("replies")'),
        ("tools=[refund, find_order]", "tools=[clerk]"),
    ],
    "client": [
        ('submit(intake, Ask(text="why and how")', 'submit(intake, Question(text="why and how")'),
        ("await task.result(Brief, timeout_s=60)", "await task.result(Finding, timeout_s=60)"),
        ("await task.result(Brief, timeout_s=60)", "task.result(Brief, timeout_s=60)"),
        ("async with Client() as hr", "async with Client.sync() as hr"),
    ],
    "asking": [
        ("async def pricer(name: str) -> Price", "async def pricer(name: str) -> int"),
        ("async def pricer(name: str)", "async def pricer(name: int)"),
        ("@agent(reads=prices)", "@agent(reads=prices, writes=orders)"),
        ("ctx.ask(counts, 5)", 'ctx.ask(counts, "5")'),
        ("ctx.ask(prices, name, within_s=60", "ctx.ask(orders, name, within_s=60"),
        ("str(price.cents)", "str(price.euros)"),
        ("returns=Price)", "returns=Price, choices=[1])"),
        ("timedelta(days=2)", '"2 days"'),
    ],
    "memory": [
        ("expect=old.version if old else NEW)", 'expect="new")'),
        ("old.version if old", "old.versions if old"),
        ("Fact(paid=True), expect", '"paid", expect'),
        ("old.version if old else NEW", "old.version"),
        ("fact.value.paid", "fact.paid"),
        ('increment("payments")', 'increment("payments", "1")'),
        ("(n or 0) + 1", "str(n)"),
        ("carries=Fact, keeps", "keeps"),
        ("keeps=MemoryClass.FACT)", 'keeps="fact")'),
        ("ctx.memory(visits).update", "ctx.memory(payments).update"),
    ],
    "unions": [
        ("async def router(message: A | B)", "async def router(message: A)"),
        ("-> A | B:", "-> str:"),
        ("Handoff(words, ctx.task_id)", "Handoff(words, 5)"),
        ("async def sink(b: B) -> None", "async def sink(b: B) -> A"),
        ("within_s=60", 'within_s="60"'),
        ("within_s=60", "patience_s=60"),
        ("parts: Parts[A | B]", "parts: Parts[A]"),
        ("takes_a_topic_of_a(first)", "takes_a_topic_of_a(second)"),
        ("await router(A(n=1))", "await router(5)"),
        ('counted, "x", 1, effect', 'counted, "x", "1", effect'),
        ('ctx.step(keyed, "x", ', 'ctx.step(keyed, "x", "y", '),
        ('keyed, "x", effect=Idempotent(ttl_s=60)', 'keyed, "x"'),
    ],
}


def with_faults() -> dict[str, str]:
    """Give each text with one planted fault, by the name of its module."""
    texts: dict[str, str] = {}
    for name, faults in _FAULTS.items():
        for number, (good, bad) in enumerate(faults):
            assert good in GOOD[name], f"{name} no longer holds {good!r}"
            texts[f"wrong_{name}_{number}"] = GOOD[name].replace(good, bad, 1)
    return texts
