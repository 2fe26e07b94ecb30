//! Generated records to a Kinesis endpoint.

use async_trait::async_trait;
use serde_json::{Value, json};
use tidemill_aws::AwsClient;
use tidemill_generator::{Record, Sink};

/// A stream at an endpoint.
pub struct KinesisSink {
    pub client: AwsClient,
    pub stream: String,
}

#[async_trait]
impl Sink for KinesisSink {
    async fn send(&self, records: &[Record]) -> Result<Vec<usize>, String> {
        let entry = |record: &Record| {
            let data = base64_simd::STANDARD.encode_to_string(record.data.as_bytes());
            json!({ "Data": data, "PartitionKey": record.key })
        };
        let entries: Vec<Value> = records.iter().map(entry).collect();
        let input = json!({ "StreamName": self.stream, "Records": entries });
        let answer = self.client.kinesis("PutRecords", &input).await.map_err(|error| error.to_string())?;
        let results = answer["Records"].as_array().cloned().unwrap_or_default();
        let refused = results
            .iter()
            .enumerate()
            .filter(|(_, result)| result.get("ErrorCode").is_some_and(|code| !code.is_null()));
        Ok(refused.map(|(place, _)| place).collect())
    }
}
