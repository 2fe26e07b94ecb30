//! ListShards.

use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;
use tidemill_iam::Principal;
use tidemill_stream::{Shard, Stream, StreamName};

use super::describe_stream::start_after;
use super::members::{
    EXCLUSIVE_START_SHARD_ID, MAX_RESULTS, NEXT_TOKEN, SHARD_ID, STREAM_ARN, STREAM_CREATED, STREAM_ID, STREAM_NAME,
};
use super::stream_ref::{ShardOutput, StreamRef, arn, find};
use super::token;
use crate::Api;
use crate::error::{AwsError, Result};
use crate::model::{Member, Shape};
use crate::operation::Operation;
use crate::protocol::Time;

/// Shards of one answer, unless the caller asks for fewer.
const DEFAULT_LIMIT: usize = 1000;

const FILTER: Shape = Shape::Structure(&[
    Member::new(
        "Type",
        Shape::Choice(&[
            "AFTER_SHARD_ID",
            "AT_TRIM_HORIZON",
            "FROM_TRIM_HORIZON",
            "AT_LATEST",
            "AT_TIMESTAMP",
            "FROM_TIMESTAMP",
        ]),
    )
    .required(),
    SHARD_ID,
    Member::new("Timestamp", Shape::Time),
]);

pub(super) struct ListShards;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    #[serde(flatten)]
    stream: StreamRef,
    exclusive_start_shard_id: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
    stream_creation_timestamp: Option<Time>,
    shard_filter: Option<Filter>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    r#type: String,
    shard_id: Option<String>,
    timestamp: Option<Time>,
}

/// What a token holds: the stream, the last shard listed, and the filter.
type Page = (String, String, Option<Filter>);

/// Whether a list shows a shard.
type Predicate = Box<dyn Fn(&Shard) -> bool + Send>;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Output {
    shards: Vec<ShardOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Input {
    /// The page that the token names, if there is one.
    fn page(&self, api: &Api) -> Result<Option<Page>> {
        let Some(text) = &self.next_token else { return Ok(None) };
        let others = [
            ("StreamName", self.stream.name.is_some()),
            ("StreamARN", self.stream.arn.is_some()),
            ("ExclusiveStartShardId", self.exclusive_start_shard_id.is_some()),
            ("StreamCreationTimestamp", self.stream_creation_timestamp.is_some()),
            ("ShardFilter", self.shard_filter.is_some()),
        ];
        if let Some((name, _)) = others.iter().find(|(_, given)| *given) {
            return Err(AwsError::invalid(format!("NextToken and {name} cannot be provided together.")));
        }
        token::read(text, api.clock.now()).map(Some)
    }

    fn name(&self, api: &Api) -> Result<StreamName> {
        match self.page(api)? {
            Some((name, ..)) => StreamName::parse(&name).map_err(|_| AwsError::invalid("NextToken is invalid.")),
            None => self.stream.name(api),
        }
    }
}

impl Operation for ListShards {
    const ACTION: &'static str = "kinesis:ListShards";
    const MEMBERS: &'static [Member] = &[
        STREAM_NAME,
        STREAM_ARN,
        STREAM_ID,
        NEXT_TOKEN,
        EXCLUSIVE_START_SHARD_ID,
        MAX_RESULTS,
        STREAM_CREATED,
        Member::new("ShardFilter", FILTER),
    ];
    type Input = Input;
    type Output = Output;

    fn resource(api: &Api, input: &Input) -> Result<String> {
        Ok(arn(api, &input.name(api)?))
    }

    async fn run(api: &Api, input: Input, _: &Principal) -> Result<Output> {
        let name = input.name(api)?;
        let stream = find(api, &name)?;
        check_created(api, &stream, input.stream_creation_timestamp)?;
        let now = api.clock.now();
        let page = input.page(api)?;
        let after = page.as_ref().map(|(_, shard, _)| shard.as_str()).or(input.exclusive_start_shard_id.as_deref());
        let after = start_after(after)?;
        let filter = page.as_ref().and_then(|(_, _, filter)| filter.clone()).or(input.shard_filter);
        let shows = filter.as_ref().map(|filter| filter.predicate(&stream, now)).transpose()?;
        let shards = stream.shards();
        let wanted = shards.iter().filter(|shard| after.is_none_or(|after| shard.id > after));
        let mut wanted = wanted.filter(|shard| shows.as_ref().is_none_or(|shows| shows(shard)));
        let shown: Vec<_> = wanted.by_ref().take(input.max_results.unwrap_or(DEFAULT_LIMIT)).collect();
        let more = wanted.next().is_some();
        let last = shown.last().filter(|_| more);
        let token = last.map(|shard| token::issue((name.as_str(), shard.id.to_string(), &filter), now)).transpose()?;
        Ok(Output { shards: shown.into_iter().map(ShardOutput::from).collect(), next_token: token })
    }
}

impl Filter {
    /// Which shards the filter shows.
    fn predicate(&self, stream: &Stream, now: Timestamp) -> Result<Predicate> {
        let trim_horizon = stream.horizon().max(stream.created());
        if self.shard_id.is_some() != (self.r#type == "AFTER_SHARD_ID") {
            return Err(AwsError::invalid("ShardId must be given with the filter AFTER_SHARD_ID, and with no other."));
        }
        if self.timestamp.is_some() != matches!(self.r#type.as_str(), "AT_TIMESTAMP" | "FROM_TIMESTAMP") {
            let message =
                "Timestamp must be given with the filters AT_TIMESTAMP and FROM_TIMESTAMP, and with no other.";
            return Err(AwsError::invalid(message));
        }
        let time = self.timestamp.map_or(trim_horizon, |Time(time)| time.max(trim_horizon));
        if time > now {
            return Err(AwsError::invalid("The Timestamp of a ShardFilter cannot be in the future."));
        }
        let after = start_after(self.shard_id.as_deref())?;
        Ok(match self.r#type.as_str() {
            "AFTER_SHARD_ID" => Box::new(move |shard| after.is_none_or(|after| shard.id > after)),
            "AT_LATEST" => Box::new(|shard| shard.closed.is_none()),
            "AT_TRIM_HORIZON" | "AT_TIMESTAMP" => Box::new(move |shard| shard.was_open_at(time)),
            _ => Box::new(move |shard| shard.closed.is_none_or(|closed| closed.at >= time)),
        })
    }
}

/// Refuses a request that means an earlier stream of the same name.
pub(super) fn check_created(api: &Api, stream: &Stream, wanted: Option<Time>) -> Result<()> {
    match wanted {
        Some(Time(time)) if time.millis() / 1000 != stream.created().millis() / 1000 => {
            let missing = tidemill_stream::StreamError::NotFound(stream.name().clone());
            Err(super::stream_ref::from_stream(api, missing))
        }
        _ => Ok(()),
    }
}
