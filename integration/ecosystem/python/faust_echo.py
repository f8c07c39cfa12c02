"""faust: an agent that reads what a timer has sent. Arguments: bootstrap, topic, count, data directory."""
import os
import sys

import faust

bootstrap, topic_name, count, data = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
app = faust.App(topic_name, broker="kafka://" + bootstrap.replace(",", ";kafka://"), datadir=data, web_enabled=False, topic_partitions=1,
                consumer_auto_offset_reset="earliest")
topic = app.topic(topic_name, value_type=str, partitions=1, internal=True)
seen = 0


@app.agent(topic)
async def reader(values):
    global seen
    async for _ in values:
        seen += 1
        if seen == count:
            print("read", seen, file=sys.__stdout__, flush=True)  # sys.stdout is faust's log
            os._exit(0)


@app.task
async def writer():
    for i in range(count):
        await topic.send(value="v%d" % i)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], "worker", "-l", "warn", "--without-web"]
    app.main()
