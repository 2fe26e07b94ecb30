//! PostgreSQL's catalog, as far as clients of Redshift look into it.

use datafusion::common::ScalarValue;

use super::{SystemRelation, ids, row};
use crate::storage::{DistStyle, ReadView, Relation};
use crate::types::SqlType::{self, BigInt, Boolean, Integer, Name, Oid, SmallInt, Varchar};

const TEXT: SqlType = Varchar(crate::types::MAX_VARCHAR);

pub(super) const RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "pg_namespace",
        columns: &[("oid", Oid), ("nspname", Name), ("nspowner", Oid), ("nspacl", TEXT)],
        rows: |view| {
            let mut rows = vec![row![ids::PG_CATALOG, "pg_catalog", 1_i64, None::<String>]];
            let snapshot = &view.snapshot;
            let local = snapshot.schemas.values().map(|schema| (&schema.name, &schema.owner));
            let external = snapshot.external_schemas.values().map(|schema| (&schema.name, &schema.owner));
            rows.extend(local.chain(external).map(|(name, owner)| {
                row![ids::schema(view, name), name.as_str(), ids::user(view, owner), None::<String>]
            }));
            rows
        },
    },
    SystemRelation {
        name: "pg_class",
        columns: &[
            ("oid", Oid),
            ("relname", Name),
            ("relnamespace", Oid),
            ("reltype", Oid),
            ("relowner", Oid),
            ("relam", Oid),
            ("relfilenode", Oid),
            ("reltablespace", Oid),
            ("relpages", Integer),
            ("reltuples", SqlType::Real),
            ("reltoastrelid", Oid),
            ("relhasindex", Boolean),
            ("relisshared", Boolean),
            ("relkind", Varchar(1)),
            ("relnatts", SmallInt),
            ("relchecks", SmallInt),
            ("reltriggers", SmallInt),
            ("relhasrules", Boolean),
            ("relhastriggers", Boolean),
            ("relhasoids", Boolean),
            ("relhassubclass", Boolean),
            ("relacl", TEXT),
            ("reldiststyle", SmallInt),
            ("relpersistence", Varchar(1)),
            ("relispartition", Boolean),
            ("reloftype", Oid),
        ],
        rows: |view| view.snapshot.relations.values().flat_map(|relation| class_rows(view, relation)).collect(),
    },
    SystemRelation {
        name: "pg_attribute",
        columns: &[
            ("attrelid", Oid),
            ("attname", Name),
            ("atttypid", Oid),
            ("attlen", SmallInt),
            ("attnum", SmallInt),
            ("attndims", Integer),
            ("atttypmod", Integer),
            ("attnotnull", Boolean),
            ("atthasdef", Boolean),
            ("attisdropped", Boolean),
            ("attislocal", Boolean),
            ("attcollation", Oid),
            ("attidentity", Varchar(1)),
            ("attgenerated", Varchar(1)),
            ("attisdistkey", Boolean),
            ("attsortkeyord", Integer),
            ("attencodingtype", Integer),
        ],
        rows: |view| view.snapshot.relations.values().flat_map(|relation| attribute_rows(relation)).collect(),
    },
    SystemRelation {
        name: "pg_type",
        columns: &[
            ("oid", Oid),
            ("typname", Name),
            ("typnamespace", Oid),
            ("typlen", SmallInt),
            ("typtype", Varchar(1)),
            ("typelem", Oid),
            ("typrelid", Oid),
            ("typcollation", Oid),
            ("typbasetype", Oid),
            ("typtypmod", Integer),
            ("typarray", Oid),
            ("typdelim", Varchar(1)),
            ("typinput", TEXT),
            ("typcategory", Varchar(1)),
        ],
        rows: |_| TYPES.iter().map(|sql_type| type_row(*sql_type)).collect(),
    },
    SystemRelation {
        name: "pg_database",
        columns: &[
            ("oid", Oid),
            ("datname", Name),
            ("datdba", Oid),
            ("encoding", Integer),
            ("datistemplate", Boolean),
            ("datallowconn", Boolean),
            ("datacl", TEXT),
            ("datcollate", Name),
            ("datctype", Name),
        ],
        rows: |_| vec![row![100_i64, crate::plan::DATABASE, 100_i64, 6_i32, false, true, None::<String>, "C", "C"]],
    },
    SystemRelation {
        name: "pg_user",
        columns: &[
            ("usename", Name),
            ("usesysid", Integer),
            ("usecreatedb", Boolean),
            ("usesuper", Boolean),
            ("usecatupd", Boolean),
            ("passwd", TEXT),
            ("valuntil", TEXT),
            ("useconfig", TEXT),
        ],
        rows: |view| {
            let row = |name: &str, superuser: bool| {
                let id = ids::user(view, name) as i32;
                row![name, id, superuser, superuser, false, "********", None::<String>, None::<String>]
            };
            view.snapshot.users.values().map(|user| row(&user.name, user.superuser)).collect()
        },
    },
    SystemRelation {
        name: "pg_roles",
        columns: &[("oid", Oid), ("rolname", Name), ("rolsuper", Boolean), ("rolcanlogin", Boolean)],
        rows: |view| {
            let users = view.snapshot.users.values();
            users.map(|user| row![ids::user(view, &user.name), user.name.as_str(), user.superuser, true]).collect()
        },
    },
    SystemRelation {
        name: "pg_tables",
        columns: &[("schemaname", Name), ("tablename", Name), ("tableowner", Name), ("hasindexes", Boolean)],
        rows: |view| {
            let row = |relation: &Relation| {
                let name = if relation.is_view() { ids::storage_name(relation) } else { relation.name.clone() };
                row![relation.schema.as_str(), name, relation.owner.as_str(), false]
            };
            view.snapshot.relations.values().map(|relation| row(relation)).collect()
        },
    },
    SystemRelation {
        name: "pg_views",
        columns: &[("schemaname", Name), ("viewname", Name), ("viewowner", Name), ("definition", TEXT)],
        rows: |view| {
            let row = |relation: &Relation| {
                let (definition, _) = relation.view_definition()?;
                Some(row![relation.schema.as_str(), relation.name.as_str(), relation.owner.as_str(), definition])
            };
            view.snapshot.relations.values().filter_map(|relation| row(relation)).collect()
        },
    },
    SystemRelation {
        name: "pg_table_def",
        columns: &[
            ("schemaname", Name),
            ("tablename", Name),
            ("column", Name),
            ("type", TEXT),
            ("encoding", TEXT),
            ("distkey", Boolean),
            ("sortkey", Integer),
            ("notnull", Boolean),
        ],
        rows: |view| {
            let relations = view.snapshot.relations.values();
            let rows = relations.flat_map(|relation| {
                (0..).zip(&relation.columns).map(|(place, column)| {
                    row![
                        relation.schema.as_str(),
                        relation.name.as_str(),
                        column.name.as_str(),
                        column.sql_type.to_string(),
                        "none",
                        is_dist_key(relation, place),
                        sort_order(relation, place),
                        !column.nullable,
                    ]
                })
            });
            rows.collect()
        },
    },
    SystemRelation {
        name: "pg_attrdef",
        columns: &[("oid", Oid), ("adrelid", Oid), ("adnum", SmallInt), ("adbin", TEXT), ("adsrc", TEXT)],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_description",
        columns: &[("objoid", Oid), ("classoid", Oid), ("objsubid", Integer), ("description", TEXT)],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_collation",
        columns: &[("oid", Oid), ("collname", Name), ("collnamespace", Oid)],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_am",
        columns: &[("oid", Oid), ("amname", Name), ("amtype", Varchar(1))],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_index",
        columns: &[
            ("indexrelid", Oid),
            ("indrelid", Oid),
            ("indisprimary", Boolean),
            ("indisunique", Boolean),
            ("indisclustered", Boolean),
            ("indisvalid", Boolean),
            ("indkey", TEXT),
        ],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_constraint",
        columns: &[
            ("oid", Oid),
            ("conname", Name),
            ("connamespace", Oid),
            ("contype", Varchar(1)),
            ("conrelid", Oid),
            ("confrelid", Oid),
            ("conkey", TEXT),
            ("confkey", TEXT),
            ("conindid", Oid),
            ("conparentid", Oid),
        ],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_inherits",
        columns: &[("inhrelid", Oid), ("inhparent", Oid), ("inhseqno", Integer)],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_rewrite",
        columns: &[
            ("oid", Oid),
            ("rulename", Name),
            ("ev_class", Oid),
            ("ev_type", Varchar(1)),
            ("ev_enabled", Varchar(1)),
        ],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_trigger",
        columns: &[
            ("oid", Oid),
            ("tgrelid", Oid),
            ("tgname", Name),
            ("tgenabled", Varchar(1)),
            ("tgisinternal", Boolean),
        ],
        rows: |_| Vec::new(),
    },
    SystemRelation {
        name: "pg_settings",
        columns: &[("name", TEXT), ("setting", TEXT)],
        rows: |_| crate::settings::DEFAULTS.iter().map(|(name, value)| row![*name, *value]).collect(),
    },
    SystemRelation { name: "pg_group", columns: &[("groname", Name), ("grosysid", BigInt)], rows: |_| Vec::new() },
];

const TYPES: [SqlType; 18] = [
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    SqlType::Real,
    SqlType::Double,
    SqlType::Decimal(18, 0),
    SqlType::Char(1),
    Varchar(256),
    SqlType::Date,
    SqlType::Time,
    SqlType::Timestamp,
    SqlType::TimestampTz,
    SqlType::Interval,
    SqlType::Varbyte(64_000),
    SqlType::Super,
    Oid,
    Name,
];

/// A materialized view is a view, and a table that holds its rows.
fn class_rows(view: &ReadView, relation: &Relation) -> Vec<Vec<ScalarValue>> {
    let row = |oid: i64, name: String, kind: &str| {
        row![
            oid,
            name,
            ids::schema(view, &relation.schema),
            0_i64,
            ids::user(view, &relation.owner),
            0_i64,
            oid,
            0_i64,
            0_i32,
            relation.rows_in_files() as f32,
            0_i64,
            false,
            false,
            kind,
            relation.columns.len() as i16,
            0_i16,
            0_i16,
            false,
            false,
            false,
            false,
            None::<String>,
            dist_style(relation),
            "p",
            false,
            0_i64,
        ]
    };
    if relation.is_view() {
        let storage = row(ids::storage(relation), ids::storage_name(relation), "r");
        vec![row(ids::relation(relation), relation.name.clone(), "v"), storage]
    } else {
        vec![row(ids::relation(relation), relation.name.clone(), "r")]
    }
}

fn attribute_rows(relation: &Relation) -> Vec<Vec<ScalarValue>> {
    let mut oids = vec![ids::relation(relation)];
    oids.extend(relation.is_view().then(|| ids::storage(relation)));
    let row = |oid: i64, place: usize| {
        let column = &relation.columns[place];
        row![
            oid,
            column.name.as_str(),
            i64::from(column.sql_type.oid()),
            column.sql_type.size(),
            place as i16 + 1,
            0_i32,
            column.sql_type.modifier(),
            !column.nullable,
            false,
            false,
            true,
            0_i64,
            "",
            "",
            is_dist_key(relation, place),
            sort_order(relation, place),
            0_i32,
        ]
    };
    oids.into_iter().flat_map(|oid| (0..relation.columns.len()).map(move |place| row(oid, place))).collect()
}

fn type_row(sql_type: SqlType) -> Vec<ScalarValue> {
    let category = if matches!(sql_type, Varchar(_) | SqlType::Char(_) | Name) { "S" } else { "U" };
    row![
        i64::from(sql_type.oid()),
        sql_type.short_name(),
        ids::PG_CATALOG,
        sql_type.size(),
        "b",
        0_i64,
        0_i64,
        0_i64,
        0_i64,
        -1_i32,
        0_i64,
        ",",
        sql_type.short_name(),
        category,
    ]
}

pub(super) fn is_dist_key(relation: &Relation, place: usize) -> bool {
    relation.layout.dist == DistStyle::Key(place)
}

/// A column's place in the sort key, from 1; 0 if it is not in it.
pub(super) fn sort_order(relation: &Relation, place: usize) -> i32 {
    relation.layout.sort.iter().position(|key| *key == place).map_or(0, |place| place as i32 + 1)
}

fn dist_style(relation: &Relation) -> i16 {
    match relation.layout.dist {
        DistStyle::Even => 0,
        DistStyle::Key(_) => 1,
        DistStyle::All => 8,
        DistStyle::Auto => 9,
    }
}
