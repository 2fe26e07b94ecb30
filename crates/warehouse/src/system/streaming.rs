//! Redshift's views on streams, materialized views and their refreshes, and Tidemill's on records that were set aside.

use datafusion::common::ScalarValue;
use tidemill_clock::Timestamp as Time;
use tidemill_stream::ShardId;

use super::{System, SystemRelation, ids, row};
use crate::plan::DATABASE;
use crate::storage::{DeadLetter, Privilege, Relation, Trigger};
use crate::types::SqlType::{self, BigInt, Char, Integer, SmallInt, Timestamp, Varbyte, Varchar};
use crate::views::stream_columns;

const TEXT: SqlType = Varchar(crate::types::MAX_VARCHAR);

pub(super) const RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "svv_external_schemas",
        columns: &[
            ("esoid", SqlType::Oid),
            ("eskind", SmallInt),
            ("schemaname", SqlType::Name),
            ("esowner", Integer),
            ("databasename", TEXT),
            ("esoptions", TEXT),
        ],
        rows: |system| {
            /// The kind of a schema of Kinesis streams.
            const KINESIS: i16 = 9;
            let schemas = system.snapshot.external_schemas.values();
            let row = schemas.map(|schema| {
                let options = format!(r#"{{"IAM_ROLE":"{}"}}"#, schema.role);
                let owner = ids::user(system, &schema.owner) as i32;
                row![ids::schema(system, &schema.name), KINESIS, schema.name.as_str(), owner, "", options]
            });
            row.collect()
        },
    },
    SystemRelation {
        name: "svv_external_tables",
        columns: &[
            ("redshift_database_name", TEXT),
            ("schemaname", TEXT),
            ("tablename", TEXT),
            ("tabletype", TEXT),
            ("location", TEXT),
            ("input_format", TEXT),
            ("output_format", TEXT),
            ("serialization_lib", TEXT),
            ("serde_parameters", TEXT),
            ("compressed", Integer),
            ("parameters", TEXT),
        ],
        rows: |system| {
            let row = |(schema, stream): (String, String)| {
                let location = system.views.stream_arn(&stream);
                row![DATABASE, schema, stream, "STREAM", location, "", "", "", "", 0_i32, ""]
            };
            external_streams(system).into_iter().map(row).collect()
        },
    },
    SystemRelation {
        name: "svv_external_columns",
        columns: &[
            ("redshift_database_name", TEXT),
            ("schemaname", TEXT),
            ("tablename", TEXT),
            ("columnname", TEXT),
            ("external_type", TEXT),
            ("columnnum", Integer),
            ("part_key", Integer),
            ("is_nullable", TEXT),
        ],
        rows: |system| {
            let rows = external_streams(system).into_iter().flat_map(|(schema, stream)| {
                (1_i32..).zip(stream_columns()).map(move |(place, (name, sql_type))| {
                    let sql_type = sql_type.to_string();
                    row![DATABASE, schema.as_str(), stream.as_str(), name, sql_type, place, 0_i32, "true"]
                })
            });
            rows.collect()
        },
    },
    SystemRelation {
        name: "svv_mv_info",
        columns: &[
            ("database_name", Char(128)),
            ("schema_name", Char(128)),
            ("user_name", Char(128)),
            ("name", Char(128)),
            ("is_stale", Char(1)),
            ("state", Integer),
            ("autorewrite", Char(1)),
            ("autorefresh", Char(1)),
        ],
        rows: |system| {
            let row = |view: &Relation| {
                row![
                    DATABASE,
                    view.schema.as_str(),
                    view.owner.as_str(),
                    view.name.as_str(),
                    stale(system, view),
                    state(view),
                    "f",
                    flag(view.auto_refresh()),
                ]
            };
            views(system).map(row).collect()
        },
    },
    SystemRelation {
        name: "stv_mv_info",
        columns: &[
            ("db_name", Char(128)),
            ("schema", Char(128)),
            ("name", Char(128)),
            ("updated_upto_xid", BigInt),
            ("is_stale", Char(1)),
            ("owner_user_name", Char(128)),
            ("state", Integer),
            ("autorewrite", Char(1)),
            ("autorefresh", Char(1)),
        ],
        rows: |system| {
            let refreshes = system.views.activity().refreshes;
            let last = |view: &Relation| {
                refreshes.iter().rev().find(|refresh| refresh.relation == view.id).map(|refresh| refresh.transaction)
            };
            let row = |view: &Relation| {
                row![
                    DATABASE,
                    view.schema.as_str(),
                    view.name.as_str(),
                    last(view),
                    stale(system, view),
                    view.owner.as_str(),
                    state(view),
                    "f",
                    flag(view.auto_refresh()),
                ]
            };
            views(system).map(row).collect()
        },
    },
    SystemRelation {
        name: "stv_mv_deps",
        columns: &[
            ("db_name", Char(128)),
            ("schema", Char(128)),
            ("name", Char(128)),
            ("ref_schema", Char(128)),
            ("ref_name", Char(128)),
            ("ref_database_name", Char(128)),
        ],
        rows: |system| {
            let rows = views(system).flat_map(|view| {
                let stream = view.streaming().map(|stream| (stream.external_schema.clone(), stream.stream.clone()));
                let bases = view.derived().into_iter().flat_map(|derived| &derived.bases);
                let base = bases.filter_map(|base| system.snapshot.relations.get(&base.relation));
                let base = base.map(|base| (base.schema.clone(), base.name.clone()));
                let row = |(schema, name): (String, String)| {
                    row![DATABASE, view.schema.as_str(), view.name.as_str(), schema, name, DATABASE]
                };
                stream.into_iter().chain(base).map(row).collect::<Vec<_>>()
            });
            rows.collect()
        },
    },
    SystemRelation {
        name: "sys_mv_refresh_history",
        columns: &[
            ("user_id", Integer),
            ("session_id", Integer),
            ("transaction_id", BigInt),
            ("database_name", Char(128)),
            ("schema_name", Char(128)),
            ("mv_id", BigInt),
            ("mv_name", Char(128)),
            ("refresh_type", Char(32)),
            ("status", TEXT),
            ("start_time", Timestamp),
            ("end_time", Timestamp),
            ("duration", BigInt),
            ("consumer_account", Char(16)),
            ("consumer_region", Char(64)),
            ("consumer_namespace", Char(64)),
        ],
        rows: |system| {
            let refreshes = system.views.activity().refreshes.into_iter().map(|refresh| {
                let (kind, backend) = trigger(refresh.trigger);
                row![
                    ids::user(system, &refresh.user),
                    backend,
                    refresh.transaction,
                    DATABASE,
                    refresh.schema,
                    refresh.relation,
                    refresh.view,
                    kind,
                    refresh.status,
                    time(refresh.start),
                    time(refresh.end),
                    refresh.end.micros() - refresh.start.micros(),
                    None::<String>,
                    None::<String>,
                    None::<String>,
                ]
            });
            refreshes.collect()
        },
    },
    SystemRelation {
        name: "svl_mv_refresh_status",
        columns: &[
            ("db_name", Char(128)),
            ("userid", BigInt),
            ("schema_name", Char(128)),
            ("mv_name", Char(128)),
            ("xid", BigInt),
            ("starttime", Timestamp),
            ("endtime", Timestamp),
            ("status", TEXT),
            ("refresh_type", Char(32)),
            ("consumer_account", Char(16)),
            ("consumer_region", Char(64)),
            ("consumer_namespace", Char(64)),
            // The documentation's example calls the names so.
            ("schema", Char(128)),
            ("name", Char(128)),
        ],
        rows: |system| {
            let refreshes = system.views.activity().refreshes.into_iter().map(|refresh| {
                row![
                    DATABASE,
                    ids::user(system, &refresh.user),
                    refresh.schema.as_str(),
                    refresh.view.as_str(),
                    refresh.transaction,
                    time(refresh.start),
                    time(refresh.end),
                    refresh.status,
                    trigger(refresh.trigger).0,
                    None::<String>,
                    None::<String>,
                    None::<String>,
                    refresh.schema.as_str(),
                    refresh.view.as_str(),
                ]
            });
            refreshes.collect()
        },
    },
    SystemRelation {
        name: "sys_stream_scan_states",
        columns: &[
            ("external_schema_name", Char(128)),
            ("stream_name", Char(255)),
            ("mv_name", Char(128)),
            ("transaction_id", BigInt),
            ("query_id", BigInt),
            ("record_time", Timestamp),
            ("partition_id", Char(128)),
            ("latest_position", Char(128)),
            ("scanned_rows", BigInt),
            ("skipped_rows", BigInt),
            ("scanned_bytes", BigInt),
            ("stream_record_time_min", Timestamp),
            ("stream_record_time_max", Timestamp),
        ],
        rows: |system| {
            let scans = system.views.activity().scans.into_iter().map(|event| {
                row![
                    event.external_schema,
                    event.stream,
                    event.view,
                    event.transaction,
                    event.transaction,
                    time(event.scan.at),
                    event.scan.shard,
                    event.scan.latest_position,
                    event.scan.scanned_rows,
                    event.scan.skipped_rows,
                    event.scan.scanned_bytes,
                    time(event.scan.oldest),
                    time(event.scan.newest),
                ]
            });
            scans.collect()
        },
    },
    SystemRelation {
        name: "sys_stream_scan_errors",
        columns: &[
            ("external_schema_name", Char(128)),
            ("stream_name", Char(255)),
            ("mv_name", Char(128)),
            ("transaction_id", BigInt),
            ("query_id", BigInt),
            ("stream_timestamp_type", Char(1)),
            ("stream_timestamp", Timestamp),
            ("record_time", Timestamp),
            ("partition_id", Char(128)),
            ("position", Char(128)),
            ("error_code", Integer),
            ("error_reason", Char(128)),
        ],
        rows: |system| {
            let row = |(view, letter): (&Relation, &DeadLetter)| {
                let stream = view.streaming()?;
                Some(row![
                    stream.external_schema.as_str(),
                    stream.stream.as_str(),
                    view.name.as_str(),
                    None::<i64>,
                    None::<i64>,
                    "L",
                    time(letter.arrival),
                    time(letter.recorded),
                    letter.shard.as_str(),
                    letter.sequence_number.as_str(),
                    letter.code,
                    letter.reason.as_str(),
                ])
            };
            letters(system).filter_map(row).collect()
        },
    },
    SystemRelation {
        name: "tidemill_view_lag",
        columns: &[
            ("schema_name", Char(128)),
            ("mv_name", Char(128)),
            ("stream_name", Char(255)),
            ("shard_id", Char(128)),
            ("records_behind", BigInt),
        ],
        rows: |system| {
            let rows = |view: &Relation| {
                let shards = system.views.shards_behind(system.view, view).unwrap_or_default();
                let row = |(shard, records): (ShardId, u64)| {
                    row![
                        view.schema.as_str(),
                        view.name.as_str(),
                        view.streaming().map(|stream| stream.stream.clone()),
                        shard.to_string(),
                        records as i64,
                    ]
                };
                shards.into_iter().map(row).collect::<Vec<_>>()
            };
            views(system).flat_map(rows).collect()
        },
    },
    SystemRelation {
        name: "tidemill_dead_letters",
        columns: &[
            ("schema_name", Char(128)),
            ("mv_name", Char(128)),
            ("stream_name", Char(255)),
            ("shard_id", Char(128)),
            ("sequence_number", Varchar(128)),
            ("partition_key", Varchar(1024)),
            ("approximate_arrival_timestamp", Timestamp),
            ("record_time", Timestamp),
            ("error_code", Integer),
            ("error_reason", Char(128)),
            ("kinesis_data", Varbyte(crate::types::MAX_VARBYTE)),
        ],
        rows: |system| {
            let row = |(view, letter): (&Relation, &DeadLetter)| {
                row![
                    view.schema.as_str(),
                    view.name.as_str(),
                    view.streaming().map(|stream| stream.stream.clone()),
                    letter.shard.as_str(),
                    letter.sequence_number.as_str(),
                    letter.partition_key.as_str(),
                    time(letter.arrival),
                    time(letter.recorded),
                    letter.code,
                    letter.reason.as_str(),
                    ScalarValue::Binary(Some(letter.data.to_vec())),
                ]
            };
            letters(system).map(row).collect()
        },
    },
];

/// The streams that external schemas show: schema and stream.
fn external_streams(system: &System<'_>) -> Vec<(String, String)> {
    let streams = system.views.stream_names();
    let schemas = system.snapshot.external_schemas.keys();
    schemas.flat_map(|schema| streams.iter().map(move |stream| (schema.clone(), stream.clone()))).collect()
}

fn views<'s>(system: &'s System<'_>) -> impl Iterator<Item = &'s Relation> {
    system.snapshot.relations.values().map(|relation| &**relation).filter(|relation| relation.is_view())
}

/// Records that were set aside, of views that exist and that the user may read.
fn letters<'s>(system: &'s System<'_>) -> impl Iterator<Item = (&'s Relation, &'s DeadLetter)> {
    let may_read = |relation: &&Relation| {
        let allowed = |user| system.snapshot.require(user, relation, Privilege::Select).is_ok();
        system.user.is_none_or(allowed)
    };
    let view = move |id: &i64| system.snapshot.relations.get(id).map(|relation| &**relation).filter(may_read);
    system.letters.iter().filter_map(move |(id, letter)| Some((view(id)?, &**letter)))
}

fn stale(system: &System<'_>, view: &Relation) -> &'static str {
    system.views.is_stale(system, view).map_or("u", flag)
}

/// 1 for a view that is brought up to date from new rows, 0 for one that is computed anew.
fn state(view: &Relation) -> i32 {
    i32::from(view.derived().is_none_or(|view| view.incremental))
}

fn flag(flag: bool) -> &'static str {
    if flag { "t" } else { "f" }
}

fn trigger(trigger: Trigger) -> (&'static str, Option<i32>) {
    match trigger {
        Trigger::Manual { backend } => ("Manual", Some(backend)),
        Trigger::Auto => ("Auto", None),
    }
}

fn time(time: Time) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(time.micros()), None)
}
