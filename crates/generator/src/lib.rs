//! The data generator: a template language, and records sent at a rate.
//!
//! It sends records anywhere through [`Sink`]; it knows nothing of pages or protocols.
//!
//! ```
//! use tidemill_clock::{SystemClock, Clock};
//! use tidemill_generator::Template;
//!
//! let template = Template::parse(r#"{"id": "{{random.number({"min": 1, "max": 9})}}"}"#)?;
//! let record = template.render(SystemClock.now());
//! assert_eq!(record.len(), r#"{"id": "5"}"#.len());
//! # Ok::<(), tidemill_generator::TemplateError>(())
//! ```

mod functions;
mod moment;
mod run;
mod template;

pub use run::{Plan, Progress, Record, Sink, run};
pub use template::{Template, TemplateError};
