import akka.Done;
import akka.actor.ActorSystem;
import akka.kafka.CommitterSettings;
import akka.kafka.ConsumerSettings;
import akka.kafka.ProducerSettings;
import akka.kafka.Subscriptions;
import akka.kafka.javadsl.Committer;
import akka.kafka.javadsl.Consumer;
import akka.kafka.javadsl.Producer;
import akka.stream.ActorMaterializer;
import akka.stream.javadsl.Keep;
import akka.stream.javadsl.Source;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Alpakka Kafka on Akka Streams: a plain sink, and a committable source with a committer. */
public class AlpakkaEcho {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int count = Integer.parseInt(args[2]);
        ActorSystem system = ActorSystem.create();
        ActorMaterializer materializer = ActorMaterializer.create(system);
        CompletionStage<Done> written = Source.range(0, count - 1)
            .map(i -> new ProducerRecord<String, String>(topic, "k" + i % 7, "v" + i))
            .runWith(Producer.plainSink(ProducerSettings.create(system, new StringSerializer(), new StringSerializer()).withBootstrapServers(args[0])), materializer);
        written.toCompletableFuture().get(60, TimeUnit.SECONDS);
        AtomicInteger read = new AtomicInteger();
        Consumer.committableSource(
                ConsumerSettings.create(system, new StringDeserializer(), new StringDeserializer())
                    .withBootstrapServers(args[0]).withGroupId(topic).withProperty("auto.offset.reset", "earliest"),
                Subscriptions.topics(topic))
            .map(m -> { read.incrementAndGet(); return m.committableOffset(); })
            .take(count)
            .toMat(Committer.sink(CommitterSettings.create(system)), Keep.right())
            .run(materializer).toCompletableFuture().get(60, TimeUnit.SECONDS);
        System.out.println("read " + read.get());
        System.exit(0);
    }
}
