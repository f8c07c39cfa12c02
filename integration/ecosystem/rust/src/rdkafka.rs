//! rdkafka: librdkafka from Rust. Arguments: bootstrap, topic, count.
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use std::time::Duration;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let (topic, count): (&str, usize) = (&args[2], args[3].parse().unwrap());
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &args[1]).set("enable.idempotence", "true").create().unwrap();
    for i in 0..count {
        producer.send(FutureRecord::to(topic).key(&format!("k{}", i % 7)).payload(&format!("v{i}")), Duration::from_secs(30)).await.unwrap();
    }
    let consumer: StreamConsumer = ClientConfig::new()
        .set("bootstrap.servers", &args[1]).set("group.id", topic).set("auto.offset.reset", "earliest").create().unwrap();
    consumer.subscribe(&[topic]).unwrap();
    for _ in 0..count {
        tokio::time::timeout(Duration::from_secs(60), consumer.recv()).await.unwrap().unwrap();
    }
    println!("read {count}");
}
