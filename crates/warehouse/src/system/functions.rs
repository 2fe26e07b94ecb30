//! Functions of PostgreSQL's catalog that clients call.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

use crate::functions::Function;
use crate::types::{MAX_VARCHAR, SqlType};

/// The functions.
pub(crate) fn functions() -> Vec<Arc<ScalarUDF>> {
    let functions = [
        always("pg_table_is_visible"),
        always("has_table_privilege"),
        always("has_schema_privilege"),
        nothing("pg_get_expr"),
        nothing("obj_description"),
        nothing("col_description"),
        nothing("shobj_description"),
        nothing("array_to_string"),
        Function::new(
            "pg_get_userbyid",
            |types| Ok(vec![DataType::Int64; types.len()]),
            |_| Ok(SqlType::Name.field_ref("pg_get_userbyid")),
            |args| {
                let ids = args.args[0].to_array(args.number_rows)?;
                let ids = ids.as_primitive::<Int64Type>();
                let name = |id: i64| if id == 1 { "rdsdb" } else { "admin" };
                Ok(ColumnarValue::Array(Arc::new(ids.iter().map(|id| id.map(name)).collect::<StringViewArray>())))
            },
        ),
        Function::new(
            "format_type",
            |types| Ok(vec![DataType::Int64; types.len()]),
            |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref("format_type")),
            |args| {
                let oids = args.args[0].to_array(args.number_rows)?;
                let modifiers = args.args[1].to_array(args.number_rows)?;
                Ok(ColumnarValue::Array(format_types(oids.as_primitive(), modifiers.as_primitive())))
            },
        ),
    ];
    functions.into_iter().map(|function| Arc::new(ScalarUDF::from(function))).collect()
}

fn format_types(oids: &Int64Array, modifiers: &Int64Array) -> ArrayRef {
    let names = oids.iter().enumerate().map(|(row, oid)| {
        let modifier = if modifiers.is_null(row) { -1 } else { modifiers.value(row) as i32 };
        let sql_type = SqlType::of_oid(oid? as u32, modifier)?;
        let name = sql_type.to_string();
        let has_measure = modifier >= 4;
        Some(if has_measure { name } else { name.split('(').next().unwrap_or_default().to_owned() })
    });
    Arc::new(names.collect::<StringViewArray>())
}

/// A test that everything passes.
fn always(name: &'static str) -> Function {
    Function::new(
        name,
        |types| Ok(types.to_vec()),
        |_| Ok(Arc::new(Field::new("visible", DataType::Boolean, true))),
        |args| Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(vec![true; args.number_rows])))),
    )
}

/// A function over things that do not exist here, such as comments.
fn nothing(name: &'static str) -> Function {
    Function::new(
        name,
        |types| Ok(types.to_vec()),
        |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref("nothing")),
        |args| {
            Ok(ColumnarValue::Array(datafusion::arrow::array::new_null_array(&DataType::Utf8View, args.number_rows)))
        },
    )
}
