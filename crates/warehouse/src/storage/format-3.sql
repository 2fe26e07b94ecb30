-- Format 3: what refreshes did. Times are milliseconds since the epoch.

-- Of an automatic refresh there is no session.
CREATE TABLE tidemill_refresh(transaction_id BIGINT PRIMARY KEY, table_id BIGINT NOT NULL, schema_name VARCHAR NOT NULL, view_name VARCHAR NOT NULL, user_name VARCHAR NOT NULL, session_id BIGINT, succeeded BOOLEAN NOT NULL, status VARCHAR NOT NULL, start_time BIGINT NOT NULL, end_time BIGINT NOT NULL);
CREATE TABLE tidemill_shard_scan(transaction_id BIGINT NOT NULL, external_schema VARCHAR NOT NULL, stream VARCHAR NOT NULL, view_name VARCHAR NOT NULL, shard VARCHAR NOT NULL, at BIGINT NOT NULL, latest_position VARCHAR NOT NULL, scanned_rows BIGINT NOT NULL, skipped_rows BIGINT NOT NULL, scanned_bytes BIGINT NOT NULL, oldest BIGINT NOT NULL, newest BIGINT NOT NULL, PRIMARY KEY (transaction_id, shard));
UPDATE tidemill_format SET version = 3;
