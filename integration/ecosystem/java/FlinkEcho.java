import java.util.Properties;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.connectors.kafka.FlinkKafkaConsumer;
import org.apache.flink.streaming.connectors.kafka.FlinkKafkaProducer;

/** Apache Flink's Kafka sink and source, on its local cluster; the job ends itself when all came back. */
public class FlinkEcho {
    public static void main(String[] args) throws Exception {
        String topic = args[1];
        int count = Integer.parseInt(args[2]);
        Properties p = new Properties();
        p.setProperty("bootstrap.servers", args[0]);
        p.setProperty("group.id", topic);
        StreamExecutionEnvironment write = StreamExecutionEnvironment.createLocalEnvironment(1);
        write.generateSequence(1, count).map(Object::toString).returns(String.class).addSink(new FlinkKafkaProducer<>(topic, new SimpleStringSchema(), p));
        write.execute();
        StreamExecutionEnvironment read = StreamExecutionEnvironment.createLocalEnvironment(1);
        FlinkKafkaConsumer<String> source = new FlinkKafkaConsumer<>(topic, new SimpleStringSchema(), p);
        source.setStartFromEarliest();
        read.addSource(source).map(new Counter(count)).returns(Integer.class).print();
        read.execute();
    }

    static class Counter implements org.apache.flink.api.common.functions.MapFunction<String, Integer> {
        private final int count;
        private int seen;
        Counter(int count) { this.count = count; }
        @Override public Integer map(String value) {
            if (++seen == count) { // the source has no end
                System.out.println("read " + count);
                Runtime.getRuntime().halt(0);
            }
            return seen;
        }
    }
}
