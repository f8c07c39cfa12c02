import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.builder.RouteBuilder;
import org.apache.camel.impl.DefaultCamelContext;

/** Apache Camel's Kafka component, both ends of it. */
public class CamelEcho {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int count = Integer.parseInt(args[2]);
        CountDownLatch read = new CountDownLatch(count);
        DefaultCamelContext camel = new DefaultCamelContext();
        camel.addRoutes(new RouteBuilder() {
            @Override public void configure() {
                from("direct:in").to("kafka:" + topic + "?brokers=" + args[0]);
                from("kafka:" + topic + "?brokers=" + args[0] + "&groupId=" + topic + "&autoOffsetReset=earliest").process(e -> read.countDown());
            }
        });
        camel.start();
        ProducerTemplate template = camel.createProducerTemplate();
        for (int i = 0; i < count; i++) template.sendBody("direct:in", "v" + i);
        boolean all = read.await(60, TimeUnit.SECONDS);
        System.out.println(all ? "read " + count : "missing " + read.getCount());
        System.exit(all ? 0 : 1);
    }
}
