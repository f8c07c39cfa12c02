import io.vertx.core.Vertx;
import io.vertx.kafka.client.consumer.KafkaConsumer;
import io.vertx.kafka.client.producer.KafkaProducer;
import io.vertx.kafka.client.producer.KafkaProducerRecord;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The Kafka client of Vert.x. */
public class VertxEcho {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int count = Integer.parseInt(args[2]);
        Vertx vertx = Vertx.vertx();
        Map<String, String> c = new HashMap<>();
        c.put("bootstrap.servers", args[0]);
        c.put("key.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        c.put("value.serializer", "org.apache.kafka.common.serialization.StringSerializer");
        c.put("key.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        c.put("value.deserializer", "org.apache.kafka.common.serialization.StringDeserializer");
        c.put("group.id", topic);
        c.put("auto.offset.reset", "earliest");
        KafkaProducer<String, String> producer = KafkaProducer.create(vertx, c);
        CountDownLatch sent = new CountDownLatch(count), read = new CountDownLatch(count);
        for (int i = 0; i < count; i++)
            producer.send(KafkaProducerRecord.create(topic, "k" + i % 7, "v" + i), r -> { if (r.succeeded()) sent.countDown(); });
        KafkaConsumer<String, String> consumer = KafkaConsumer.create(vertx, c);
        consumer.handler(r -> read.countDown());
        consumer.subscribe(topic);
        boolean all = sent.await(60, TimeUnit.SECONDS) && read.await(60, TimeUnit.SECONDS);
        System.out.println(all ? "read " + count : "missing " + read.getCount());
        System.exit(all ? 0 : 1);
    }
}
