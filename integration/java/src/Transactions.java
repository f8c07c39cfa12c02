import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.serialization.*;

/**
 * Transactions with the Java client, 2.5 or newer.
 *
 *   copy    BOOTSTRAP IN OUT GROUP ID BATCH IDLE_MS [LABEL]   copies IN to OUT, BATCH records a transaction, every fourth of which is aborted and
 *                                                     done again; ends after IDLE_MS without input. Prints "copied N in M transactions"
 *   fence   BOOTSTRAP TOPIC ID                        a second producer takes the id over, while the first one does this or that; prints what it gets
 *   timeout BOOTSTRAP TOPIC ID MS                     sends, prints "sent", waits for the end of standard input, commits; prints what it gets
 *   flood   BOOTSTRAP TOPIC COUNT                     idempotent: record i has the key and value i
 *   states  BOOTSTRAP TOPIC ID                        commits and aborts of empty and full transactions in turn, with a new producer in between
 *   bench   BOOTSTRAP TOPIC ID COUNT                  COUNT transactions of ten records; prints the time of one
 */
public class Transactions {
    public static void main(String[] a) throws Exception {
        switch (a[0]) {
            case "copy": copy(a); break;
            case "fence": fence(a); break;
            case "timeout": timeout(a); break;
            case "states": states(a); break;
            case "flood": flood(a); break;
            case "bench": bench(a); break;
            default: throw new IllegalArgumentException(a[0]);
        }
    }

    static KafkaProducer<String, String> producer(String bootstrap, String id, Object... more) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("transactional.id", id);
        for (int i = 0; i < more.length; i += 2) p.put(more[i], more[i + 1]);
        KafkaProducer<String, String> producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        return producer;
    }

    static KafkaConsumer<String, String> consumer(String bootstrap, String group, Object... more) {
        Properties p = new Properties();
        for (int i = 0; i < more.length; i += 2) p.put(more[i], more[i + 1]);
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", group);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("isolation.level", "read_committed");
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    static void copy(String[] a) throws Exception {
        long idle = Long.parseLong(a[7]);
        Copier c = new Copier(a);
        while (true) {
            try {
                c.open();
                while (System.currentTimeMillis() - c.last < idle) c.poll();
                break;
            } catch (KafkaException e) { // fenced, or nobody to ask: begin again as a new producer and consumer
                System.out.println("again after " + e);
            } finally {
                c.close();
            }
        }
        System.out.println("copied " + c.copied + " in " + c.transactions + " transactions");
    }

    /** Consumes, transforms and produces. A label marks each copy with its transaction: " LABEL/NUMBER/SIZE". */
    static class Copier {
        final String[] a;
        final int batch;
        final String label;
        KafkaProducer<String, String> producer;
        KafkaConsumer<String, String> consumer;
        int copied, transactions;
        long last = System.currentTimeMillis();

        Copier(String[] a) {
            this.a = a;
            batch = Integer.parseInt(a[6]);
            label = a.length > 8 ? a[8] : null;
        }

        void open() {
            // These clients never ask their bootstrap servers again, so they have to hear soon of brokers that come back. They wait for an answer
            // to JoinGroup from a broker that is paused for max.poll.interval.ms and 5 s more.
            producer = producer(a[1], a[5], "request.timeout.ms", "5000", "metadata.max.age.ms", "500");
            consumer = consumer(a[1], a[4], "session.timeout.ms", "6000", "heartbeat.interval.ms", "500", "request.timeout.ms", "5000",
                "metadata.max.age.ms", "500", "max.poll.interval.ms", "10000");
            consumer.subscribe(Collections.singletonList(a[2]));
        }

        void close() {
            if (consumer != null) consumer.close(Duration.ofSeconds(1));
            if (producer != null) producer.close(Duration.ofSeconds(1));
            consumer = null;
            producer = null;
        }

        void poll() {
            Iterator<ConsumerRecord<String, String>> pending = consumer.poll(Duration.ofMillis(200)).iterator();
            while (pending.hasNext()) {
                last = System.currentTimeMillis();
                List<ConsumerRecord<String, String>> todo = new ArrayList<>();
                while (pending.hasNext() && todo.size() < batch) todo.add(pending.next());
                try {
                    if (transactions % 4 == 3) transact(todo, true);
                    transact(todo, false);
                    copied += todo.size();
                } catch (ProducerFencedException e) {
                    throw e;
                } catch (KafkaException e) { // 2.5 wraps what ended the producer in a plain one: then the abort fails too
                    System.out.println("aborting after " + e);
                    producer.abortTransaction();
                    rewind();
                    return;
                }
            }
        }

        void transact(List<ConsumerRecord<String, String>> todo, boolean abort) {
            producer.beginTransaction();
            transactions++;
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            for (ConsumerRecord<String, String> r : todo) {
                String value = (abort ? "aborted " : "") + r.value();
                if (label != null) value += " " + label + "/" + transactions + "/" + todo.size();
                producer.send(new ProducerRecord<>(a[3], r.key(), value));
                offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
            }
            producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
            if (abort) producer.abortTransaction();
            else producer.commitTransaction();
        }

        /** Reads on from what is committed. */
        void rewind() {
            Map<TopicPartition, OffsetAndMetadata> committed = consumer.committed(consumer.assignment());
            for (TopicPartition tp : consumer.assignment()) {
                OffsetAndMetadata o = committed.get(tp);
                if (o == null) consumer.seekToBeginning(Collections.singleton(tp));
                else consumer.seek(tp, o.offset());
            }
        }
    }

    static void report(String what, Throwable e) {
        while (e != null && e.getCause() != null && e.getClass() == org.apache.kafka.common.KafkaException.class) e = e.getCause();
        String text = e == null ? "ok" : e.getClass().getSimpleName();
        if (e != null && e.getClass() == KafkaException.class) text += ": " + e.getMessage();
        System.out.println(what + ": " + text);
    }

    interface Action { void run() throws Exception; }

    static void attempt(String what, Action action) {
        try {
            action.run();
            report(what, null);
        } catch (ExecutionException e) {
            report(what, e.getCause());
        } catch (Exception e) {
            report(what, e);
        }
    }

    static void fence(String[] a) throws Exception {
        for (String what : new String[] {"commit", "abort", "send", "offsets", "begin"}) {
            String id = a[3] + "-" + what;
            KafkaProducer<String, String> first = producer(a[1], id);
            if (!what.equals("begin")) {
                first.beginTransaction();
                first.send(new ProducerRecord<>(a[2], 0, "k", "of the fenced")).get(30, TimeUnit.SECONDS);
            }
            KafkaProducer<String, String> second = producer(a[1], id);
            attempt("fenced " + what, () -> {
                switch (what) {
                    case "commit": first.commitTransaction(); break;
                    case "abort": first.abortTransaction(); break;
                    case "send": first.send(new ProducerRecord<>(a[2], 0, "k", "of the fenced")).get(30, TimeUnit.SECONDS); break;
                    case "offsets": first.sendOffsetsToTransaction(Collections.singletonMap(new TopicPartition(a[2], 0), new OffsetAndMetadata(1)), id); break;
                    default:
                        first.beginTransaction();
                        first.send(new ProducerRecord<>(a[2], 0, "k", "of the fenced")).get(30, TimeUnit.SECONDS);
                }
            });
            if (what.equals("send")) attempt("commit after that", first::commitTransaction);
            second.beginTransaction();
            second.send(new ProducerRecord<>(a[2], 0, "k", "of the second")).get(30, TimeUnit.SECONDS);
            attempt("second commits", second::commitTransaction);
            first.close(Duration.ZERO);
            second.close();
        }
        attempt("timeout above the limit", () -> producer(a[1], a[3] + "-long", "transaction.timeout.ms", "1000000000").close());
    }

    static void timeout(String[] a) throws Exception {
        KafkaProducer<String, String> p = producer(a[1], a[3], "transaction.timeout.ms", a[4]);
        p.beginTransaction();
        p.send(new ProducerRecord<>(a[2], 0, "k", "too late")).get(30, TimeUnit.SECONDS);
        System.out.println("sent");
        while (System.in.read() >= 0) { }
        attempt("commit after the timeout", p::commitTransaction);
        p.close(Duration.ZERO);
        attempt("as a new producer", () -> {
            KafkaProducer<String, String> next = producer(a[1], a[3]);
            next.beginTransaction();
            next.send(new ProducerRecord<>(a[2], 0, "k", "in time"));
            next.commitTransaction();
            next.close();
        });
    }

    static void flood(String[] a) throws Exception {
        Properties p = new Properties();
        p.put("bootstrap.servers", a[1]);
        p.put("enable.idempotence", "true");
        p.put("retry.backoff.ms", "10");
        p.put("reconnect.backoff.ms", "5");
        p.put("reconnect.backoff.max.ms", "20");
        p.put("batch.size", "2000");
        KafkaProducer<String, String> producer = new KafkaProducer<>(p, new StringSerializer(), new StringSerializer());
        int n = Integer.parseInt(a[3]);
        Throwable[] failed = new Throwable[1];
        for (int i = 0; i < n; i++) {
            producer.send(new ProducerRecord<>(a[2], Integer.toString(i), Integer.toString(i)), (m, e) -> { if (e != null) failed[0] = e; });
        }
        producer.close();
        report("flood", failed[0]);
    }

    static void states(String[] a) throws Exception {
        for (int round = 0; round < 3; round++) {
            KafkaProducer<String, String> p = producer(a[1], a[3]);
            p.beginTransaction();
            attempt("empty commit", p::commitTransaction);
            p.beginTransaction();
            p.abortTransaction();
            System.out.println("empty abort: ok");
            p.beginTransaction();
            p.send(new ProducerRecord<>(a[2], "k", "committed " + round));
            attempt("commit", p::commitTransaction);
            p.beginTransaction();
            p.send(new ProducerRecord<>(a[2], "k", "aborted " + round)).get(30, TimeUnit.SECONDS);
            p.abortTransaction();
            System.out.println("abort: ok");
            p.close();
        }
    }

    static void bench(String[] a) throws Exception {
        KafkaProducer<String, String> p = producer(a[1], a[3]);
        int n = Integer.parseInt(a[4]);
        long[] took = new long[n];
        for (int i = 0; i < n; i++) {
            long began = System.nanoTime();
            p.beginTransaction();
            for (int j = 0; j < 10; j++) p.send(new ProducerRecord<>(a[2], j % 2, null, "0123456789"));
            p.commitTransaction();
            took[i] = System.nanoTime() - began;
        }
        p.close();
        Arrays.sort(took);
        System.out.println("p50 " + took[n / 2] / 1000 + " us, p99 " + took[n * 99 / 100] / 1000 + " us");
    }
}
