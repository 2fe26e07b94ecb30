//! Redshift's own system views.

use std::sync::Arc;

use datafusion::common::ScalarValue;

use super::{SystemRelation, ids, information, row};
use crate::storage::{PUBLIC, ReadView, Relation};
use crate::types::SqlType::{self, BigInt, Char, Integer, Oid, Varchar};

const TEXT: SqlType = Varchar(crate::types::MAX_VARCHAR);

pub(super) const RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "svv_table_info",
        columns: &[
            ("database", TEXT),
            ("schema", TEXT),
            ("table_id", Oid),
            ("table", TEXT),
            ("encoded", TEXT),
            ("diststyle", TEXT),
            ("sortkey1", TEXT),
            ("max_varchar", Integer),
            ("sortkey1_enc", Char(32)),
            ("sortkey_num", Integer),
            ("size", BigInt),
            ("pct_used", SqlType::Decimal(10, 4)),
            ("empty", BigInt),
            ("unsorted", SqlType::Decimal(5, 2)),
            ("stats_off", SqlType::Decimal(5, 2)),
            ("tbl_rows", SqlType::Decimal(38, 0)),
            ("skew_sortkey1", SqlType::Decimal(19, 2)),
            ("skew_rows", SqlType::Decimal(19, 2)),
            ("estimated_visible_rows", SqlType::Decimal(38, 0)),
            ("risk_event", TEXT),
            ("vacuum_sort_benefit", SqlType::Decimal(12, 2)),
            ("create_time", SqlType::Timestamp),
        ],
        rows: |view| view.snapshot.relations.values().map(|relation| table_info(view, relation)).collect(),
    },
    SystemRelation {
        name: "svv_relation_privileges",
        columns: &[
            ("namespace_name", TEXT),
            ("relation_name", TEXT),
            ("privilege_type", TEXT),
            ("identity_id", Integer),
            ("identity_name", TEXT),
            ("identity_type", TEXT),
            ("admin_option", SqlType::Boolean),
        ],
        rows: |system| {
            let rows = system.snapshot.grants.iter().filter_map(|(object, grantee, privilege)| {
                let relation = system.snapshot.relations.get(&object)?;
                let kind = if grantee == PUBLIC { "public" } else { "user" };
                Some(row![
                    relation.schema.as_str(),
                    relation.name.as_str(),
                    privilege.as_str(),
                    ids::user(system, grantee),
                    grantee,
                    kind,
                    false,
                ])
            });
            rows.collect()
        },
    },
    SystemRelation {
        name: "svv_tables",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("table_type", TEXT),
            ("remarks", TEXT),
        ],
        rows: |view| {
            let row = |relation: &Arc<Relation>| {
                let kind = if relation.is_view() { "VIEW" } else { "BASE TABLE" };
                row![crate::plan::DATABASE, relation.schema.as_str(), relation.name.as_str(), kind, ""]
            };
            view.snapshot.relations.values().map(row).collect()
        },
    },
    SystemRelation {
        name: "svv_columns",
        columns: &[
            ("table_catalog", TEXT),
            ("table_schema", TEXT),
            ("table_name", TEXT),
            ("column_name", TEXT),
            ("ordinal_position", Integer),
            ("column_default", TEXT),
            ("is_nullable", TEXT),
            ("data_type", TEXT),
            ("character_maximum_length", Integer),
            ("numeric_precision", Integer),
            ("numeric_scale", Integer),
            ("remarks", TEXT),
        ],
        rows: |view| {
            let rows = view.snapshot.relations.values().flat_map(|relation| {
                (1_i32..).zip(&relation.columns).map(|(place, column)| {
                    let (length, precision, scale) = information::measures(column.sql_type);
                    row![
                        crate::plan::DATABASE,
                        relation.schema.as_str(),
                        relation.name.as_str(),
                        column.name.as_str(),
                        place,
                        None::<String>,
                        if column.nullable { "YES" } else { "NO" },
                        information::bare_name(column.sql_type),
                        length,
                        precision,
                        scale,
                        "",
                    ]
                })
            });
            rows.collect()
        },
    },
];

fn table_info(view: &ReadView, relation: &Relation) -> Vec<ScalarValue> {
    let (oid, name) = match relation.is_view() {
        true => (ids::storage(relation), ids::storage_name(relation)),
        false => (ids::relation(relation), relation.name.clone()),
    };
    let key = |place: &usize| relation.columns.get(*place).map(|column| column.name.clone());
    let hot = view.hot_rows(relation).map_or(0, |hot| hot.rows() as i64);
    let rows = relation.rows_in_files() + hot;
    // Rows in memory are neither sorted nor counted in statistics.
    let part_hot = if rows == 0 { 0.0 } else { hot as f64 * 100.0 / rows as f64 };
    let longest = relation.columns.iter().filter_map(|column| match column.sql_type {
        Varchar(length) => Some(length as i32),
        _ => None,
    });
    row![
        crate::plan::DATABASE,
        relation.schema.as_str(),
        oid,
        name,
        "N",
        dist_style(relation),
        relation.layout.sort.first().and_then(key),
        longest.max().unwrap_or(0),
        "none",
        relation.layout.sort.len() as i32,
        (relation.bytes_in_files() + (1 << 20) - 1) >> 20,
        0.0_f64,
        0_i64,
        (!relation.layout.sort.is_empty()).then_some(part_hot),
        part_hot,
        rows,
        None::<f64>,
        None::<f64>,
        rows,
        None::<String>,
        None::<f64>,
        ScalarValue::Null,
    ]
}

fn dist_style(relation: &Relation) -> String {
    use crate::storage::DistStyle;
    match relation.layout.dist {
        DistStyle::Auto => "AUTO(EVEN)".into(),
        DistStyle::Even => "EVEN".into(),
        DistStyle::All => "ALL".into(),
        DistStyle::Key(place) => {
            format!("KEY({})", relation.columns.get(place).map_or("", |column| column.name.as_str()))
        }
    }
}
