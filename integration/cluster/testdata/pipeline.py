"""An idempotent librdkafka producer that keeps five requests in flight and numbers the records of each
partition, until its standard input ends. It prints how many are acknowledged, and what goes wrong; a fatal
error is in librdkafka's own log, on standard error, with the name FATAL.

pipeline.py BOOTSTRAP TOPIC PARTITIONS
"""

import sys
import threading

from confluent_kafka import Producer

bootstrap, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
acked = [0] * partitions
reported = 0
ended = threading.Event()


def say(text):
    print(text, flush=True)


def on_delivery(err, msg):
    if err is not None:
        say(f"refused: {msg.partition()} {msg.value()}: {err}")
        return
    p, number = msg.partition(), int(msg.value())
    # The offset of a record that had to be sent again may not be known to the client.
    if number != acked[p] or msg.offset() >= 0 and msg.offset() != number:
        say(f"refused: record {number} of partition {p} after {acked[p]} others, at offset {msg.offset()}")
    acked[p] = number + 1


def wait_for_end():
    sys.stdin.read()
    ended.set()


threading.Thread(target=wait_for_end, daemon=True).start()
producer = Producer({
    "bootstrap.servers": bootstrap,
    "enable.idempotence": True,
    "acks": "all",
    "max.in.flight.requests.per.connection": 5,
    "linger.ms": 0,
    "batch.num.messages": 1,  # requests are what is slow: five are in flight at any time
    "message.timeout.ms": 0,
    "retry.backoff.ms": 50,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 200,
    "topic.metadata.refresh.interval.ms": 1000,
})
sent = [0] * partitions
while not ended.is_set():
    for p in range(partitions):
        if sent[p] - acked[p] < 1000:
            producer.produce(topic, str(sent[p]), partition=p, on_delivery=on_delivery)
            sent[p] += 1
    busy = any(sent[p] - acked[p] < 1000 for p in range(partitions))
    producer.poll(0 if busy else 0.01)
    if sum(acked) >= reported + 100:
        reported = sum(acked)
        say(f"acked {reported}")
left = producer.flush(60)
say("end " + " ".join(map(str, acked)) + f" left {left}")
