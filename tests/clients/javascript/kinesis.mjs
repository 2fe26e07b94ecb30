// `node kinesis.mjs records` writes numbered records through a reshard and reads them back in both ways.
// `node kinesis.mjs errors` makes calls that are refused. Both print JSON.
import { strict as assert } from "node:assert";
import * as aws from "@aws-sdk/client-kinesis";

const [COUNT, BATCH, IN_FLIGHT] = [100_000, 500, 4];
const StreamName = "s";
const TRIM_HORIZON = "TRIM_HORIZON";

const kinesis = new aws.KinesisClient({ region: process.env.AWS_DEFAULT_REGION, maxAttempts: 1 });
const call = (name, input) => kinesis.send(new aws[`${name}Command`](input));

const newest = new Map();
let produced = false;

async function produce() {
  let next = 0;
  const putter = async () => {
    while (next < COUNT) {
      const first = next;
      next += BATCH;
      if (first === COUNT / 2) await call("UpdateShardCount", { StreamName, TargetShardCount: 4, ScalingType: "UNIFORM_SCALING" });
      const Records = Array.from({ length: BATCH }, (_, place) => ({
        Data: Buffer.from(`${first + place}`), PartitionKey: `key-${first + place}`,
      }));
      const answer = await call("PutRecords", { StreamName, Records });
      assert.equal(answer.FailedRecordCount, 0);
      for (const { ShardId, SequenceNumber } of answer.Records)
        if (BigInt(SequenceNumber) > BigInt(newest.get(ShardId) ?? 0)) newest.set(ShardId, SequenceNumber);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, putter));
  produced = true;
}

async function* polled(ShardId) {
  let { ShardIterator } = await call("GetShardIterator", { StreamName, ShardId, ShardIteratorType: TRIM_HORIZON });
  while (ShardIterator) {
    const answer = await call("GetRecords", { ShardIterator });
    yield answer;
    ShardIterator = answer.NextShardIterator;
  }
}

function pushed(ConsumerARN) {
  return async function* (ShardId) {
    const { EventStream } = await call("SubscribeToShard", { ConsumerARN, ShardId, StartingPosition: { Type: TRIM_HORIZON } });
    for await (const event of EventStream) yield event.SubscribeToShardEvent;
  };
}

// Reads every shard, children after all of their parents, each to the newest record that was put.
async function follow(read) {
  const [numbers, finished] = [[], new Set()];
  const readFrom = async (shard) => {
    let last, children = [];
    for await (const { Records, ChildShards } of read(shard)) {
      numbers.push(...Records.map((record) => Number(new TextDecoder().decode(record.Data))));
      last = Records.at(-1)?.SequenceNumber ?? last;
      children = ChildShards ?? [];
      if (!children.length && produced && last === newest.get(shard)) break;
    }
    finished.add(shard);
    const ready = children.filter((child) => child.ParentShards.every((parent) => finished.has(parent)));
    await Promise.all(ready.map((child) => readFrom(child.ShardId)));
  };
  const { Shards } = await call("ListShards", { StreamName, ShardFilter: { Type: "AT_TRIM_HORIZON" } });
  await Promise.all(Shards.map((shard) => readFrom(shard.ShardId)));
  return { total: numbers.length, distinct: new Set(numbers).size, shards: finished.size };
}

async function records() {
  await call("CreateStream", { StreamName, ShardCount: 2 });
  await aws.waitUntilStreamExists({ client: kinesis, maxWaitTime: 30, minDelay: 1 }, { StreamName });
  const { StreamARN } = (await call("DescribeStreamSummary", { StreamName })).StreamDescriptionSummary;
  const { ConsumerARN } = (await call("RegisterStreamConsumer", { StreamARN, ConsumerName: "fan-out" })).Consumer;
  const [fanOut] = await Promise.all([follow(pushed(ConsumerARN)), produce()]);
  return { "fan-out": fanOut, polling: await follow(polled) };
}

async function refused(name, input) {
  const error = await call(name, input).then(() => assert.fail(`${name} was not refused`), (error) => error);
  assert(error instanceof aws.KinesisServiceException, error);
  return { name: error.name, typed: error.constructor.name, message: error.message, status: error.$metadata.httpStatusCode, request: error.$metadata.requestId };
}

async function errors() {
  await call("CreateStream", { StreamName, ShardCount: 1 });
  const { StreamARN } = (await call("DescribeStreamSummary", { StreamName })).StreamDescriptionSummary;
  const { ConsumerARN } = (await call("RegisterStreamConsumer", { StreamARN, ConsumerName: "fan-out" })).Consumer;
  const subscription = { ConsumerARN, ShardId: "shardId-000000000000", StartingPosition: { Type: TRIM_HORIZON } };
  await call("SubscribeToShard", subscription);
  return [
    await refused("DescribeStreamSummary", { StreamName: "none" }),
    await refused("CreateStream", { StreamName, ShardCount: 1 }),
    await refused("GetRecords", { ShardIterator: "none" }),
    await refused("PutRecords", { StreamName, Records: [] }),
    await refused("SubscribeToShard", subscription),
  ];
}

console.log(JSON.stringify(await { records, errors }[process.argv[2]]()));
process.exit();
