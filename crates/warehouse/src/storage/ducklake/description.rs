//! A relation's description: what DuckLake has no column for, as JSON.

use serde::{Deserialize, Serialize};

use super::unreadable;
use crate::error::Result;
use crate::storage::{DistStyle, Relation, RelationKind};

/// What Tidemill knows of a relation beyond DuckLake.
#[derive(Serialize, Deserialize)]
pub(super) struct Description {
    /// SQL types of the files' columns, in order.
    pub(super) types: Vec<String>,
    /// Names and SQL types of the columns that a query sees, where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) shown: Option<Vec<(String, String)>>,
    pub(super) dist: String,
    pub(super) sort: Vec<usize>,
    pub(super) view: Option<ViewDescription>,
}

/// What makes a view.
#[derive(Serialize, Deserialize)]
#[serde(tag = "over", rename_all = "snake_case")]
pub(super) enum ViewDescription {
    Stream {
        external_schema: String,
        stream: String,
        stream_id: String,
        definition: String,
        query: String,
        auto_refresh: bool,
        backup: bool,
    },
    Tables {
        definition: String,
        query: String,
        #[serde(default)]
        auto_refresh: bool,
        backup: bool,
        #[serde(default)]
        incremental: bool,
    },
}

/// The description of a relation.
pub(super) fn describe(relation: &Relation) -> Result<String> {
    let view = match &relation.kind {
        RelationKind::Table => None,
        RelationKind::Derived(view) => Some(ViewDescription::Tables {
            definition: view.definition.clone(),
            query: view.query.clone(),
            auto_refresh: view.auto_refresh,
            backup: view.backup,
            incremental: view.incremental,
        }),
        RelationKind::Streaming(view) => Some(ViewDescription::Stream {
            external_schema: view.external_schema.clone(),
            stream: view.stream.clone(),
            stream_id: view.stream_id.clone(),
            definition: view.definition.clone(),
            query: view.query.clone(),
            auto_refresh: view.auto_refresh,
            backup: view.backup,
        }),
    };
    let description = Description {
        types: relation.stored().iter().map(|column| column.sql_type.to_string()).collect(),
        shown: relation.partials.as_ref().map(|_| {
            relation.columns.iter().map(|column| (column.name.clone(), column.sql_type.to_string())).collect()
        }),
        dist: format_dist(relation.layout.dist),
        sort: relation.layout.sort.clone(),
        view,
    };
    serde_json::to_string(&description).map_err(unreadable)
}

fn format_dist(dist: DistStyle) -> String {
    match dist {
        DistStyle::Auto => "auto".into(),
        DistStyle::Even => "even".into(),
        DistStyle::All => "all".into(),
        DistStyle::Key(column) => format!("key:{column}"),
    }
}

/// Reads back what is written of a distribution style.
pub(super) fn parse_dist(text: &str) -> DistStyle {
    match text.split_once(':') {
        Some(("key", column)) => column.parse().map_or(DistStyle::Auto, DistStyle::Key),
        _ if text == "even" => DistStyle::Even,
        _ if text == "all" => DistStyle::All,
        _ => DistStyle::Auto,
    }
}
