//! Redshift's own system views.

use std::sync::Arc;

use super::{SystemRelation, ids, information, row};
use crate::storage::{ReadView, Relation, RelationKind};
use crate::types::SqlType::{self, BigInt, Char, Integer, Name, Oid, SmallInt, Varchar};

const TEXT: SqlType = Varchar(crate::types::MAX_VARCHAR);

pub(super) const RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "svv_external_schemas",
        columns: &[
            ("esoid", Oid),
            ("eskind", SmallInt),
            ("schemaname", Name),
            ("esowner", Integer),
            ("databasename", TEXT),
            ("esoptions", TEXT),
        ],
        rows: |view| {
            /// The kind of a schema of Kinesis streams.
            const KINESIS: i16 = 9;
            let schemas = view.snapshot.external_schemas.values();
            let row = schemas.map(|schema| {
                let options = format!(r#"{{"IAM_ROLE":"{}"}}"#, schema.role);
                let owner = ids::user(view, &schema.owner) as i32;
                row![ids::schema(view, &schema.name), KINESIS, schema.name.as_str(), owner, "", options]
            });
            row.collect()
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
        rows: |view| {
            let row = |relation: &Arc<Relation>| {
                let (state, auto) = match &relation.kind {
                    RelationKind::Table => return None,
                    RelationKind::Streaming(view) => (1_i32, view.auto_refresh),
                    RelationKind::Derived(_) => (0, false),
                };
                Some(row![
                    crate::plan::DATABASE,
                    relation.schema.as_str(),
                    relation.owner.as_str(),
                    relation.name.as_str(),
                    "u",
                    state,
                    "f",
                    if auto { "t" } else { "f" },
                ])
            };
            view.snapshot.relations.values().filter_map(row).collect()
        },
    },
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
            ("size", BigInt),
            ("tbl_rows", SqlType::Decimal(38, 0)),
        ],
        rows: |view| view.snapshot.relations.values().map(|relation| table_info(view, relation)).collect(),
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

fn table_info(view: &ReadView, relation: &Relation) -> Vec<datafusion::common::ScalarValue> {
    let (oid, name) = match relation.is_view() {
        true => (ids::storage(relation), ids::storage_name(relation)),
        false => (ids::relation(relation), relation.name.clone()),
    };
    let key = |place: &usize| relation.columns.get(*place).map(|column| column.name.clone());
    let hot = view.hot_rows(relation).map_or(0, |hot| hot.rows() as i64);
    row![
        crate::plan::DATABASE,
        relation.schema.as_str(),
        oid,
        name,
        "N",
        dist_style(relation),
        relation.layout.sort.first().and_then(key),
        (relation.bytes_in_files() + (1 << 20) - 1) >> 20,
        relation.rows_in_files() + hot,
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
