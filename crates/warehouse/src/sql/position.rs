//! Places in a statement, as the wire protocol counts them: characters from 1.

use datafusion::common::DataFusionError;

/// The place of a line and column, both from 1.
pub(super) fn of_line(text: &str, line: u64, column: u64) -> Option<usize> {
    let before: usize =
        text.split_inclusive('\n').take(line.checked_sub(1)? as usize).map(|line| line.chars().count()).sum();
    Some(before + column as usize)
}

/// Where the engine says that an error is.
pub(crate) fn position_of(text: &str, error: &DataFusionError) -> Option<usize> {
    let start = error.diagnostic()?.span?.start;
    of_line(text, start.line, start.column)
}

/// Splits the place off a parser's message (`… at Line: 2, Column: 8`).
pub(super) fn split_message<'m>(text: &str, message: &'m str) -> (&'m str, Option<usize>) {
    let Some((message, place)) = message.rsplit_once(" at Line: ") else { return (message, None) };
    let mut numbers = place.split(", Column: ").map(|number| number.trim().parse().ok());
    let place = match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(line), Some(column)) => of_line(text, line, column),
        _ => None,
    };
    (message, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_characters_over_lines() {
        assert_eq!(of_line("äb\ncd", 2, 2), Some(5));
        assert_eq!(split_message("select\n x y", "Expected: end at Line: 2, Column: 4"), ("Expected: end", Some(11)));
        assert_eq!(split_message("x", "no place"), ("no place", None));
    }
}
