"""What a team does and no rule permits is found before anybody is refused."""

import pytest

from handrail import Approval, Context, Effect, Memory, MemoryClass, Topic, agent, results, tool
from handrail.contract.team import TeamDescription
from handrail.rails.cedar import CedarPolicy
from handrail.rails.unpermitted import strangers, unpermitted
from handrail.runtime.undo import undoers

jobs, drafts = Topic("jobs", carries=str), Topic("drafts", carries=str)
notes = Memory("notes", carries=str, keeps=MemoryClass.FACT)
ROLES = {"reader": ["ann", "ben"], "editor": ["ann"], "finance": ["fay"]}
EVERYTHING = '@id("all") permit (principal, action, resource);'


@tool(effect=Effect.UNSAFE, permission="billing:refund", approval=Approval(by="role:finance"))
async def refund(order: str) -> str:
    """Send money back."""
    return order


@tool(effect=Effect.READ)
async def find(order: str) -> str:
    """Find an order."""
    return order


@agent(reads=jobs, writes=drafts)
async def clerk(text: str, ctx: Context) -> str:
    return await ctx.call(find, text)


@agent(reads=drafts, writes=results)
async def writer(text: str) -> str:
    return text


TEAM = TeamDescription([clerk, writer], tools=[refund, find], spaces=[notes], intake="jobs")


def told(*rules: str) -> list[str]:
    policy = CedarPolicy.of("\n".join(rules), ROLES)
    return [str(one) for one in unpermitted(policy, TEAM, "jobs")]


def permit(action: str, more: str = "", who: str = "principal") -> str:
    return f'@id("{action}") permit ({who}, action == Action::"{action}", resource) {more};'


BESIDE = [
    permit(action)
    for action in ("memory.read", "memory.write", "approval.decide", "dead_letter.redrive")
]


def test_a_policy_that_permits_everything_lacks_nothing() -> None:
    assert told(EVERYTHING) == []


def test_work_that_may_begin_and_cannot_be_handed_on_is_told_with_topic_agent_and_rule() -> None:
    policy = CedarPolicy.of(
        "\n".join(
            [permit("task.submit", who='principal in Role::"reader"'), permit("tool.call"), *BESIDE]
        ),
        ROLES,
    )

    found = unpermitted(policy, TEAM, "jobs")

    assert [str(one) for one in found] == [
        "nothing permits anybody handoff.send on Topic drafts, which clerk would do",
        "nothing permits anybody handoff.send on Topic results, which writer would do",
    ]
    assert found[0].line == (
        '@id("handoff.send-drafts") permit (principal in Role::"reader", '
        'action == Action::"handoff.send", resource == Topic::"drafts");'
    )


def test_the_rule_that_is_told_permits_it() -> None:
    rules = [permit("task.submit", who='principal in Role::"reader"'), permit("tool.call")]
    lacking = unpermitted(CedarPolicy.of("\n".join(rules), ROLES), TEAM, "jobs")

    assert len(lacking) == 7
    assert told(*rules, *(one.line for one in lacking)) == []


def test_who_may_begin_a_task_and_whose_handoffs_nobody_permits_is_named() -> None:
    only = permit("handoff.send", who='principal in Role::"editor"')

    found = told(
        permit("task.submit", who='principal in Role::"reader"'), permit("tool.call"), only, *BESIDE
    )

    assert found[0] == "nothing permits ben handoff.send on Topic drafts, which clerk would do"
    assert len(found) == 2


def test_a_tool_whose_facts_no_rule_fits_is_told_and_arguments_are_not_guessed() -> None:
    submit, send = permit("task.submit"), permit("handoff.send")
    looks = permit("tool.call", 'when { resource.effect == "read" }')
    small = permit("tool.call", "when { context.arguments.amount < 5 }").replace(
        '@id("tool.call")', '@id("small")'
    )

    assert told(submit, send, looks, *BESIDE) == [
        "nothing permits anybody tool.call on Tool refund"
    ]
    assert told(submit, send, looks, small, *BESIDE) == []


def test_a_handoff_that_only_another_agent_may_send_is_told() -> None:
    rules = [permit(action) for action in ("task.submit", "tool.call")]
    other = permit("handoff.send", 'when { context.agent == "writer" }')

    assert told(*rules, other, *BESIDE) == [
        "nothing permits anybody handoff.send on Topic drafts, which clerk would do"
    ]


def test_what_is_forbidden_in_words_is_not_told_as_lacking() -> None:
    no = '@id("no") @title("t") @remedy("r") forbid (principal, action, resource);'

    assert told(EVERYTHING, no) == []


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ('resource == Tool::"refnud"', "a rule names Tool refnud, which there is not"),
        ('resource == Topic::"drafst"', "a rule names Topic drafst, which there is not"),
        ('resource == Space::"note"', "a rule names Space note, which there is not"),
    ],
)
def test_what_a_rule_names_and_the_team_has_not_is_told_with_its_line(rule: str, said: str) -> None:
    policy = CedarPolicy.of(f'\n@id("x") permit (principal, action,\n{rule});', ROLES)

    (found,) = strangers(policy, TEAM)

    assert str(found) == f"{said} (the policy, line 3); it never applies"


def test_a_role_that_nobody_has_is_told_also_where_it_is_to_approve() -> None:
    rules = (
        '@id("a") permit (principal in Role::"raeder", action, resource);\n'
        '@id("b") @title("t") @remedy("r") @approval("role:finanse")'
        " forbid (principal, action, resource) unless { context.approved };"
    )

    found = strangers(CedarPolicy.of(rules, ROLES), TEAM)

    assert [(one.on, one.place) for one in found] == [
        ("raeder", "the policy, line 1"),
        ("finanse", "the policy, line 2"),
    ]


def test_of_the_agent_that_takes_acts_back_only_what_people_ask_of_it_needs_a_right() -> None:
    @tool(effect=Effect.UNSAFE, undo="give_back")
    async def hire(number: str) -> str:
        """Hire."""
        return number

    @tool(effect=Effect.UNSAFE)
    async def give_back(number: str) -> str:
        """Give back."""
        return number

    tools = [hire, give_back]
    team = TeamDescription([*undoers(tools)], tools=tools)
    policy = CedarPolicy.of("\n".join([permit("tool.call"), *BESIDE]), ROLES)

    found = [str(one) for one in unpermitted(policy, team, None)]

    assert found == ["nothing permits anybody task.submit on Topic undo"]
