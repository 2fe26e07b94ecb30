-- Format 2: views over views, rows that were removed, records that were set aside.

-- What a view over tables and views has read of each.
CREATE TABLE tidemill_base(table_id BIGINT NOT NULL, base_id BIGINT NOT NULL, next_row_id BIGINT NOT NULL, rewrites BIGINT NOT NULL, PRIMARY KEY (table_id, base_id));
-- How often rows of a relation were removed or replaced.
CREATE TABLE tidemill_rewrites(table_id BIGINT PRIMARY KEY, rewrites BIGINT NOT NULL);
-- Records that a view over a stream could make no row of. Times are milliseconds since the epoch.
CREATE TABLE tidemill_dead_letter(table_id BIGINT NOT NULL, shard VARCHAR NOT NULL, sequence_number VARCHAR NOT NULL, partition_key VARCHAR NOT NULL, arrival BIGINT NOT NULL, recorded BIGINT NOT NULL, code BIGINT NOT NULL, reason VARCHAR NOT NULL, data BLOB NOT NULL, PRIMARY KEY (table_id, sequence_number));
-- Who besides its owner may do what with a relation or schema.
CREATE TABLE tidemill_grant(object_id BIGINT NOT NULL, grantee VARCHAR NOT NULL, privilege VARCHAR NOT NULL, PRIMARY KEY (object_id, grantee, privilege));
-- Settings of a user, or of the cluster where the user is empty.
CREATE TABLE tidemill_setting(user_name VARCHAR NOT NULL, name VARCHAR NOT NULL, value VARCHAR NOT NULL, PRIMARY KEY (user_name, name));
UPDATE tidemill_format SET version = 2;
