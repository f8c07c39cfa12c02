// kafka-node: a high-level producer, and a consumer group. Arguments: bootstrap, topic, count.
const kafka = require('kafka-node');
const [, , kafkaHost, topic, n] = process.argv;
const count = Number(n);
const client = new kafka.KafkaClient({ kafkaHost });
client.createTopics([{ topic, partitions: 2, replicationFactor: 1 }], (err) => {
  if (err) throw err;
  const producer = new kafka.HighLevelProducer(client);
  const send = () => producer.send([{ topic, messages: [...Array(count).keys()].map((i) => 'v' + i) }], (err) => {
    if (err) throw err;
    let seen = 0;
    const group = new kafka.ConsumerGroup({ kafkaHost, groupId: topic, fromOffset: 'earliest' }, [topic]);
    group.on('error', (err) => { throw err; });
    group.on('message', () => {
      if (++seen === count) group.close(true, () => { console.log('read ' + seen); process.exit(0); });
    });
  });
  producer.on('error', (err) => { throw err; });
  producer.ready ? send() : producer.on('ready', send);
});
