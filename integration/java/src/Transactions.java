import java.time.Duration;
import java.util.*;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/**
 * Transactions with the Java client, 2.5 or newer.
 *
 *   copy    BOOTSTRAP IN OUT GROUP ID BATCH IDLE_MS   copies IN to OUT, BATCH records a transaction, every fourth of which is aborted and done
 *                                                     again; ends after IDLE_MS without input. Prints "copied N in M transactions"
 *   fence   BOOTSTRAP TOPIC ID                        a second producer takes the id over; prints what the first one gets
 *   timeout BOOTSTRAP TOPIC ID MS                     sends, waits until the transaction was aborted, commits; prints what it gets
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

    static KafkaConsumer<String, String> consumer(String bootstrap, String group) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("group.id", group);
        p.put("auto.offset.reset", "earliest");
        p.put("enable.auto.commit", "false");
        p.put("isolation.level", "read_committed");
        return new KafkaConsumer<>(p, new StringDeserializer(), new StringDeserializer());
    }

    static void copy(String[] a) throws Exception {
        int batch = Integer.parseInt(a[6]);
        long idle = Long.parseLong(a[7]);
        KafkaProducer<String, String> producer = producer(a[1], a[5]);
        KafkaConsumer<String, String> consumer = consumer(a[1], a[4]);
        consumer.subscribe(Collections.singletonList(a[2]));
        int copied = 0, transactions = 0;
        long last = System.currentTimeMillis();
        Iterator<ConsumerRecord<String, String>> pending = Collections.emptyIterator();
        while (System.currentTimeMillis() - last < idle) {
            if (!pending.hasNext()) {
                pending = consumer.poll(Duration.ofMillis(200)).iterator();
                if (!pending.hasNext()) continue;
            }
            last = System.currentTimeMillis();
            List<ConsumerRecord<String, String>> todo = new ArrayList<>();
            while (pending.hasNext() && todo.size() < batch) todo.add(pending.next());
            boolean abort = transactions % 4 == 3;
            for (boolean done = false; !done; abort = false) {
                producer.beginTransaction();
                Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
                for (ConsumerRecord<String, String> r : todo) {
                    producer.send(new ProducerRecord<>(a[3], r.key(), (abort ? "aborted " : "") + r.value()));
                    offsets.put(new TopicPartition(r.topic(), r.partition()), new OffsetAndMetadata(r.offset() + 1));
                }
                producer.sendOffsetsToTransaction(offsets, consumer.groupMetadata());
                if (abort) producer.abortTransaction();
                else { producer.commitTransaction(); done = true; }
                transactions++;
            }
            copied += todo.size();
        }
        consumer.close();
        producer.close();
        System.out.println("copied " + copied + " in " + transactions + " transactions");
    }

    static void report(String what, Throwable e) {
        while (e != null && e.getCause() != null && e.getClass() == org.apache.kafka.common.KafkaException.class) e = e.getCause();
        System.out.println(what + ": " + (e == null ? "ok" : e.getClass().getSimpleName()));
    }

    static void commit(String what, KafkaProducer<String, String> p) {
        try {
            p.commitTransaction();
            report(what, null);
        } catch (Exception e) {
            report(what, e);
        }
    }

    static void fence(String[] a) throws Exception {
        KafkaProducer<String, String> first = producer(a[1], a[3]);
        first.beginTransaction();
        first.send(new ProducerRecord<>(a[2], "k", "of the fenced")).get(30, TimeUnit.SECONDS);
        KafkaProducer<String, String> second = producer(a[1], a[3]);
        commit("first commits", first);
        second.beginTransaction();
        second.send(new ProducerRecord<>(a[2], "k", "of the second")).get(30, TimeUnit.SECONDS);
        commit("second commits", second);
        first.close();
        second.close();
    }

    static void timeout(String[] a) throws Exception {
        KafkaProducer<String, String> p = producer(a[1], a[3], "transaction.timeout.ms", a[4]);
        p.beginTransaction();
        p.send(new ProducerRecord<>(a[2], "k", "too late")).get(30, TimeUnit.SECONDS);
        Thread.sleep(Long.parseLong(a[4]) + 12000); // the broker looks every 10 s
        commit("commit after the timeout", p);
        p.close();
    }

    static void states(String[] a) throws Exception {
        for (int round = 0; round < 3; round++) {
            KafkaProducer<String, String> p = producer(a[1], a[3]);
            p.beginTransaction();
            commit("empty commit", p);
            p.beginTransaction();
            p.abortTransaction();
            System.out.println("empty abort: ok");
            p.beginTransaction();
            p.send(new ProducerRecord<>(a[2], "k", "committed " + round));
            commit("commit", p);
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
