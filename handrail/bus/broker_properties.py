"""What the local Kafka is told: one broker that is its own controller, on 127.0.0.1 only.

Checked against Apache Kafka 4.2.1.
"""

HOST = "127.0.0.1"
RECORD_BYTES_MAX = 2 * 1024 * 1024  #: a body of 900 KB, its headers and those of a dead letter
OFFSETS_KEPT_MINUTES = 90 * 24 * 60  #: a team that rests for a quarter finds its place again
HEAP_MB = 512
LOG_BYTES_MAX, LOG_FILES_MAX = "10MB", 3

#: A young heap, no second compiler, few threads: ready sooner and small, at less peak speed.
JVM_FLAGS = (
    f"-Xmx{HEAP_MB}m",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


#: What holds for every single broker that Handrail starts, in a container too.
SINGLE_BROKER: dict[str, object] = {
    # One broker can hold one copy of anything.
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # Ten partitions spread the coordinators of a team's groups well enough and start faster.
    "offsets.topic.num.partitions": 10,
    "transaction.state.log.num.partitions": 10,
    "share.coordinator.state.topic.num.partitions": 4,
    # Topics come from `handrail topics apply` alone; a mistyped name must not make one.
    "auto.create.topics.enable": "false",
    # A process that joins a group alone should not wait for company.
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1_000,
    "offsets.retention.minutes": OFFSETS_KEPT_MINUTES,
    # Kafka's own default, and no less: a broker that starts after a kill -9 leads nothing for some
    # seconds. Transactions that Kafka 4.3 and 4.4.0 end in that time are said to be ended and get
    # no marker (docs/adr/0036), and whatever is written behind them is hidden for ever.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 10_000,
    "message.max.bytes": RECORD_BYTES_MAX,
    "replica.fetch.max.bytes": RECORD_BYTES_MAX,
    "log.retention.check.interval.ms": 60_000,
    # The default cleaner buffer of 128 MB would take a quarter of the heap.
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    # Each open segment maps two index files of this size.
    "log.index.size.max.bytes": 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "background.threads": 2,
    "num.recovery.threads.per.data.dir": 2,
    # The broker waits for its own controller at this pace before it serves.
    "broker.heartbeat.interval.ms": 500,
    # A broker that was killed starts again only once its own controller has given up the old one.
    "broker.session.timeout.ms": 4_000,
}


def server_properties(*, data: str, client_port: int, controller_port: int) -> str:
    """Write the broker's settings for a data folder in its working folder, and two ports."""
    listeners = f"PLAINTEXT://{HOST}:{client_port},CONTROLLER://{HOST}:{controller_port}"
    settings = {
        **_roles(controller=f"{HOST}:{controller_port}"),
        "listeners": listeners,
        "advertised.listeners": listeners,
        # A path from the root could hold commas, which part several folders here.
        "log.dirs": data,
        **SINGLE_BROKER,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def container_environment(*, host: str, port: int, container_port: int) -> dict[str, str]:
    """Give the same settings as variables of the official image, reached at `host:port`."""
    inside = container_port + 1
    settings = {
        **_roles(controller=f"localhost:{inside}"),
        "controller.quorum.voters": f"1@localhost:{inside}",
        "listeners": f"PLAINTEXT://:{container_port},CONTROLLER://:{inside}",
        "advertised.listeners": f"PLAINTEXT://{host}:{port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        **SINGLE_BROKER,
    }
    del settings["controller.quorum.bootstrap.servers"]
    return {f"KAFKA_{key.upper().replace('.', '_')}": str(value) for key, value in settings.items()}


def _roles(*, controller: str) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.bootstrap.servers": controller,
        "inter.broker.listener.name": "PLAINTEXT",
    }


def log4j_properties(log: str) -> str:
    """Write the settings of the broker's log: warnings and worse, bounded in size."""
    return f"""\
status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {log}
appender.file.filePattern = {log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %m (%c)%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = {LOG_BYTES_MAX}
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = {LOG_FILES_MAX}
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
logger.lifecycle.name = kafka.server.KafkaRaftServer
logger.lifecycle.level = info
"""
