//! The functions of the template language, as a table. Adding one is adding a row.

use fake::Fake;
use rand::Rng;
use serde_json::Value;
use tidemill_clock::Timestamp;

use crate::moment;

/// A function with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Function {
    Uuid,
    Number { min: i64, max: i64 },
    Word,
    Price { min: i64, max: i64 },
    Now(String),
}

/// A function as the table has it.
pub(crate) struct Known {
    name: &'static str,
    /// What it takes, for messages.
    pub(crate) takes: &'static str,
    /// Makes the function out of its argument; none if it does not take it.
    pub(crate) make: fn(&Value) -> Option<Function>,
}

const FUNCTIONS: &[Known] = &[
    Known { name: "random.uuid", takes: "nothing", make: |value| value.is_null().then_some(Function::Uuid) },
    Known {
        name: "random.number",
        takes: r#"{"min": n, "max": n} or a largest number"#,
        make: |value| range(value, 0, 99_999).map(|(min, max)| Function::Number { min, max }),
    },
    Known { name: "random.word", takes: "nothing", make: |value| value.is_null().then_some(Function::Word) },
    Known {
        name: "commerce.price",
        takes: r#"nothing or {"min": n, "max": n}"#,
        make: |value| range(value, 0, 1_000).map(|(min, max)| Function::Price { min, max }),
    },
    Known {
        name: "date.now",
        takes: "nothing or a format in quotes",
        make: |value| match value {
            Value::Null => Some(Function::Now("YYYY-MM-DDTHH:mm:ssZ".into())),
            Value::String(format) => Some(Function::Now(format.clone())),
            _ => None,
        },
    },
];

/// The function called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Known> {
    FUNCTIONS.iter().find(|known| known.name == name)
}

fn range(value: &Value, min: i64, max: i64) -> Option<(i64, i64)> {
    let (min, max) = match value {
        Value::Null => (min, max),
        Value::Number(largest) => (min, largest.as_i64()?),
        Value::Object(bounds) => {
            let bound = |name: &str, default: i64| bounds.get(name).map_or(Some(default), Value::as_i64);
            (bound("min", min)?, bound("max", max)?)
        }
        _ => return None,
    };
    (min <= max).then_some((min, max))
}

impl Function {
    /// One value.
    pub(crate) fn call(&self, now: Timestamp) -> String {
        let mut random = rand::rng();
        match self {
            Self::Uuid => uuid::Uuid::new_v4().to_string(),
            Self::Number { min, max } => random.random_range(*min..=*max).to_string(),
            Self::Word => fake::faker::lorem::en::Word().fake::<String>(),
            Self::Price { min, max } => format!("{}.00", random.random_range(*min..=*max)),
            Self::Now(format) => moment::format(now, format),
        }
    }
}
