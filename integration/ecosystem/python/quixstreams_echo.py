"""Quix Streams: a producer, and a dataframe that counts what it reads, with its changelog topic. Arguments: bootstrap, topic, count, data directory."""
import sys

from quixstreams import Application

bootstrap, name, count, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
app = Application(broker_address=bootstrap, consumer_group=name, auto_offset_reset="earliest", state_dir=data, processing_guarantee="exactly-once", loglevel="WARNING")
topic = app.topic(name, value_deserializer="str", value_serializer="str")
with app.get_producer() as producer:
    for i in range(count):
        producer.produce(topic=topic.name, key=b"k%d" % (i % 7), value=b"v%d" % i)


def total(_, state):
    n = state.get("n", 0) + 1
    state.set("n", n)
    return n


app.dataframe(topic).update(total, stateful=True)
seen = app.run(count=count, timeout=60, collect=True)
print("read", len(seen))
