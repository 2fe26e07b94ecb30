//! Several paths as one tree, so that a text is walked once for all of them.

use super::path::JsonPath;
use crate::functions::super_values::value::Step;

/// The paths that go on below one place of a text.
#[derive(Debug, Default)]
pub(crate) struct PathTree {
    /// The place of this node's value among the values.
    place: usize,
    below: Vec<(Step, PathTree)>,
    /// Of the root: all nodes.
    pub(crate) nodes: usize,
}

impl PathTree {
    /// The tree of `paths`, and where each finds its value.
    pub(crate) fn of(paths: &[JsonPath]) -> (Self, Vec<usize>) {
        let mut tree = Self { nodes: 1, ..Self::default() };
        let places = paths.iter().map(|path| tree.add(&path.steps)).collect();
        (tree, places)
    }

    fn add(&mut self, steps: &[Step]) -> usize {
        let mut nodes = self.nodes;
        let mut node = &mut *self;
        for step in steps {
            let at = node.below.iter().position(|(other, _)| other == step).unwrap_or_else(|| {
                node.below.push((step.clone(), Self { place: nodes, ..Self::default() }));
                nodes += 1;
                node.below.len() - 1
            });
            node = &mut node.below[at].1;
        }
        let place = node.place;
        self.nodes = nodes;
        place
    }

    /// Leaves the value of each node in its place. None if `text` is no JSON.
    pub(crate) fn take<'j>(&self, text: &'j str, values: &mut [Option<&'j str>]) -> Option<()> {
        values[self.place] = Some(text);
        match text.trim_start().as_bytes().first() {
            Some(b'{') if !self.below.is_empty() => self.take_members(text, values),
            Some(b'[') if !self.below.is_empty() => self.take_elements(text, values),
            // A nested value was checked when it was passed over.
            _ if self.place > 0 => Some(()),
            _ => sonic_rs::from_str::<sonic_rs::LazyValue<'j>>(text).ok().map(drop),
        }
    }

    /// Of members with the same key the first counts.
    fn take_members<'j>(&self, text: &'j str, values: &mut [Option<&'j str>]) -> Option<()> {
        // Members mostly come in the order in which they are asked for.
        let (mut likely, mut end) = (0, text.find('{')? + 1);
        for member in sonic_rs::to_object_iter(text) {
            let (key, value) = member.ok()?;
            let value = part(text, value.as_raw_str())?;
            end = offset(text, value)? + value.len();
            let mut places = (likely..self.below.len()).chain(0..likely);
            let is_key = |step: &Step| matches!(step, Step::Key(wanted) if *wanted == *key);
            if let Some(place) = places.find(|place| is_key(&self.below[*place].0)) {
                likely = place + 1;
                let child = &self.below[place].1;
                if values[child.place].is_none() {
                    child.take(value, values)?;
                }
            }
        }
        is_closed(text, end, '}')
    }

    fn take_elements<'j>(&self, text: &'j str, values: &mut [Option<&'j str>]) -> Option<()> {
        let mut end = text.find('[')? + 1;
        for (index, element) in sonic_rs::to_array_iter(text).enumerate() {
            let element = element.ok()?;
            let element = part(text, element.as_raw_str())?;
            end = offset(text, element)? + element.len();
            // JSON_EXTRACT_PATH_TEXT names elements by texts.
            let is_index = |step: &Step| match step {
                Step::Index(wanted) => *wanted == index,
                Step::Key(wanted) => wanted.parse() == Ok(index),
            };
            for (_, child) in self.below.iter().filter(|(step, _)| is_index(step)) {
                child.take(element, values)?;
            }
        }
        is_closed(text, end, ']')
    }
}

/// `part`, which is a part of `text`, with the life of `text`.
fn part<'j>(text: &'j str, part: &str) -> Option<&'j str> {
    let start = offset(text, part)?;
    text.get(start..start + part.len())
}

fn offset(text: &str, part: &str) -> Option<usize> {
    (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)
}

/// Whether nothing but `bracket` follows behind the last value: the iterators stop there.
fn is_closed(text: &str, end: usize, bracket: char) -> Option<()> {
    text.get(end..)?.trim_start().strip_prefix(bracket)?.trim_start().is_empty().then_some(())
}
