//! Where rows are: Parquet files under a transactional catalog, and hot rows in memory.
//!
//! A statement reads one [`ReadView`]: a catalog snapshot and the hot rows of each view, taken together.

mod catalog;
mod change;
mod ducklake;
mod file;
mod hot;
mod snapshot;
mod store;
mod table;

pub(crate) use change::Change;
pub(crate) use file::{DataFile, FileWriter};
pub(crate) use hot::{HotRows, Positions};
pub(crate) use snapshot::{
    Column, DerivedView, DistStyle, ExternalSchema, Layout, Relation, RelationKind, SchemaEntry, Snapshot,
    StreamingView, User,
};
pub(crate) use store::{ReadView, Store};
pub(crate) use table::StoredTable;
