import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.QuarkusApplication;
import io.quarkus.runtime.annotations.QuarkusMain;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.reactive.messaging.Channel;
import org.eclipse.microprofile.reactive.messaging.Emitter;
import org.eclipse.microprofile.reactive.messaging.Incoming;
import org.eclipse.microprofile.reactive.messaging.OnOverflow;

/** Quarkus: an emitter, and a method that is called with what comes in. */
@QuarkusMain
public class QuarkusEcho implements QuarkusApplication {
    @Inject
    @Channel("out")
    @OnOverflow(OnOverflow.Strategy.UNBOUNDED_BUFFER)
    Emitter<String> out;
    @Inject
    Reader reader;

    public static void main(String... args) {
        System.setProperty("kafka.bootstrap.servers", args[0]);
        System.setProperty("mp.messaging.outgoing.out.topic", args[1]);
        System.setProperty("mp.messaging.incoming.in.topic", args[1]);
        Quarkus.run(QuarkusEcho.class, args);
    }

    @Override
    public int run(String... args) throws Exception {
        int count = Integer.parseInt(args[2]);
        CountDownLatch left = reader.expect(count);
        for (int i = 0; i < count; i++) out.send("v" + i);
        boolean all = left.await(100, TimeUnit.SECONDS);
        System.out.println(all ? "read " + count : "missing " + left.getCount());
        return all ? 0 : 1;
    }

    @ApplicationScoped
    public static class Reader {
        private final CompletableFuture<CountDownLatch> left = new CompletableFuture<>();

        CountDownLatch expect(int count) {
            left.complete(new CountDownLatch(count));
            return left.join();
        }

        @Incoming("in")
        void read(String value) {
            left.join().countDown();
        }
    }
}
