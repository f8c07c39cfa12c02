// node-rdkafka: a producer that waits for its reports, and a consumer in a group. Arguments: bootstrap, topic, count.
const kafka = require('node-rdkafka');
const [, , bootstrap, topic, n] = process.argv;
const count = Number(n);
const common = { 'bootstrap.servers': bootstrap, 'allow.auto.create.topics': true };
const producer = new kafka.Producer({ ...common, dr_cb: true, 'enable.idempotence': true });
let reported = 0;
producer.setPollInterval(20);
producer.on('event.error', (err) => { throw err; });
producer.on('delivery-report', (err) => {
  if (err) throw err;
  if (++reported === count) producer.disconnect(read);
});
producer.on('ready', () => {
  for (let i = 0; i < count; i++) producer.produce(topic, null, Buffer.from('v' + i));
});
producer.connect();

function read() {
  let seen = 0;
  const consumer = new kafka.KafkaConsumer({ ...common, 'group.id': topic }, { 'auto.offset.reset': 'earliest' });
  consumer.on('event.error', (err) => { throw err; });
  consumer.on('ready', () => { consumer.subscribe([topic]); consumer.consume(); });
  consumer.on('data', () => {
    if (++seen === count) consumer.disconnect(() => { console.log('read ' + seen); process.exit(0); });
  });
  consumer.connect();
}
