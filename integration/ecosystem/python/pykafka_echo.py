"""pykafka: a producer that waits for each answer's batch, and a balanced consumer. Arguments: bootstrap, topic, count."""
import sys

from pykafka import KafkaClient
from pykafka.common import OffsetType

bootstrap, name, count = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
client = KafkaClient(hosts=bootstrap, broker_version="1.0.0")
topic = client.topics[name]
with topic.get_producer(linger_ms=10) as producer:
    for i in range(count):
        producer.produce(b"v%d" % i)
consumer = topic.get_balanced_consumer(name, managed=True, auto_offset_reset=OffsetType.EARLIEST, consumer_timeout_ms=60000)
read = 0
while read < count and consumer.consume() is not None:
    read += 1
consumer.commit_offsets()
consumer.stop()
print("read", read)
