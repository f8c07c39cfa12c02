"""confluent-kafka: an idempotent producer, and a consumer in a group that commits. Arguments: bootstrap, topic, count."""
import sys

from confluent_kafka import Consumer, KafkaException, Producer

bootstrap, topic, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
failed = []
producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
for i in range(count):
    producer.produce(topic, b"v%d" % i, on_delivery=lambda err, _: failed.append(err) if err else None)
if producer.flush(60) or failed:
    sys.exit("not delivered: %s" % failed)
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": topic, "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe([topic])
read = 0
while read < count:
    message = consumer.poll(60)
    if message is None:
        sys.exit("read %d" % read)
    if message.error():
        raise KafkaException(message.error())
    read += 1
committed = sum(p.offset for p in consumer.commit(asynchronous=False))
consumer.close()
if committed != count:
    sys.exit("%d are committed" % committed)
print("read", read)
