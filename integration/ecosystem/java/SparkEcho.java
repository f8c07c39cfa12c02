import java.util.concurrent.atomic.AtomicLong;
import org.apache.spark.api.java.function.VoidFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.Trigger;

/** Spark's Kafka sink, and its source read at once and as a stream with a checkpoint, in one process. */
public class SparkEcho {
    public static void main(String[] args) throws Exception {
        String bootstrap = args[0], topic = args[1];
        int count = Integer.parseInt(args[2]);
        SparkSession spark = SparkSession.builder().master("local[1]").appName("echo").config("spark.ui.enabled", false).config("spark.sql.streaming.kafka.useDeprecatedOffsetFetching", false)
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").config("spark.sql.shuffle.partitions", 1)
            .config("spark.local.dir", args[3]).config("spark.sql.warehouse.dir", args[3] + "/warehouse").getOrCreate();
        spark.range(count).selectExpr("concat('k', id % 7) as key", "concat('v', id) as value")
            .write().format("kafka").option("kafka.bootstrap.servers", bootstrap).option("topic", topic).save();
        long batch = spark.read().format("kafka").option("kafka.bootstrap.servers", bootstrap).option("subscribe", topic)
            .load().selectExpr("cast(value as string) as v").distinct().count();
        AtomicLong streamed = new AtomicLong();
        VoidFunction2<Dataset<Row>, Long> add = (rows, id) -> streamed.addAndGet(rows.count());
        spark.readStream().format("kafka").option("kafka.bootstrap.servers", bootstrap).option("subscribe", topic)
            .option("startingOffsets", "earliest").load().writeStream().foreachBatch(add).trigger(Trigger.Once())
            .option("checkpointLocation", args[3] + "/checkpoint").start().awaitTermination();
        spark.stop();
        System.out.println(batch == count && streamed.get() == count ? "read " + count : "batch " + batch + ", stream " + streamed.get());
        System.exit(0);
    }
}
