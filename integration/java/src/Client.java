import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * The test client. Compiled once against the oldest client (0.10.2) and run with each newer one; what newer ones add
 * (headers) is reached by reflection.
 *
 *   produce BOOTSTRAP TOPIC CODEC COUNT NAME [acks]   records key NAME-i, value "NAME value i", header n=i
 *   consume BOOTSTRAP TOPIC COUNT                      prints partition, key, value, headers, tab separated, in the order read
 *   member  BOOTSTRAP TOPIC GROUP                      joins the group, prints "assigned p,p" and "got value"; ends at end of standard input.
 *                                                      MOMUS_INSTANCE_ID, MOMUS_SESSION_MS, MOMUS_ASSIGNOR and MOMUS_CLIENT_ID set what they say
 */
public class Client {
    public static void main(String[] a) throws Exception {
        switch (a[0]) {
            case "produce": produce(a); break;
            case "consume": consume(a); break;
            case "member": member(a); break;
            default: throw new IllegalArgumentException(a[0]);
        }
    }

    /** Settings from the file that MOMUS_CLIENT_PROPERTIES names: how to log in. */
    static Properties settings() throws Exception {
        Properties p = new Properties();
        String file = System.getenv("MOMUS_CLIENT_PROPERTIES");
        if (file != null) {
            try (java.io.InputStream in = new java.io.FileInputStream(file)) {
                p.load(in);
            }
        }
        return p;
    }

    static void produce(String[] a) throws Exception {
        Properties p = settings();
        p.put("bootstrap.servers", a[1]);
        p.put("compression.type", a[3]);
        p.put("acks", a.length > 6 ? a[6] : "all");
        p.put("linger.ms", "20");
        int n = Integer.parseInt(a[4]);
        KafkaProducer<String, String> producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            ProducerRecord<String, String> r = new ProducerRecord<>(a[2], a[5] + "-" + i, a[5] + " value " + i);
            try {
                Object headers = ProducerRecord.class.getMethod("headers").invoke(r);
                Class.forName("org.apache.kafka.common.header.Headers").getMethod("add", String.class, byte[].class)
                    .invoke(headers, "n", String.valueOf(i).getBytes(StandardCharsets.UTF_8));
            } catch (NoSuchMethodException | ClassNotFoundException older) { /* before 0.11 */ }
            sent.add(producer.send(r));
        }
        for (Future<RecordMetadata> f : sent) f.get(60, TimeUnit.SECONDS);
        producer.close();
        System.out.println("produced " + n);
    }

    static Properties consumerProps(String bootstrap) throws Exception {
        Properties p = settings();
        p.put("bootstrap.servers", bootstrap);
        p.put("auto.offset.reset", "earliest");
        return p;
    }

    static ConsumerRecords<String, String> poll(KafkaConsumer<String, String> c) throws Exception {
        try {
            return cast(KafkaConsumer.class.getMethod("poll", Class.forName("java.time.Duration")).invoke(c, java.time.Duration.ofMillis(200)));
        } catch (NoSuchMethodException older) {
            return cast(KafkaConsumer.class.getMethod("poll", long.class).invoke(c, 200L));
        }
    }

    @SuppressWarnings("unchecked")
    static ConsumerRecords<String, String> cast(Object o) { return (ConsumerRecords<String, String>) o; }

    static void consume(String[] a) throws Exception {
        Properties p = consumerProps(a[1]);
        p.put("enable.auto.commit", "false");
        p.put("group.id", "unused-" + a[2]);
        int want = Integer.parseInt(a[3]);
        KafkaConsumer<String, String> c = new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
        List<TopicPartition> tps = new ArrayList<>();
        for (org.apache.kafka.common.PartitionInfo i : c.partitionsFor(a[2])) tps.add(new TopicPartition(i.topic(), i.partition()));
        c.assign(tps);
        KafkaConsumer.class.getMethod("seekToBeginning", Collection.class).invoke(c, tps);
        StringBuilder out = new StringBuilder();
        long end = System.currentTimeMillis() + 60000;
        for (int got = 0; got < want && System.currentTimeMillis() < end; ) {
            for (ConsumerRecord<String, String> r : poll(c)) {
                got++;
                out.append(r.partition()).append('\t').append(r.key()).append('\t').append(r.value()).append('\t').append(headers(r)).append('\n');
            }
        }
        System.out.print(out);
        c.close();
    }

    static String headers(ConsumerRecord<String, String> r) throws Exception {
        StringBuilder b = new StringBuilder();
        try {
            Iterable<?> hs = (Iterable<?>) ConsumerRecord.class.getMethod("headers").invoke(r);
            for (Object h : hs) {
                Class<?> k = Class.forName("org.apache.kafka.common.header.Header");
                b.append(k.getMethod("key").invoke(h)).append('=').append(new String((byte[]) k.getMethod("value").invoke(h), StandardCharsets.UTF_8));
            }
        } catch (NoSuchMethodException | ClassNotFoundException older) { return "?"; }
        return b.toString();
    }

    static void setting(Properties p, String variable, String key) {
        String v = System.getenv(variable);
        if (v != null) p.put(key, v);
    }

    static void member(String[] a) throws Exception {
        Properties p = consumerProps(a[1]);
        p.put("group.id", a[3]);
        p.put("session.timeout.ms", "6000");
        p.put("heartbeat.interval.ms", "500");
        p.put("auto.commit.interval.ms", "200");
        p.put("metadata.max.age.ms", "2000");
        setting(p, "MOMUS_INSTANCE_ID", "group.instance.id");
        setting(p, "MOMUS_SESSION_MS", "session.timeout.ms");
        setting(p, "MOMUS_ASSIGNOR", "partition.assignment.strategy");
        setting(p, "MOMUS_CLIENT_ID", "client.id");
        final KafkaConsumer<String, String> c = new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
        c.subscribe(Collections.singletonList(a[2]), new ConsumerRebalanceListener() {
            public void onPartitionsRevoked(Collection<TopicPartition> x) { }
            public void onPartitionsAssigned(Collection<TopicPartition> x) {
                List<Integer> ids = new ArrayList<>();
                for (TopicPartition tp : x) ids.add(tp.partition());
                Collections.sort(ids);
                System.out.println("assigned " + ids.toString().replaceAll("[\\[\\] ]", ""));
            }
        });
        final boolean[] stop = {false};
        Thread t = new Thread(() -> {
            try { while (System.in.read() >= 0) { } } catch (Exception e) { }
            stop[0] = true;
            c.wakeup();
        });
        t.setDaemon(true);
        t.start();
        try {
            while (!stop[0]) for (ConsumerRecord<String, String> r : poll(c)) System.out.println("got " + r.value());
        } catch (java.lang.reflect.InvocationTargetException e) {
            if (!stop[0]) throw e;
        }
        c.close();
    }
}
