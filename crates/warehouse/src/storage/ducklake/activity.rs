//! What refreshes did, in the catalog. It is no part of any snapshot.

use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row, SqliteConnection};
use tidemill_clock::Timestamp;

use crate::error::Result;
use crate::storage::activity::{Events, REMEMBERED, RefreshEvent, ScanEvent, ShardScan, Trigger};

/// Adds events, and forgets all but the newest.
pub(in crate::storage) async fn save_events(connection: &mut SqliteConnection, events: &Events) -> Result<()> {
    for refresh in &events.refreshes {
        let session = match refresh.trigger {
            Trigger::Manual { backend } => Some(backend),
            Trigger::Auto => None,
        };
        sqlx::query("INSERT INTO tidemill_refresh VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(refresh.transaction)
            .bind(refresh.relation)
            .bind(&refresh.schema)
            .bind(&refresh.view)
            .bind(&refresh.user)
            .bind(session)
            .bind(refresh.succeeded)
            .bind(&refresh.status)
            .bind(refresh.start.millis())
            .bind(refresh.end.millis())
            .execute(&mut *connection)
            .await?;
    }
    for ScanEvent { transaction, external_schema, stream, view, scan } in &events.scans {
        sqlx::query("INSERT INTO tidemill_shard_scan VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)")
            .bind(transaction)
            .bind(external_schema)
            .bind(stream)
            .bind(view)
            .bind(&scan.shard)
            .bind(scan.at.millis())
            .bind(&scan.latest_position)
            .bind(scan.scanned_rows)
            .bind(scan.skipped_rows)
            .bind(scan.scanned_bytes)
            .bind(scan.oldest.millis())
            .bind(scan.newest.millis())
            .execute(&mut *connection)
            .await?;
    }
    for table in ["tidemill_refresh", "tidemill_shard_scan"] {
        let old = format!(
            "
DELETE FROM {table} WHERE transaction_id <= (
  SELECT transaction_id FROM {table} ORDER BY transaction_id DESC LIMIT 1 OFFSET {REMEMBERED})"
        );
        sqlx::query(sqlx::AssertSqlSafe(old)).execute(&mut *connection).await?;
    }
    Ok(())
}

/// All events that are kept.
pub(in crate::storage) async fn load_events(pool: &SqlitePool) -> Result<Events> {
    let refreshes = sqlx::query("SELECT * FROM tidemill_refresh ORDER BY transaction_id").fetch_all(pool).await?;
    let scans = sqlx::query("SELECT * FROM tidemill_shard_scan ORDER BY transaction_id, shard").fetch_all(pool).await?;
    Ok(Events {
        refreshes: refreshes.iter().map(refresh).collect::<Result<_>>()?,
        scans: scans.iter().map(scan).collect::<Result<_>>()?,
    })
}

fn refresh(row: &SqliteRow) -> Result<RefreshEvent> {
    let session: Option<i32> = row.try_get("session_id")?;
    Ok(RefreshEvent {
        transaction: row.try_get("transaction_id")?,
        relation: row.try_get("table_id")?,
        schema: row.try_get("schema_name")?,
        view: row.try_get("view_name")?,
        user: row.try_get("user_name")?,
        trigger: session.map_or(Trigger::Auto, |backend| Trigger::Manual { backend }),
        succeeded: row.try_get("succeeded")?,
        status: row.try_get("status")?,
        start: time(row, "start_time")?,
        end: time(row, "end_time")?,
    })
}

fn scan(row: &SqliteRow) -> Result<ScanEvent> {
    Ok(ScanEvent {
        transaction: row.try_get("transaction_id")?,
        external_schema: row.try_get("external_schema")?,
        stream: row.try_get("stream")?,
        view: row.try_get("view_name")?,
        scan: ShardScan {
            shard: row.try_get("shard")?,
            at: time(row, "at")?,
            latest_position: row.try_get("latest_position")?,
            scanned_rows: row.try_get("scanned_rows")?,
            skipped_rows: row.try_get("skipped_rows")?,
            scanned_bytes: row.try_get("scanned_bytes")?,
            oldest: time(row, "oldest")?,
            newest: time(row, "newest")?,
        },
    })
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp::from_millis(row.try_get(column)?))
}
