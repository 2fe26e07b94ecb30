//! Session settings: `SET`, `SHOW`, `RESET`.

use std::collections::BTreeMap;

use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::Snapshot;
use crate::views::ErrorMode;

/// What views do with records that an expression fails on: `fail` or `skip`.
pub(crate) const STREAMING_ERROR_MODE: &str = "streaming_error_mode";

/// Whether JSON_PARSE keeps the last one of attributes of one name (Redshift: SUPER configurations).
pub(crate) const DEDUP_ATTRIBUTES: &str = "json_parse_dedup_attributes";

/// The settings that exist, with their values at the start of a session.
pub(crate) const DEFAULTS: &[(&str, &str)] = &[
    ("analyze_threshold_percent", "10"),
    ("application_name", ""),
    ("cast_super_null_on_error", "on"),
    ("client_encoding", "UTF8"),
    ("client_min_messages", "notice"),
    ("datestyle", "ISO, MDY"),
    ("describe_field_name_in_uppercase", "off"),
    ("downcase_delimited_identifier", "on"),
    ("enable_case_sensitive_identifier", "off"),
    ("enable_case_sensitive_super_attribute", "off"),
    ("enable_result_cache_for_session", "on"),
    ("extra_float_digits", "0"),
    ("integer_datetimes", "on"),
    (DEDUP_ATTRIBUTES, "off"),
    ("json_parse_truncate_strings", "off"),
    ("navigate_super_null_on_error", "on"),
    ("parse_super_null_on_error", "off"),
    ("query_group", "default"),
    ("readonly", "off"),
    ("search_path", "\"$user\", public"),
    ("server_encoding", "UNICODE"),
    ("server_version", "8.0.2"),
    ("standard_conforming_strings", "off"),
    ("statement_timeout", "0"),
    (STREAMING_ERROR_MODE, "fail"),
    ("timezone", "UTC"),
    ("transaction_isolation", "SERIALIZABLE"),
    ("wlm_query_slot_count", "1"),
];

/// Settings that mean something, and can only be what they are.
const FIXED: &[&str] = &[
    "cast_super_null_on_error",
    "describe_field_name_in_uppercase",
    "downcase_delimited_identifier",
    "enable_case_sensitive_super_attribute",
    "json_parse_truncate_strings",
    "navigate_super_null_on_error",
    "parse_super_null_on_error",
];

/// The settings of a session.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    /// Those that are kept for the user or the cluster, as they were when the session began.
    kept: BTreeMap<String, String>,
    changed: BTreeMap<String, String>,
}

impl Settings {
    /// Those of a new session of `user`.
    pub(crate) fn of(user: &str, snapshot: &Snapshot) -> Self {
        let kept = |(name, _): &(&str, &str)| Some(((*name).to_owned(), snapshot.setting(user, name)?.to_owned()));
        Self { kept: DEFAULTS.iter().filter_map(kept).collect(), changed: BTreeMap::new() }
    }

    pub(crate) fn get(&self, name: &str) -> Result<&str> {
        let name = name.to_lowercase();
        if let Some(value) = self.changed.get(&name).or_else(|| self.kept.get(&name)) {
            return Ok(value);
        }
        default(&name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let name = name.to_lowercase();
        check(&name, value)?;
        self.changed.insert(name, value.to_owned());
        Ok(())
    }

    pub(crate) fn reset(&mut self, name: &str) {
        self.changed.remove(&name.to_lowercase());
    }

    pub(crate) fn reset_all(&mut self) {
        self.changed.clear();
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name).is_ok_and(is_on)
    }

    /// The schema of names that do not tell theirs: the first in the search path that is not the user's own.
    pub(crate) fn schema(&self) -> String {
        let path = self.get("search_path").unwrap_or_default();
        let mut names = path.split(',').map(|name| name.trim().trim_matches(['"', '\'']));
        names.find(|name| !name.is_empty() && *name != "$user").unwrap_or("public").to_owned()
    }
}

fn is_flag(value: &str) -> bool {
    is_on(value) || matches!(value.to_lowercase().as_str(), "off" | "false" | "0" | "no")
}

fn is_on(value: &str) -> bool {
    matches!(value.to_lowercase().as_str(), "on" | "true" | "1" | "yes")
}

/// The value of a setting that nobody has changed.
pub(crate) fn default(name: &str) -> Result<&'static str> {
    let default = DEFAULTS.iter().find(|(known, _)| *known == name);
    default.map(|(_, value)| *value).ok_or_else(|| unknown(name))
}

/// Whether a setting exists and may have this value.
pub(crate) fn check(name: &str, value: &str) -> Result<()> {
    let default = default(name)?;
    if FIXED.contains(&name) && is_flag(value) && is_on(value) != is_on(default) {
        return Err(SqlError::unsupported(format!("{name} can only be {default}")));
    }
    let is_valid = match name {
        _ if is_flag(default) && default != "1" && default != "0" => is_flag(value),
        "client_encoding" => matches!(value.to_lowercase().as_str(), "utf8" | "utf-8" | "unicode"),
        STREAMING_ERROR_MODE => ErrorMode::parse(value).is_some(),
        _ => true,
    };
    if is_valid {
        return Ok(());
    }
    let message = format!("invalid value for parameter \"{name}\": \"{value}\"");
    Err(SqlError::new(ErrorKind::InvalidParameterValue, message))
}

fn unknown(name: &str) -> SqlError {
    SqlError::new(ErrorKind::UndefinedObject, format!("unrecognized configuration parameter \"{name}\""))
}
