//! Where rows are: Parquet files under a transactional catalog, and hot rows in memory.
//!
//! A statement reads one [`ReadView`]: a catalog snapshot and the hot rows of each view, taken together.

mod activity;
mod catalog;
mod change;
mod compaction;
mod ducklake;
mod encode;
mod file;
mod grants;
mod hot;
mod letters;
mod object_store;
mod read_comparable;
mod read_shredded;
mod read_unscaled;
mod shred;
mod snapshot;
mod store;
mod table;

pub(crate) use activity::{Events, RefreshEvent, ShardScan, Trigger};
pub(crate) use change::{Change, Reached, check_storable, no_user};
pub(crate) use compaction::{choose, choose_all};
pub(crate) use file::{DataFile, FileWriter};
pub(crate) use grants::{DATABASE_ID, Grants, PUBLIC, Privilege};
pub(crate) use hot::{HotRows, Part, Positions};
pub(crate) use letters::DeadLetter;
pub(crate) use object_store::{DataFiles, URL};
pub(crate) use snapshot::{
    Base, Column, DerivedView, DistStyle, ExternalSchema, Layout, Relation, RelationKind, SchemaEntry, Snapshot,
    StreamingView, User,
};
pub(crate) use store::{Moment, ReadView, Store};
pub(crate) use table::{Rows, StoredTable};
