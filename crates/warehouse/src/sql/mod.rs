//! SQL text to statements: Redshift's lexical rules, the parser's dialect, and the statements that the
//! parser does not know.

mod chains;
mod dialect;
mod expressions;
mod names;
mod object_transform;
mod parser;
mod part;
mod position;
mod qualify;
mod statement;

pub(crate) use expressions::{call, cast, number, text};
pub use names::shown_name;
pub(crate) use names::{is_call, name_outputs};
pub(crate) use object_transform::OBJECT_TRANSFORM;
pub(crate) use parser::{Parsed, parse, parse_query, split_name};
pub(crate) use part::{Part, alias_parts};
pub(crate) use position::position_of;
pub(crate) use qualify::qualify;
pub(crate) use statement::{
    AlterMaterializedView, AlterUser, AlterViewAction, Analyze, AppendFrom, CreateExternalSchema,
    CreateMaterializedView, CreateUser, DistClause, DropMaterializedView, DropUser, KeepSetting, Password,
    RefreshMaterializedView, SortTerm, Statement, UserOptions,
};
