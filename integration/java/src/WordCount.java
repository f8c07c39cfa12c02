import java.time.Duration;
import java.util.*;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.*;
import org.apache.kafka.streams.kstream.*;

/**
 * The word count of Kafka Streams' quick start with exactly_once; every change of a count is written, as text, to OUT.
 *
 *   BOOTSTRAP APPLICATION IN OUT STATE_DIRECTORY   runs until it is killed; ends with status 1 when a thread gives up
 */
public class WordCount {
    public static void main(String[] a) throws Exception {
        Properties p = new Properties();
        p.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, a[0]);
        p.put(StreamsConfig.APPLICATION_ID_CONFIG, a[1]);
        p.put(StreamsConfig.STATE_DIR_CONFIG, a[4]);
        p.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE);
        p.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.String().getClass());
        p.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.String().getClass());
        p.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 3);
        p.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 100);
        p.put(StreamsConfig.CACHE_MAX_BYTES_BUFFERING_CONFIG, 0);
        p.put(StreamsConfig.RETRIES_CONFIG, 1000);
        p.put(StreamsConfig.RETRY_BACKOFF_MS_CONFIG, 100);
        p.put(StreamsConfig.REQUEST_TIMEOUT_MS_CONFIG, 5000);
        p.put(StreamsConfig.producerPrefix("metadata.max.age.ms"), 1000);
        p.put(StreamsConfig.consumerPrefix("session.timeout.ms"), 4000);
        p.put(StreamsConfig.consumerPrefix("max.poll.interval.ms"), 10000); // as long, and 5 s, it waits for a JoinGroup that a paused broker has got
        p.put(StreamsConfig.consumerPrefix("heartbeat.interval.ms"), 500);
        p.put(StreamsConfig.consumerPrefix("auto.offset.reset"), "earliest");
        p.put(StreamsConfig.consumerPrefix("metadata.max.age.ms"), 1000);
        StreamsBuilder b = new StreamsBuilder();
        b.<String, String>stream(a[2])
            .flatMapValues(line -> Arrays.asList(line.split(" ")))
            .groupBy((key, word) -> word)
            .count(Materialized.as("counts"))
            .toStream().mapValues(n -> Long.toString(n))
            .to(a[3], Produced.with(Serdes.String(), Serdes.String()));
        KafkaStreams streams = new KafkaStreams(b.build(), p);
        streams.setUncaughtExceptionHandler((thread, e) -> {
            e.printStackTrace();
            Runtime.getRuntime().halt(1);
        });
        streams.setStateListener((now, before) -> System.out.println("state " + now));
        streams.start();
    }
}
