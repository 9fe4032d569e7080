"""`handrail` with a planted fault: whoever wants a partition gets it, whatever the group says."""

from handrail.bus import kafka
from handrail.bus.kafka_consumer import KafkaGroupConsumer
from handrail.bus.port import Membership
from handrail.wire.record import TopicPartition


class ProvesNothing(KafkaGroupConsumer):
    """Says that it is a member without asking."""

    async def prove_membership(
        self, membership: Membership, where: TopicPartition, *, deadline_s: float
    ) -> None:
        del membership, where, deadline_s


if __name__ == "__main__":
    kafka.KafkaGroupConsumer = ProvesNothing
    from handrail.cli.main import main

    main()
