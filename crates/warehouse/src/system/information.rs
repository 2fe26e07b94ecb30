//! `information_schema`.

use super::{SystemRelation, row};
use crate::storage::Relation;
use crate::types::SqlType::{self, Integer, Name, Varchar};

const TEXT: SqlType = Varchar(crate::types::MAX_VARCHAR);

pub(super) const RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        name: "schemata",
        columns: &[("catalog_name", Name), ("schema_name", Name), ("schema_owner", Name)],
        rows: |view| {
            let snapshot = &view.snapshot;
            let local = snapshot.schemas.values().map(|schema| (&schema.name, &schema.owner));
            let external = snapshot.external_schemas.values().map(|schema| (&schema.name, &schema.owner));
            local
                .chain(external)
                .map(|(name, owner)| row![crate::plan::DATABASE, name.as_str(), owner.as_str()])
                .collect()
        },
    },
    SystemRelation {
        name: "tables",
        columns: &[("table_catalog", Name), ("table_schema", Name), ("table_name", Name), ("table_type", TEXT)],
        rows: |view| {
            let kind = |relation: &Relation| if relation.is_view() { "VIEW" } else { "BASE TABLE" };
            let relations = view.snapshot.relations.values();
            let row = |relation: &Relation| {
                row![crate::plan::DATABASE, relation.schema.as_str(), relation.name.as_str(), kind(relation)]
            };
            relations.map(|relation| row(relation)).collect()
        },
    },
    SystemRelation {
        name: "columns",
        columns: &[
            ("table_catalog", Name),
            ("table_schema", Name),
            ("table_name", Name),
            ("column_name", Name),
            ("ordinal_position", Integer),
            ("column_default", TEXT),
            ("is_nullable", TEXT),
            ("data_type", TEXT),
            ("character_maximum_length", Integer),
            ("numeric_precision", Integer),
            ("numeric_scale", Integer),
        ],
        rows: |view| {
            let rows = view.snapshot.relations.values().flat_map(|relation| {
                (1_i32..).zip(&relation.columns).map(|(place, column)| {
                    let (length, precision, scale) = measures(column.sql_type);
                    row![
                        crate::plan::DATABASE,
                        relation.schema.as_str(),
                        relation.name.as_str(),
                        column.name.as_str(),
                        place,
                        None::<String>,
                        if column.nullable { "YES" } else { "NO" },
                        bare_name(column.sql_type),
                        length,
                        precision,
                        scale,
                    ]
                })
            });
            rows.collect()
        },
    },
    SystemRelation {
        name: "views",
        columns: &[("table_catalog", Name), ("table_schema", Name), ("table_name", Name), ("view_definition", TEXT)],
        rows: |view| {
            let rows = view.snapshot.relations.values().filter_map(|relation| {
                let (definition, _) = relation.view_definition()?;
                Some(row![crate::plan::DATABASE, relation.schema.as_str(), relation.name.as_str(), definition])
            });
            rows.collect()
        },
    },
];

/// Length, precision and scale, where a type has them.
pub(super) fn measures(sql_type: SqlType) -> (Option<i32>, Option<i32>, Option<i32>) {
    match sql_type {
        SqlType::Char(length) | Varchar(length) | SqlType::Varbyte(length) => (Some(length as i32), None, None),
        SqlType::Decimal(precision, scale) => (None, Some(i32::from(precision)), Some(i32::from(scale))),
        SqlType::SmallInt => (None, Some(16), Some(0)),
        SqlType::Integer => (None, Some(32), Some(0)),
        SqlType::BigInt => (None, Some(64), Some(0)),
        _ => (None, None, None),
    }
}

/// The type's name without its measures.
pub(super) fn bare_name(sql_type: SqlType) -> String {
    let name = sql_type.to_string();
    name.split('(').next().unwrap_or_default().to_owned()
}
