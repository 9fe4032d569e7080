"""Looking at and changing the topics and groups of a Kafka cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    KafkaError,
    LeaderNotAvailableError,
    NotCoordinatorForGroupError,
    NotLeaderForPartitionError,
    TopicAlreadyExistsError,
    UnknownMemberIdError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import ApiVersionRequest
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import LeaveGroupRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.structs import TopicPartition as Place

from handrail.bus.port import Committed, TopicSpec
from handrail.errors import BrokerUnreachable
from handrail.errors.transport import AdminRefused
from handrail.wire.record import TopicPartition

REQUEST_TIMEOUT_MS = 15_000
READ_COMMITTED = 1  #: the isolation level under which the end is the last stable offset
EARLIEST, LATEST = -2, -1
MEMBERS = 5  #: the place of the members in one group of a DescribeGroups answer
PASSING_S_MAX, ASK_AGAIN_S = 30.0, 0.05
SERVED_S_MAX = 30.0  #: how long the brokers may take to learn of a topic
#: What a cluster answers while it is choosing a leader or a coordinator.
PASSING = (
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    LeaderNotAvailableError,
    NotCoordinatorForGroupError,
    NotLeaderForPartitionError,
)
T = TypeVar("T")
SET_ON_TOPIC = 1  #: where a setting's value comes from, as DescribeConfigs (v1 and later) says it


class KafkaAdmin:
    """Implements `Admin`."""

    def __init__(self, common: Mapping[str, Any]) -> None:
        """Connect on `start`."""
        accepted = dict(common)
        self._bootstrap = accepted["bootstrap_servers"]
        self._client: Any = AIOKafkaAdminClient(**accepted, request_timeout_ms=REQUEST_TIMEOUT_MS)

    async def start(self) -> None:
        """Reach the broker."""
        await self._client.start()

    async def close(self) -> None:
        """Give back sockets."""
        await self._client.close()

    async def topics(self) -> Mapping[str, int]:
        """Every topic that is not internal, with its partition count."""
        found = await self._ask(self._client.describe_topics())
        return {
            topic["topic"]: len(topic["partitions"]) for topic in found if not topic["is_internal"]
        }

    async def topic_settings(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        """All settings of these topics, by name."""
        resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        answers: list[Any] = []
        if names:
            answers = await self._ask(self._client.describe_configs(resources))
        settings: dict[str, dict[str, str]] = {}
        for answer in answers:
            for _, _, _, name, entries in answer.resources:
                settings[name] = {entry[0]: entry[1] for entry in entries}
        return settings

    async def broker_settings(self, names: Sequence[str]) -> Mapping[str, str]:
        """These settings of one broker; what it will not tell this user is left out."""
        await self.topics()
        nodes = sorted(broker.nodeId for broker in self._client._client.cluster.brokers())
        resource = ConfigResource(ConfigResourceType.BROKER, str(nodes[0]))
        found: dict[str, str] = {}
        for answer in await self._ask(self._client.describe_configs([resource])):
            for code, _, _, _, entries in answer.resources:
                if not code:
                    found.update({entry[0]: entry[1] for entry in entries if entry[0] in names})
        return found

    async def newest_requests(self) -> Mapping[int, int]:
        """The newest version of each kind of request that a broker of this cluster understands."""
        answer = await self._ask(self._client._send_request(ApiVersionRequest()))
        return {key: newest for key, _, newest in answer.api_versions}

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        """Create what is not there, and wait until it is served; what exists is left as it is."""
        if not specs:
            return
        wanted = [
            NewTopic(
                name=spec.name,
                num_partitions=spec.partitions,
                replication_factor=spec.replication,
                # aiokafka 0.14 takes -1, the broker's own number, only beside assignments.
                replica_assignments={} if spec.replication < 0 else None,
                topic_configs=dict(spec.settings),
            )
            for spec in specs
        ]
        answer = await self._ask(self._client.create_topics(wanted))
        for name, code, *rest in answer.topic_errors:
            if code not in (0, TopicAlreadyExistsError.errno):
                raise self._refused(f"topic {name} was not created", code, rest[0] if rest else "")
        # Kafka 4.4 answers when the controller has decided; a broker learns of it a little later,
        # and until then it says that there is no such topic.
        await self._soon(lambda: self._served([spec.name for spec in specs]), SERVED_S_MAX)

    async def _served(self, names: Sequence[str]) -> None:
        for topic in await self._ask(self._client.describe_topics(list(names))):
            if topic["error_code"] or any(part["leader"] < 0 for part in topic["partitions"]):
                reason = f"it does not serve the topic {topic['topic']} yet"
                raise BrokerUnreachable(bootstrap=self._bootstrap, reason=reason, passing=True)

    async def delete_topics(self, names: Sequence[str]) -> None:
        """Delete topics and all that is in them; of what is not there nothing is said."""
        if names:
            answer = await self._ask(self._client.delete_topics(list(names)))
            for name, code, *_ in answer.topic_error_codes:
                if code not in (0, UnknownTopicOrPartitionError.errno):
                    raise self._refused(f"topic {name} was not deleted", code, "")

    async def alter_settings(self, name: str, settings: Mapping[str, str]) -> None:
        """Set these settings of one topic; settings that are not named stay."""
        present = dict((await self._overridden(name)).items()) | dict(settings)
        resource = ConfigResource(ConfigResourceType.TOPIC, name, configs=present)
        for answer in await self._ask(self._client.alter_configs([resource])):
            for code, message, *_ in answer.resources:
                if code:
                    raise self._refused(f"topic {name} was not changed", code, message or "")

    async def _overridden(self, name: str) -> Mapping[str, str]:
        """What was set on the topic itself: altering replaces all of it (Kafka's AlterConfigs)."""
        resource = ConfigResource(ConfigResourceType.TOPIC, name)
        found: dict[str, str] = {}
        for answer in await self._ask(self._client.describe_configs([resource])):
            for _, _, _, _, entries in answer.resources:
                found.update({entry[0]: entry[1] for entry in entries if entry[3] == SET_ON_TOPIC})
        return found

    async def committed(self, group: str, topic: str) -> Mapping[int, Committed]:
        """A group's offsets on a topic by partition. Exact after the lane's producer has init."""
        return await self._soon(lambda: self._committed(group, topic))

    async def _committed(self, group: str, topic: str) -> Mapping[int, Committed]:
        # aiokafka 0.14: its own reading of the answer passes over the error of the whole group, so
        # that a coordinator which is still loading looks like a group without offsets.
        coordinator = await self._ask(self._client.find_coordinator(group))
        request = OffsetFetchRequest(group, None)
        answer = await self._ask(self._client._send_request(request, coordinator))
        found: dict[int, Committed] = {}
        codes: list[int] = [answer.error_code]
        for name, partitions in answer.topics:
            for partition, offset, metadata, code in partitions:
                codes.append(code)
                if name == topic and offset >= 0:
                    found[partition] = Committed(offset, metadata or "")
        if code := next(filter(None, codes), 0):
            reason = f"the offsets of {group} cannot be read: {for_code(code).__name__}"
            raise BrokerUnreachable(bootstrap=self._bootstrap, reason=reason, passing=True)
        return found

    async def offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """First and end offset (last stable) of each partition."""
        return await self._soon(lambda: self._offsets(topic))

    async def _offsets(self, topic: str) -> Mapping[int, tuple[int, int]]:
        leaders = await self._leaders(topic)
        begins = await self._list_offsets(topic, leaders, EARLIEST)
        ends = await self._list_offsets(topic, leaders, LATEST)
        return {partition: (begins[partition], ends[partition]) for partition in sorted(ends)}

    async def _leaders(self, topic: str) -> Mapping[int, list[int]]:
        """Partitions by the node that leads them; raises BrokerUnreachable when one has none."""
        leaders: dict[int, list[int]] = {}
        for found in await self._ask(self._client.describe_topics([topic])):
            for partition in found["partitions"]:
                if partition["leader"] < 0:
                    reason = f"{topic}[{partition['partition']}] has no leader now"
                    raise BrokerUnreachable(bootstrap=self._bootstrap, reason=reason, passing=True)
                leaders.setdefault(partition["leader"], []).append(partition["partition"])
        return leaders

    async def _list_offsets(
        self, topic: str, leaders: Mapping[int, list[int]], when: int
    ) -> dict[int, int]:
        offsets: dict[int, int] = {}
        for leader, partitions in leaders.items():
            request = OffsetRequest(-1, READ_COMMITTED, [(topic, [(p, when) for p in partitions])])
            answer = await self._ask(self._client._send_request(request, leader))
            for _, found in answer.topics:
                for partition, code, *rest in found:
                    if code:
                        cause = for_code(code)
                        raise BrokerUnreachable(
                            bootstrap=self._bootstrap,
                            reason=f"{topic}[{partition}] gives no offset: {cause.__name__}",
                            passing=issubclass(cause, PASSING),
                        )
                    offsets[partition] = rest[-1]
        return offsets

    async def members(self, group: str) -> Mapping[str, frozenset[TopicPartition]]:
        """Member id → partitions; empty when nobody is there."""
        found: dict[str, frozenset[TopicPartition]] = {}
        for answer in await self._ask(self._client.describe_consumer_groups([group])):
            for found_group in answer.groups:
                for member_id, *_, assignment in found_group[MEMBERS]:
                    held = ConsumerProtocol.ASSIGNMENT.decode(assignment) if assignment else None
                    places = held.partitions() if held is not None else []
                    found[member_id] = frozenset(TopicPartition(*place) for place in places)
        return found

    async def remove_member(self, group: str, member_id: str) -> None:
        """Tell the group that this member is dead. No error when it is gone already."""
        coordinator = await self._ask(self._client.find_coordinator(group))
        request = LeaveGroupRequest(group, member_id)
        answer = await self._ask(self._client._send_request(request, coordinator))
        if answer.error_code not in (0, UnknownMemberIdError.errno):
            raise self._refused(f"member {member_id} was not removed", answer.error_code, "")

    async def delete_records(self, before: Mapping[TopicPartition, int]) -> None:
        """Delete everything below these offsets."""
        wanted = {Place(*where): RecordsToDelete(offset) for where, offset in before.items()}
        if wanted:
            await self._ask(self._client.delete_records(wanted))

    async def _ask(self, question: Any) -> Any:
        try:
            return await question
        except (KafkaError, OSError) as error:
            raise BrokerUnreachable(
                bootstrap=self._bootstrap,
                reason=f"{type(error).__name__}: {error}",
                passing=isinstance(error, PASSING),
            ) from error

    async def _soon(
        self, question: Callable[[], Awaitable[T]], within_s: float = PASSING_S_MAX
    ) -> T:
        """Ask again while the cluster is choosing who answers: after a start, a topic, a loss."""
        deadline = asyncio.get_running_loop().time() + within_s
        while True:
            try:
                return await question()
            except BrokerUnreachable as error:
                late = asyncio.get_running_loop().time() > deadline
                if late or not error.facts.get("passing"):
                    raise
            await asyncio.sleep(ASK_AGAIN_S)

    def _refused(self, what: str, code: int, message: str) -> AdminRefused:
        return AdminRefused(what_failed=what, reason=message or for_code(code).__name__)
