//! Time zones: CONVERT_TIMEZONE and TIMEZONE, which is also written `AT TIME ZONE`.

use chrono::{LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};
use datafusion::common::Result;

use super::part::{SECOND, date_time, out_of_range};
use crate::error::SqlError;
use crate::functions::function::{Function, invalid};
use crate::functions::row::Kind::{Moment as AMoment, Text};
use crate::functions::row::{Memo, Moment, by_row_with};
use crate::types::SqlType;

/// The name of `AT TIME ZONE` in a plan.
pub(crate) const TIMEZONE: &str = "timezone";

pub(crate) fn functions() -> Vec<Function> {
    type Zones = (Memo<Zone>, Memo<Zone>);
    vec![
        by_row_with("convert_timezone", &[Text, Text, AMoment], &[], |zones: &mut Zones, row| {
            let utc = zone(&mut zones.0, row.text(0))?.to_utc(row.whole(2))?;
            Ok(Some(Moment(zone(&mut zones.1, row.text(1))?.to_local(utc)?)))
        }),
        by_row_with(TIMEZONE, &[Text, AMoment], &[], |zones: &mut Memo<Zone>, row| {
            let zone = zone(zones, row.text(0))?;
            Ok(Some(Moment(match row.sql_type(1) {
                Some(SqlType::TimestampTz) => zone.to_local(row.whole(1))?,
                _ => zone.to_utc(row.whole(1))?,
            })))
        })
        .returning(|types| (types[1] != SqlType::TimestampTz).then_some(SqlType::TimestampTz)),
    ]
}

fn zone(zones: &mut Memo<Zone>, name: &str) -> Result<Zone> {
    let zone =
        zones.get(&[name], || Zone::parse(name).ok_or_else(|| invalid(format!("time zone \"{name}\" not recognized"))));
    zone.copied()
}

/// A time zone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Zone {
    /// One of the time zone database, with its seasons.
    Named(Tz),
    /// So many seconds ahead of UTC.
    Fixed(i32),
}

/// Abbreviations and how many minutes they are ahead of UTC. They have no seasons, even where the time zone database knows one of
/// the same name.
const ABBREVIATIONS: [(&str, i32); 48] = [
    ("ACDT", 630),
    ("ACST", 570),
    ("ADT", -180),
    ("AEDT", 660),
    ("AEST", 600),
    ("AKDT", -480),
    ("AKST", -540),
    ("AST", -240),
    ("AWST", 480),
    ("BST", 60),
    ("CADT", 630),
    ("CDT", -300),
    ("CEST", 120),
    ("CET", 60),
    ("CST", -360),
    ("EAT", 180),
    ("EDT", -240),
    ("EEST", 180),
    ("EET", 120),
    ("EST", -300),
    ("GMT", 0),
    ("GST", 240),
    ("HKT", 480),
    ("HST", -600),
    ("ICT", 420),
    ("IDT", 180),
    ("IST", 120),
    ("JST", 540),
    ("KST", 540),
    ("MDT", -360),
    ("MEST", 120),
    ("MET", 60),
    ("MSD", 240),
    ("MSK", 180),
    ("MST", -420),
    ("NDT", -150),
    ("NST", -210),
    ("NZDT", 780),
    ("NZST", 720),
    ("PDT", -420),
    ("PKT", 300),
    ("PST", -480),
    ("SGT", 480),
    ("UCT", 0),
    ("UTC", 0),
    ("WEST", 60),
    ("WET", 0),
    ("Z", 0),
];

impl Zone {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        let abbreviation = ABBREVIATIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let named = || TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
        match abbreviation {
            Some((_, minutes)) => Some(Self::Fixed(minutes * 60)),
            None => named().map(|zone| Self::Named(*zone)).or_else(|| posix_offset(name).map(Self::Fixed)),
        }
    }

    fn to_local(self, utc: i64) -> Result<i64, SqlError> {
        let offset = match self {
            Self::Named(zone) => zone.offset_from_utc_datetime(&date_time(utc)?).fix().local_minus_utc(),
            Self::Fixed(offset) => offset,
        };
        utc.checked_add(i64::from(offset) * SECOND).ok_or_else(out_of_range)
    }

    pub(crate) fn to_utc(self, local: i64) -> Result<i64, SqlError> {
        let offset = match self {
            Self::Named(zone) => local_offset(zone, date_time(local)?),
            Self::Fixed(offset) => offset,
        };
        local.checked_sub(i64::from(offset) * SECOND).ok_or_else(out_of_range)
    }
}

/// How many seconds a zone is ahead of UTC at a local time. When clocks are put back a time comes twice, and is taken for the second
/// one; a time that is left out when they are put forward is read with the offset from before.
fn local_offset(zone: Tz, local: NaiveDateTime) -> i32 {
    match zone.offset_from_local_datetime(&local) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => offset.fix().local_minus_utc(),
        LocalResult::None => {
            let before = zone.offset_from_utc_datetime(&(local - TimeDelta::days(1)));
            before.fix().local_minus_utc()
        }
    }
}

/// Reads `STDoffset`, as POSIX writes it: offsets are positive west of Greenwich, of hours or of hours and minutes, behind a name of
/// three letters or more that says nothing.
fn posix_offset(name: &str) -> Option<i32> {
    let at = name.find(|letter: char| matches!(letter, '+' | '-') || letter.is_ascii_digit())?;
    let (zone, offset) = name.split_at(at);
    if zone.trim().len() < 3 {
        return None;
    }
    let (sign, offset) = match offset.as_bytes()[0] {
        b'-' => (1, &offset[1..]),
        b'+' => (-1, &offset[1..]),
        _ => (-1, offset),
    };
    let (hours, minutes) = offset.split_once(':').unwrap_or((offset, "0"));
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    ((0..=167).contains(&hours) && (0..60).contains(&minutes)).then_some(sign * (hours * 60 + minutes) * 60)
}
