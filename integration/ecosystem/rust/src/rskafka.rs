//! rskafka: a client without groups. Arguments: bootstrap, topic, count.
use chrono::Utc;
use rskafka::client::partition::{Compression, UnknownTopicHandling};
use rskafka::client::ClientBuilder;
use rskafka::record::Record;

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().collect();
    let count: usize = args[3].parse().unwrap();
    let client = ClientBuilder::new(args[1].split(',').map(String::from).collect()).build().await.unwrap();
    client.controller_client().unwrap().create_topic(&args[2], 1, 1, 5_000).await.unwrap();
    let partition = client.partition_client(args[2].as_str(), 0, UnknownTopicHandling::Retry).await.unwrap();
    let records = (0..count)
        .map(|i| Record { key: None, value: Some(format!("v{i}").into_bytes()), headers: Default::default(), timestamp: Utc::now() })
        .collect();
    partition.produce(records, Compression::NoCompression).await.unwrap();
    let mut read = 0;
    while read < count {
        let (records, _) = partition.fetch_records(read as i64, 1..1_000_000, 1_000).await.unwrap();
        read += records.len();
    }
    println!("read {read}");
}
