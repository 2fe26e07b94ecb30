//! Redshift's format strings for numbers (`99G999D99S`): TO_CHAR of numbers, and TO_NUMBER.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ReturnFieldArgs, ScalarFunctionArgs};

use crate::error::{ErrorKind, SqlError};
use crate::functions::casts::cast::cast;
use crate::functions::dates::template::ordinal;
use crate::functions::function::{Function, constant_text, is_text, map_first, no_match};
use crate::types::SqlType;

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NumberFormat {
    items: Vec<Item>,
    /// Places before and behind the point.
    whole: usize,
    fraction: usize,
    /// `FM`: no blanks, and no zeros at the end of the fraction.
    is_plain: bool,
    sign: Sign,
    roman: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// `9`, or `0` if zeros are to be shown.
    Digit {
        zero: bool,
    },
    Point,
    Group,
    /// `S` behind the digits.
    Signed,
    Minus,
    Plus,
    SignOrPlus,
    Currency,
    /// `TH`, in capital letters or not.
    Ordinal(bool),
    Literal(char),
}

/// How the sign of a number is shown where the format does not place it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A minus or a blank in front of the first digit.
    Implicit,
    /// `S` in front of the digits: a minus or a plus there.
    Anchored,
    /// `PR`: negative numbers in angle brackets.
    Brackets,
    /// The format places it.
    Placed,
}

impl NumberFormat {
    pub(crate) fn compile(format: &str) -> Self {
        let mut compiled =
            Self { items: Vec::new(), whole: 0, fraction: 0, is_plain: false, sign: Sign::Implicit, roman: None };
        let mut rest = format;
        while !rest.is_empty() {
            let taken = compiled.take(rest);
            rest = &rest[taken..];
        }
        compiled
    }

    /// Takes the next pattern; returns its length.
    fn take(&mut self, rest: &str) -> usize {
        let is = |pattern: &str| rest.get(..2).is_some_and(|found| found.eq_ignore_ascii_case(pattern));
        let (has_digits, is_fraction) = (self.whole + self.fraction > 0, self.items.contains(&Item::Point));
        if is("fm") {
            self.is_plain = true;
            return 2;
        }
        if is("rn") {
            self.roman = Some(rest.starts_with('R'));
            return 2;
        }
        if is("pr") {
            self.sign = Sign::Brackets;
            return 2;
        }
        let placed = [("mi", Item::Minus), ("pl", Item::Plus), ("sg", Item::SignOrPlus)];
        if let Some((_, item)) = placed.into_iter().find(|(pattern, _)| is(pattern)) {
            self.sign = Sign::Placed;
            self.items.push(item);
            return 2;
        }
        if is("th") {
            self.items.push(Item::Ordinal(rest.starts_with('T')));
            return 2;
        }
        let letter = rest.chars().next().unwrap_or(' ');
        let item = match letter {
            '0' | '9' => {
                *(if is_fraction { &mut self.fraction } else { &mut self.whole }) += 1;
                Item::Digit { zero: letter == '0' }
            }
            '.' | 'd' | 'D' => Item::Point,
            ',' | 'g' | 'G' => Item::Group,
            'l' | 'L' => Item::Currency,
            's' | 'S' if has_digits => {
                self.sign = Sign::Placed;
                Item::Signed
            }
            's' | 'S' => {
                self.sign = Sign::Anchored;
                return 1;
            }
            other => Item::Literal(other),
        };
        self.items.push(item);
        letter.len_utf8()
    }

    /// Writes a number that is given as a text.
    pub(crate) fn write(&self, number: &str) -> String {
        if let Some(is_upper) = self.roman {
            return self.write_roman(number, is_upper);
        }
        let (is_negative, digits) = rounded(number, self.fraction);
        let (whole, fraction) = digits.split_at(digits.len() - self.fraction);
        let whole = whole.trim_start_matches('0');
        if whole.len() > self.whole {
            let overflown = |item: &Item| if matches!(item, Item::Digit { .. }) { '#' } else { '.' };
            let shown =
                self.items.iter().filter(|item| matches!(item, Item::Digit { .. } | Item::Point)).map(overflown);
            return [' '].into_iter().filter(|_| !self.is_plain).chain(shown).collect();
        }
        let mut writer = Writer { format: self, text: String::new(), is_negative, is_started: false };
        writer.write(&format!("{whole:0>width$}", width = self.whole), fraction);
        writer.text
    }

    fn write_roman(&self, number: &str, is_upper: bool) -> String {
        const WIDTH: usize = 15;
        let (is_negative, digits) = rounded(number, 0);
        let roman = digits.parse().ok().filter(|number| !is_negative && (1..=3999).contains(number)).map(roman);
        let Some(roman) = roman else { return "#".repeat(WIDTH) };
        let roman = if is_upper { roman } else { roman.to_ascii_lowercase() };
        if self.is_plain { roman } else { format!("{roman:>WIDTH$}") }
    }
}

/// One number being written.
struct Writer<'f> {
    format: &'f NumberFormat,
    text: String,
    is_negative: bool,
    /// Whether the first digit has been written, and the sign that goes in front of it.
    is_started: bool,
}

impl Writer<'_> {
    fn write(&mut self, whole: &str, fraction: &str) {
        let format = self.format;
        let (mut digits, mut is_fraction, mut must_show) = (whole.bytes(), false, false);
        let (mut left, mut shown_fraction) = (format.whole, self.shown_fraction(fraction));
        for item in &format.items {
            match item {
                Item::Digit { .. } if is_fraction => {
                    let digit = digits.next().unwrap_or(b'0');
                    if shown_fraction > 0 {
                        self.text.push(char::from(digit));
                        shown_fraction -= 1;
                    }
                }
                Item::Digit { zero } => {
                    let digit = digits.next().unwrap_or(b'0');
                    left -= 1;
                    must_show |= *zero || digit != b'0' || left == 0 && format.fraction == 0;
                    if must_show {
                        self.start();
                        self.text.push(char::from(digit));
                    } else {
                        self.blank(' ');
                    }
                }
                Item::Point => {
                    self.start();
                    self.text.push('.');
                    (digits, is_fraction) = (fraction.bytes(), true);
                }
                Item::Group if must_show => self.text.push(','),
                Item::Group => self.blank(' '),
                Item::Currency => self.text.push('$'),
                Item::Literal(letter) => self.text.push(*letter),
                Item::Signed | Item::SignOrPlus => self.text.push(if self.is_negative { '-' } else { '+' }),
                Item::Minus => self.placed(self.is_negative, '-'),
                Item::Plus => self.placed(!self.is_negative, '+'),
                Item::Ordinal(is_upper) => self.ordinal(whole, *is_upper),
            }
        }
        if format.sign == Sign::Brackets {
            self.placed(self.is_negative, '>');
        }
    }

    /// Digits of the fraction that are shown: with `FM` no zeros at its end, but for those that are asked for.
    fn shown_fraction(&self, fraction: &str) -> usize {
        if !self.format.is_plain {
            return fraction.len();
        }
        let places = self.format.items.iter().skip_while(|item| **item != Item::Point);
        let places = places.filter(|item| matches!(item, Item::Digit { .. })).enumerate();
        let asked = places.filter(|(_, item)| **item == Item::Digit { zero: true }).map(|(place, _)| place + 1).last();
        asked.unwrap_or(0).max(fraction.trim_end_matches('0').len())
    }

    fn start(&mut self) {
        if self.is_started {
            return;
        }
        self.is_started = true;
        match self.format.sign {
            Sign::Implicit => self.placed(self.is_negative, '-'),
            Sign::Anchored => self.text.push(if self.is_negative { '-' } else { '+' }),
            Sign::Brackets => self.placed(self.is_negative, '<'),
            Sign::Placed => {}
        }
    }

    /// A sign, or the blank in its place.
    fn placed(&mut self, is_shown: bool, sign: char) {
        match is_shown {
            true => self.text.push(sign),
            false => self.blank(' '),
        }
    }

    fn blank(&mut self, blank: char) {
        if !self.format.is_plain {
            self.text.push(blank);
        }
    }

    /// Redshift: neither for numbers below zero nor for fractions.
    fn ordinal(&mut self, whole: &str, is_upper: bool) {
        if !self.is_negative && self.format.fraction == 0 {
            let ending = ordinal(whole.parse().unwrap_or(0));
            self.text.push_str(&if is_upper { ending.to_ascii_uppercase() } else { ending.to_owned() });
        }
    }
}

/// Whether a number is negative, and its digits with so many behind the point, rounded half away from zero.
fn rounded(number: &str, fraction: usize) -> (bool, String) {
    let (is_negative, number) = number.strip_prefix('-').map_or((false, number), |rest| (true, rest));
    let plain = match number.contains(['e', 'E']) {
        true => number.parse::<f64>().map(|float| format!("{float:.fraction$}")).unwrap_or_default(),
        false => number.to_owned(),
    };
    let (whole, behind) = plain.split_once('.').unwrap_or((&plain, ""));
    let kept = behind.get(..fraction).unwrap_or(behind);
    let mut digits = format!("{whole}{kept:0<fraction$}").into_bytes();
    if behind.as_bytes().get(fraction).is_some_and(|digit| *digit >= b'5') {
        increment(&mut digits);
    }
    (is_negative, String::from_utf8(digits).unwrap_or_default())
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        match *digit {
            b'9' => *digit = b'0',
            _ => {
                *digit += 1;
                return;
            }
        }
    }
    digits.insert(0, b'1');
}

fn roman(mut number: u32) -> String {
    const NUMERALS: [(u32, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut roman = String::new();
    for (value, numeral) in NUMERALS {
        while number >= value {
            roman.push_str(numeral);
            number -= value;
        }
    }
    roman
}

/// TO_NUMBER. The format says how many digits the result has.
pub(crate) fn functions() -> Vec<Function> {
    let arguments = |types: &[DataType]| match types {
        [text, format] if is_text(text) && is_text(format) => Ok(vec![DataType::Utf8View, format.clone()]),
        types => no_match("to_number", types),
    };
    let returns = |args: &ReturnFieldArgs<'_>| {
        let format = args.scalar_arguments.get(1).copied().flatten().and_then(ScalarValue::try_as_str).flatten();
        let Some(format) = format else {
            return Err(SqlError::unsupported("the format of TO_NUMBER must be a constant").into_engine());
        };
        let format = NumberFormat::compile(format);
        let digits = (format.whole + format.fraction).clamp(1, 38) as u8;
        Ok(SqlType::Decimal(digits, format.fraction.min(37) as i8).field_ref("to_number"))
    };
    let run = |args: &ScalarFunctionArgs| {
        let (format, to) =
            (NumberFormat::compile(constant_text(args, 1).unwrap_or_default()), SqlType::of(&args.return_field));
        map_first(args, |texts| {
            let numbers = texts.as_string_view().iter().map(|text| text.map(|text| format.read(text)).transpose());
            let numbers: ArrayRef = Arc::new(numbers.collect::<Result<StringViewArray>>()?);
            cast(&numbers, SqlType::Varchar(u32::MAX), to)
        })
    };
    vec![Function::new("to_number", arguments, returns, run)]
}

impl NumberFormat {
    /// The number that a text says, as a plain one: separators and currency signs say nothing, a minus or an angle bracket anywhere
    /// makes it negative. Digits that the format has no place for are left out.
    fn read(&self, text: &str) -> Result<String> {
        let (mut whole, mut fraction, mut is_fraction) = (String::new(), String::new(), false);
        for letter in text.chars() {
            match letter {
                '0'..='9' if is_fraction && fraction.len() < self.fraction => fraction.push(letter),
                '0'..='9' if !is_fraction && whole.len() < self.whole => whole.push(letter),
                '.' if !is_fraction => is_fraction = true,
                '0'..='9' | ',' | ' ' | '$' | '+' | '-' | '<' | '>' => {}
                _ => return Err(unreadable(text)),
            }
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(unreadable(text));
        }
        let sign = if text.contains(['-', '<']) { "-" } else { "" };
        Ok(format!("{sign}0{whole}.{fraction}"))
    }
}

fn unreadable(text: &str) -> datafusion::common::DataFusionError {
    let message = format!("invalid input syntax for type numeric: \"{text}\"");
    SqlError::new(ErrorKind::InvalidTextRepresentation, message).into_engine()
}
