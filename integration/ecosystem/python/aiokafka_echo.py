"""aiokafka: a transactional producer and a consumer in a group. Arguments: bootstrap, topic, count."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer


async def main(bootstrap, topic, count):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topic)
    await producer.start()
    async with producer.transaction():
        for i in range(count):
            await producer.send(topic, key=b"k%d" % (i % 7), value=b"v%d" % i)
    await producer.stop()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=topic, auto_offset_reset="earliest", isolation_level="read_committed")
    await consumer.start()
    read = 0
    while read < count:
        read += sum(len(batch) for batch in (await consumer.getmany(timeout_ms=1000)).values())
    await consumer.stop()
    print("read", read)


asyncio.run(asyncio.wait_for(main(sys.argv[1], sys.argv[2], int(sys.argv[3])), 60))
