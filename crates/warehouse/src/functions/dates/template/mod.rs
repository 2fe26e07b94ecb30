//! Redshift's datetime format strings (`YYYY-MM-DD HH24:MI:SS`), compiled once for a column.

mod read;
mod write;

pub(crate) use read::Unreadable;
pub(crate) use write::ordinal;

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Field(Field, Style),
    /// A character that is copied. When a text is read, any one stands for it (Redshift: separators need not be the same).
    Literal(char),
}

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style {
    letters: Letters,
    /// Neither blanks nor zeros in front: `FM`.
    is_plain: bool,
    /// With the ending of an ordinal number: `TH`.
    ordinal: Option<Letters>,
}

/// The case of the letters of a name is that of the pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letters {
    Upper,
    Title,
    Lower,
}

impl Letters {
    fn of(pattern: &str) -> Self {
        let mut letters = pattern.chars().filter(|letter| letter.is_alphabetic()).map(char::is_uppercase);
        match (letters.next(), letters.next()) {
            (Some(true), Some(false)) => Self::Title,
            (Some(true), _) => Self::Upper,
            _ => Self::Lower,
        }
    }

    fn apply(self, name: &str) -> String {
        match self {
            Self::Upper => name.to_ascii_uppercase(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Title => {
                let (first, rest) = name.split_at(name.len().min(1));
                first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// The last digits of the year.
    Year(u8),
    YearWithComma,
    IsoYear(u8),
    /// With points or without.
    Era(bool),
    Century,
    Quarter,
    Month,
    MonthName,
    ShortMonthName,
    RomanMonth,
    WeekOfMonth,
    WeekOfYear,
    IsoWeek,
    Day,
    DayName,
    ShortDayName,
    DayOfYear,
    IsoDayOfYear,
    DayOfWeek,
    IsoDayOfWeek,
    JulianDay,
    Hour,
    Hour12,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    SecondOfDay,
    /// With points or without.
    Meridian(bool),
    Zone,
    Offset,
}

/// Patterns, longest first where one begins with another.
const PATTERNS: [(&str, Field); 45] = [
    ("Y,YYY", Field::YearWithComma),
    ("YYYY", Field::Year(4)),
    ("YYY", Field::Year(3)),
    ("YY", Field::Year(2)),
    ("Y", Field::Year(1)),
    ("IYYY", Field::IsoYear(4)),
    ("IYY", Field::IsoYear(3)),
    ("IY", Field::IsoYear(2)),
    ("IDDD", Field::IsoDayOfYear),
    ("ID", Field::IsoDayOfWeek),
    ("IW", Field::IsoWeek),
    ("I", Field::IsoYear(1)),
    ("B.C.", Field::Era(true)),
    ("A.D.", Field::Era(true)),
    ("BC", Field::Era(false)),
    ("AD", Field::Era(false)),
    ("A.M.", Field::Meridian(true)),
    ("P.M.", Field::Meridian(true)),
    ("AM", Field::Meridian(false)),
    ("PM", Field::Meridian(false)),
    ("CC", Field::Century),
    ("Q", Field::Quarter),
    ("MONTH", Field::MonthName),
    ("MON", Field::ShortMonthName),
    ("MM", Field::Month),
    ("MI", Field::Minute),
    ("MS", Field::Millisecond),
    ("RM", Field::RomanMonth),
    ("WW", Field::WeekOfYear),
    ("W", Field::WeekOfMonth),
    ("DAY", Field::DayName),
    ("DDD", Field::DayOfYear),
    ("DD", Field::Day),
    ("DY", Field::ShortDayName),
    ("D", Field::DayOfWeek),
    ("J", Field::JulianDay),
    ("HH24", Field::Hour),
    ("HH12", Field::Hour12),
    ("HH", Field::Hour12),
    ("SSSSS", Field::SecondOfDay),
    ("SSSS", Field::SecondOfDay),
    ("SS", Field::Second),
    ("US", Field::Microsecond),
    ("TZ", Field::Zone),
    ("OF", Field::Offset),
];

pub(crate) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Template {
    /// Compiles a format.
    pub(crate) fn compile(format: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            if first == '"' {
                let quoted = rest[1..].split('"').next().unwrap_or_default();
                items.extend(quoted.chars().map(Item::Literal));
                rest = rest.get(quoted.len() + 2..).unwrap_or_default();
                continue;
            }
            let plain = starts_with(rest, "fm").then(|| &rest[2..]);
            let field = plain.unwrap_or(rest);
            let found = PATTERNS.iter().find(|(pattern, _)| starts_with(field, pattern));
            let Some((pattern, found)) = found else {
                items.push(Item::Literal(first));
                rest = &rest[first.len_utf8()..];
                continue;
            };
            let (pattern, behind) = field.split_at(pattern.len());
            // The T of a date and time, and an hour behind it, are no ending.
            let has_ending = starts_with(behind, "th") && !starts_with(behind, "thh");
            let ordinal = has_ending.then(|| Letters::of(&behind[..2]));
            let style = Style { letters: Letters::of(pattern), is_plain: plain.is_some(), ordinal };
            items.push(Item::Field(*found, style));
            rest = &behind[if ordinal.is_some() { 2 } else { 0 }..];
        }
        Self { items }
    }
}

/// Whether a text starts with an ASCII one, in letters of any case.
fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start))
}
