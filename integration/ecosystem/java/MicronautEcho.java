package echo; // its beans may not be in the default package

import io.micronaut.configuration.kafka.annotation.KafkaClient;
import io.micronaut.configuration.kafka.annotation.KafkaListener;
import io.micronaut.configuration.kafka.annotation.OffsetReset;
import io.micronaut.configuration.kafka.annotation.Topic;
import io.micronaut.context.ApplicationContext;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Micronaut: a client interface that it implements, and a listener. */
public class MicronautEcho {
    static volatile CountDownLatch left;

    @KafkaClient
    public interface Client {
        @Topic("${echo.topic}")
        void send(String value);
    }

    @KafkaListener(groupId = "micronaut", offsetReset = OffsetReset.EARLIEST)
    public static class Listener {
        @Topic("${echo.topic}")
        public void receive(String value) {
            left.countDown();
        }
    }

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[2]);
        left = new CountDownLatch(count);
        try (ApplicationContext context = ApplicationContext.run(Map.of("kafka.bootstrap.servers", args[0], "echo.topic", args[1]))) {
            Client client = context.getBean(Client.class);
            for (int i = 0; i < count; i++) client.send("v" + i);
            boolean all = left.await(100, TimeUnit.SECONDS);
            System.out.println(all ? "read " + count : "missing " + left.getCount());
            System.exit(all ? 0 : 1);
        }
    }
}
