//! SQL for the page.

use std::time::Instant;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tidemill_postgres::value_text;
use tidemill_warehouse::{Outcome, Session, SqlError, SqlType, shown_name};

use crate::App;

/// Rows that the page is shown; it says when there are more.
const MOST_ROWS: usize = 1000;

#[derive(Deserialize)]
pub(crate) struct Input {
    cluster: String,
    sql: String,
}

/// The result of one statement.
#[derive(Serialize)]
struct StatementResult {
    statement: String,
    tag: String,
    columns: Vec<ColumnShape>,
    rows: Vec<Vec<Option<String>>>,
    truncated: bool,
    notices: Vec<String>,
    milliseconds: f64,
}

#[derive(Serialize)]
struct ColumnShape {
    name: String,
    r#type: String,
}

/// Runs statements as the cluster's admin; their results in order, up to the first error.
pub(crate) async fn run(State(app): State<App>, Json(input): Json<Input>) -> Response {
    let found =
        app.api.clusters.get(&input.cluster).and_then(|info| Ok((info, app.api.clusters.cluster(&input.cluster)?)));
    let (info, cluster) = match found {
        Ok(found) => found,
        Err(error) => return (StatusCode::NOT_FOUND, Json(json!({ "message": error.to_string() }))).into_response(),
    };
    let mut results = Vec::new();
    let done = async {
        let mut session = cluster.session(&info.admin, "dev")?;
        run_all(&mut session, &input.sql, &mut results).await
    };
    match done.await {
        Ok(()) => Json(json!({ "results": results })).into_response(),
        Err(error) => {
            let error = json!({
                "sqlstate": error.kind.sqlstate(), "message": error.message, "detail": error.detail,
                "hint": error.hint, "position": error.position,
            });
            Json(json!({ "results": results, "error": error })).into_response()
        }
    }
}

async fn run_all(session: &mut Session, sql: &str, results: &mut Vec<StatementResult>) -> Result<(), SqlError> {
    for prepared in session.parse(sql)? {
        let started = Instant::now();
        let outcome = session.execute(&prepared, &[]).await;
        let notices = session.take_notices();
        let mut result = StatementResult {
            statement: prepared.text().to_owned(),
            tag: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
            truncated: false,
            notices,
            milliseconds: 0.0,
        };
        match outcome? {
            Outcome::Done(tag) => result.tag = tag,
            Outcome::Rows(rows) => read(rows, &mut result).await?,
        }
        result.milliseconds = started.elapsed().as_secs_f64() * 1000.0;
        results.push(result);
    }
    Ok(())
}

async fn read(mut rows: SendableRecordBatchStream, result: &mut StatementResult) -> Result<(), SqlError> {
    result.columns = rows
        .schema()
        .fields()
        .iter()
        .map(|field| ColumnShape { name: shown_name(field.name()).to_owned(), r#type: SqlType::of(field).to_string() })
        .collect();
    while let Some(batch) = rows.try_next().await? {
        if result.rows.len() + batch.num_rows() > MOST_ROWS {
            result.truncated = true;
            append(&batch.slice(0, MOST_ROWS - result.rows.len()), result)?;
            break;
        }
        append(&batch, result)?;
    }
    result.tag = format!("SELECT {}", result.rows.len());
    Ok(())
}

fn append(batch: &RecordBatch, result: &mut StatementResult) -> Result<(), SqlError> {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, values)| {
        let sql_type = SqlType::of(field);
        Ok((sql_type, cast(values, &sql_type.arrow())?))
    });
    let columns = columns.collect::<Result<Vec<_>, SqlError>>()?;
    for row in 0..batch.num_rows() {
        let values =
            columns.iter().map(|(sql_type, values)| values.is_valid(row).then(|| value_text(*sql_type, values, row)));
        result.rows.push(values.collect());
    }
    Ok(())
}
