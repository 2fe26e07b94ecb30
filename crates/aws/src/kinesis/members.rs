//! Members that several operations take, as Kinesis' model (2013-12-02) demands them.

use crate::error::Result;
use crate::model::{Member, Pattern, Shape, check};

const NAME_TEXT: Pattern = Pattern {
    text: "[a-zA-Z0-9_.-]+",
    matches: |text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)),
};
const STREAM_ARN_TEXT: Pattern = Pattern {
    text: "arn:aws.*:kinesis:.*:\\d{12}:stream/\\S+",
    matches: |text| arn_resource(text).is_some_and(|resource| is_below(resource, "stream/")),
};
const CONSUMER_ARN_TEXT: Pattern = Pattern {
    text: "^(arn):aws.*:kinesis:.*:\\d{12}:.*stream\\/[a-zA-Z0-9_.-]+\\/consumer\\/[a-zA-Z0-9_.-]+:[0-9]+",
    matches: |text| {
        arn_resource(text).is_some_and(|resource| resource.contains("stream/") && resource.contains("/consumer/"))
    },
};
const RESOURCE_ARN_TEXT: Pattern = Pattern {
    text: "arn:aws.*:kinesis:.*:\\d{12}:.*(stream|channel|queue)/\\S+",
    matches: |text| {
        arn_resource(text)
            .is_some_and(|resource| ["stream/", "channel/", "queue/"].iter().any(|kind| is_below(resource, kind)))
    },
};
const HASH_KEY_TEXT: Pattern = Pattern { text: "0|([1-9]\\d{0,38})", matches: |text| is_number(text, 39) };
const SEQUENCE_NUMBER_TEXT: Pattern = Pattern { text: "0|([1-9]\\d{0,128})", matches: |text| is_number(text, 129) };
const STREAM_ID_TEXT: Pattern = Pattern {
    text: "[a-z0-9]{20}-[a-z0-9]{3}",
    matches: |text| {
        let part = |part: &str, length| {
            part.len() == length && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        text.split_once('-').is_some_and(|(head, tail)| part(head, 20) && part(tail, 3))
    },
};

/// What follows the account in an ARN of Kinesis.
fn arn_resource(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (scheme, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (_region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    (scheme == "arn" && partition.starts_with("aws") && service == "kinesis" && is_account).then_some(resource)
}

fn is_below(resource: &str, kind: &str) -> bool {
    resource.strip_prefix(kind).is_some_and(|name| !name.is_empty() && !name.contains(char::is_whitespace))
}

fn is_number(text: &str, digits: usize) -> bool {
    let starts_well = text == "0" || !text.starts_with('0');
    (1..=digits).contains(&text.len()) && starts_well && text.bytes().all(|byte| byte.is_ascii_digit())
}

const fn text(shortest: usize, longest: usize) -> Shape {
    Shape::Text { shortest, longest, pattern: None }
}

const fn text_of(longest: usize, pattern: &'static Pattern) -> Shape {
    Shape::Text { shortest: 1, longest, pattern: Some(pattern) }
}

const WHOLE: Shape = Shape::Number { least: i32::MIN as i64, most: i32::MAX as i64 };
const TAG_KEY_SHAPE: Shape = text(1, 128);
const TAG_VALUE_SHAPE: Shape = text(0, 256);

pub(super) const NAME: Shape = text_of(128, &NAME_TEXT);
pub(super) const HASH_KEY: Shape = Shape::Text { shortest: 0, longest: 39, pattern: Some(&HASH_KEY_TEXT) };
pub(super) const SEQUENCE_NUMBER: Shape =
    Shape::Text { shortest: 0, longest: 129, pattern: Some(&SEQUENCE_NUMBER_TEXT) };
pub(super) const PAGE: Shape = Shape::Number { least: 1, most: 10_000 };

pub(super) const STREAM_NAME: Member = Member::new("StreamName", NAME);
pub(super) const STREAM_ARN: Member = Member::new("StreamARN", text_of(2048, &STREAM_ARN_TEXT));
pub(super) const STREAM_ID: Member = Member::new("StreamId", text_of(24, &STREAM_ID_TEXT));
pub(super) const RESOURCE_ARN: Member = Member::new("ResourceARN", text_of(2048, &RESOURCE_ARN_TEXT)).required();
pub(super) const CONSUMER_ARN: Member = Member::new("ConsumerARN", text_of(2048, &CONSUMER_ARN_TEXT));
pub(super) const CONSUMER_NAME: Member = Member::new("ConsumerName", NAME);
pub(super) const SHARD_ID: Member = Member::new("ShardId", NAME);
pub(super) const EXCLUSIVE_START_SHARD_ID: Member = Member::new("ExclusiveStartShardId", NAME);
pub(super) const NEXT_TOKEN: Member = Member::new("NextToken", text(1, 1_048_576));
pub(super) const LIMIT: Member = Member::new("Limit", PAGE);
pub(super) const MAX_RESULTS: Member = Member::new("MaxResults", PAGE);
pub(super) const STREAM_CREATED: Member = Member::new("StreamCreationTimestamp", Shape::Time);
pub(super) const DRY_RUN: Member = Member::new("DryRun", Shape::Flag);
pub(super) const RETENTION: Member = Member::new("RetentionPeriodHours", WHOLE).required();
pub(super) const SHARD_COUNT: Member = Member::new("ShardCount", Shape::Number { least: 1, most: i32::MAX as i64 });
pub(super) const TARGET_SHARD_COUNT: Member =
    Member::new("TargetShardCount", Shape::Number { least: 1, most: i32::MAX as i64 }).required();
pub(super) const SCALING_TYPE: Member = Member::new("ScalingType", Shape::Choice(&["UNIFORM_SCALING"])).required();
pub(super) const MODE_DETAILS: Member = Member::new(
    "StreamModeDetails",
    Shape::Structure(&[Member::new("StreamMode", Shape::Choice(&["PROVISIONED", "ON_DEMAND"])).required()]),
);
pub(super) const WARM_THROUGHPUT: Member =
    Member::new("WarmThroughputMiBps", Shape::Number { least: 0, most: i32::MAX as i64 });
pub(super) const MAX_RECORD_SIZE: Member =
    Member::new("MaxRecordSizeInKiB", Shape::Number { least: 1024, most: 10_240 });
pub(super) const DISTRIBUTION: Member =
    Member::new("RecordDistributionStrategy", Shape::Choice(&["AUTO", "USER_PARTITION_KEY"]));
pub(super) const ENCRYPTION_TYPE: Member = Member::new("EncryptionType", Shape::Choice(&["NONE", "KMS"])).required();
pub(super) const KEY_ID: Member = Member::new("KeyId", text(1, 2048)).required();
pub(super) const SHARD_METRICS: Member = Member::new(
    "ShardLevelMetrics",
    Shape::List { fewest: 1, most: 7, of: &Shape::Choice(super::enhanced_monitoring::METRICS) },
)
.required();
pub(super) const TAGS: Member =
    Member::new("Tags", Shape::Map { fewest: 1, most: 200, key: &TAG_KEY_SHAPE, value: &TAG_VALUE_SHAPE });
pub(super) const TAG_KEYS: Member =
    Member::new("TagKeys", Shape::List { fewest: 1, most: 50, of: &TAG_KEY_SHAPE }).required();
pub(super) const EXCLUSIVE_START_TAG_KEY: Member = Member::new("ExclusiveStartTagKey", TAG_KEY_SHAPE);
pub(super) const POLICY: Member = Member::new("Policy", text(0, 20_480)).required();
pub(super) const POSITION_TYPES: Shape =
    Shape::Choice(&["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"]);

/// Checks the form of a sequence number.
pub(super) fn check_sequence_number(text: &str) -> Result<()> {
    let members = &[Member::new("SequenceNumberForOrdering", SEQUENCE_NUMBER)];
    check(&serde_json::json!({ "SequenceNumberForOrdering": text }), members)
}
