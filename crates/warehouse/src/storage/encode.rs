//! Rows into the bytes of a Parquet file. Its row groups are encoded side by side.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering as Atomic};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{
    LexicographicalComparator, SortColumn, concat, concat_batches, interleave_record_batch, lexsort_to_indices,
    take_record_batch,
};
use datafusion::arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion_functions_aggregate_common::min_max::{max_batch, min_batch};
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, ArrowWriterOptions, compute_leaves};
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use super::Column;
use super::file::ColumnStats;
use super::read_comparable::COMPARABLE_KEY;
use super::shred::{Shredding, shred, worthwhile};
use super::snapshot::arrow_schema;
use crate::error::Result;
use crate::functions::{UNSCALED_DIGITS, end_with_blanks};
use crate::types::SqlType;

/// Rows of a row group: the unit that a scan can skip.
const ROW_GROUP: usize = 128 << 10;
/// Rows that are looked at to decide how to encode all.
const SAMPLE: usize = 1000;
/// Longer texts are no use as bounds, and get no filter for look-ups.
const LONGEST_TEXT: usize = 128;

/// A file's bytes, and what is known of its columns.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) stats: Vec<ColumnStats>,
}

/// Encodes `rows`, in the order of the columns at `sort`. Blocking.
pub(super) fn encode(columns: &[Column], sort: &[usize], rows: &[RecordBatch]) -> Result<Encoded> {
    let rows = Sorted::new(arrow_schema(columns), rows, sort)?;
    let sample = sample(&rows.group(0)?)?;
    let mut shreddings = worthwhile(columns, &sample)?;
    loop {
        match encode_with(columns, &rows, &sample, &shreddings)? {
            Ok(encoded) => return Ok(encoded),
            // Not all numbers are spelled as in the sample.
            Err(misspelled) => misspelled.into_iter().for_each(|place| shreddings[place].spelling = None),
        }
    }
}

/// Encodes rows with these shredded columns, or tells which of them have values of another spelling.
fn encode_with(
    columns: &[Column],
    rows: &Sorted<'_>,
    sample: &RecordBatch,
    shreddings: &[Shredding],
) -> Result<Result<Encoded, BTreeSet<usize>>> {
    let schema = file_schema(columns, shreddings);
    let samples = sample.columns().iter().cloned().map(Some).chain(shred(shreddings, sample)?);
    // What the schema says of the values is known only when all of them are written.
    let options =
        ArrowWriterOptions::new().with_properties(properties(&schema, samples)?).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)?;
    let (mut file, writers) = writer.into_serialized_writer()?;
    let groups = Groups { columns, rows, shreddings, schema, writers };
    let encoded = groups.encode()?;
    let misspelled: BTreeSet<usize> = encoded.iter().flat_map(|group| group.misspelled.iter().copied()).collect();
    if !misspelled.is_empty() {
        return Ok(Err(misspelled));
    }
    let mut stats: Vec<ColumnStats> = columns.iter().map(|column| ColumnStats::of_nothing(column.id)).collect();
    let mut comparable = vec![true; columns.len()];
    for group in encoded {
        let mut row_group = file.next_row_group()?;
        for chunk in group.chunks {
            chunk.append_to_row_group(&mut row_group)?;
        }
        row_group.close()?;
        comparable.iter_mut().zip(group.comparable).for_each(|(all, one)| *all &= one);
        for (all, one) in stats.iter_mut().zip(group.stats) {
            all.merge(one);
        }
    }
    let described = encode_arrow_schema(&described(&groups.schema, &comparable));
    file.append_key_value_metadata(KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), described));
    let metadata = file.close()?;
    for (place, stats) in stats.iter_mut().enumerate() {
        stats.bytes = column_size(&metadata, place);
        if is_text(&columns[place]) {
            (stats.min, stats.max) = text_bounds(&metadata, &groups.schema, &columns[place].name)?;
        }
    }
    Ok(Ok(Encoded { bytes, stats }))
}

/// Some of the rows, from all over them.
fn sample(rows: &RecordBatch) -> Result<RecordBatch> {
    let step = (rows.num_rows() / SAMPLE).max(1);
    Ok(take_record_batch(rows, &UInt32Array::from_iter_values((0..rows.num_rows() as u32).step_by(step)))?)
}

/// Whether a column has texts. Their bounds are those that Parquet notes anyway: comparing them is the dearest part of encoding them.
fn is_text(column: &Column) -> bool {
    matches!(column.sql_type, SqlType::Varchar(_) | SqlType::Char(_))
}

/// The least and the greatest text of a column; none where it is too long to be noted whole.
fn text_bounds(metadata: &ParquetMetaData, schema: &Schema, column: &str) -> Result<(Bound, Bound)> {
    let notes = StatisticsConverter::try_new(column, schema, metadata.file_metadata().schema_descr())?;
    let groups = metadata.row_groups();
    let (mins, maxes) = (notes.row_group_mins(groups)?, notes.row_group_maxes(groups)?);
    let is_whole = |whole: BooleanArray| whole.iter().flatten().all(|whole| whole);
    let min = Some(min_batch(&mins)?).filter(|min| !min.is_null());
    let max = Some(max_batch(&maxes)?).filter(|max| !max.is_null());
    let min = if is_whole(notes.row_group_is_min_value_exact(groups)?) { min } else { None };
    let max = if is_whole(notes.row_group_is_max_value_exact(groups)?) { max } else { None };
    Ok((min, max))
}

/// One end of the values of a column, if it is known.
type Bound = Option<ScalarValue>;

fn column_size(metadata: &ParquetMetaData, column: usize) -> i64 {
    metadata.row_groups().iter().map(|group| group.column(column).compressed_size()).sum()
}

/// Rows in the order in which a file has them, cut into row groups.
struct Sorted<'r> {
    schema: SchemaRef,
    batches: &'r [RecordBatch],
    rows: usize,
    /// The batch, and the row in it, of each row; none if the batches are in order.
    order: Option<Vec<(usize, usize)>>,
}

impl<'r> Sorted<'r> {
    /// Rows that are alike in the sort key stay in their order, in which neighbours have much in common.
    fn new(schema: SchemaRef, batches: &'r [RecordBatch], sort: &[usize]) -> Result<Self> {
        let rows = batches.iter().map(RecordBatch::num_rows).sum();
        if rows == 0 {
            return Ok(Self { schema, batches, rows, order: None });
        }
        let key = |place: &usize| -> Result<SortColumn> {
            let parts: Vec<&dyn Array> = batches.iter().map(|batch| &**batch.column(*place)).collect();
            Ok(SortColumn { values: concat(&parts)?, options: None })
        };
        let mut keys = sort.iter().map(key).collect::<Result<Vec<_>>>()?;
        if is_sorted(&keys, rows)? {
            return Ok(Self { schema, batches, rows, order: None });
        }
        keys.push(SortColumn { values: Arc::new(UInt32Array::from_iter_values(0..rows as u32)), options: None });
        let places: Vec<(usize, usize)> =
            (0..batches.len()).flat_map(|batch| (0..batches[batch].num_rows()).map(move |row| (batch, row))).collect();
        let order = lexsort_to_indices(&keys, None)?.values().iter().map(|row| places[*row as usize]).collect();
        Ok(Self { schema, batches, rows, order: Some(order) })
    }

    fn groups(&self) -> usize {
        self.rows.div_ceil(ROW_GROUP)
    }

    /// The rows of one row group.
    fn group(&self, number: usize) -> Result<RecordBatch> {
        let range = number * ROW_GROUP..((number + 1) * ROW_GROUP).min(self.rows);
        match &self.order {
            None => Ok(concat_batches(&self.schema, &self.slices(range))?),
            Some(order) => {
                let batches: Vec<&RecordBatch> = self.batches.iter().collect();
                Ok(interleave_record_batch(&batches, &order[range])?)
            }
        }
    }

    /// The parts of the batches that have the rows of `range`.
    fn slices(&self, range: Range<usize>) -> Vec<RecordBatch> {
        let (mut start, mut slices) = (0, Vec::new());
        for batch in self.batches {
            let end = start + batch.num_rows();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                slices.push(batch.slice(from - start, to - from));
            }
            start = end;
        }
        slices
    }
}

fn is_sorted(keys: &[SortColumn], rows: usize) -> Result<bool> {
    if keys.is_empty() {
        return Ok(true);
    }
    let comparator = LexicographicalComparator::try_new(keys)?;
    Ok((1..rows).all(|row| comparator.compare(row - 1, row) != Ordering::Greater))
}

/// The row groups of a file.
struct Groups<'r> {
    columns: &'r [Column],
    rows: &'r Sorted<'r>,
    shreddings: &'r [Shredding],
    schema: SchemaRef,
    writers: ArrowRowGroupWriterFactory,
}

/// One row group.
struct Group {
    chunks: Vec<ArrowColumnChunk>,
    stats: Vec<ColumnStats>,
    /// Of each column of the relation, whether its values are texts that are comparable as they are.
    comparable: Vec<bool>,
    /// The shredded columns that have values of another spelling; then there is no use for the rest.
    misspelled: Vec<usize>,
}

impl Groups<'_> {
    /// Encodes all of them on as many threads as the machine has processors.
    fn encode(&self) -> Result<Vec<Group>> {
        let (count, next) = (self.rows.groups(), AtomicUsize::new(0));
        // Held to leave a group in its place.
        let done: Mutex<Vec<Option<Result<Group>>>> = Mutex::new((0..count).map(|_| None).collect());
        let work = || {
            while let number = next.fetch_add(1, Atomic::Relaxed)
                && number < count
            {
                let group = self.group(number);
                done.lock().unwrap_or_else(PoisonError::into_inner)[number] = Some(group);
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(count);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
    }

    fn group(&self, number: usize) -> Result<Group> {
        let rows = self.rows.group(number)?;
        let shredded = shred(self.shreddings, &rows)?;
        let misspelled: Vec<usize> = (0..shredded.len()).filter(|place| shredded[*place].is_none()).collect();
        let mut chunks = Vec::with_capacity(self.schema.fields().len());
        if !misspelled.is_empty() {
            return Ok(Group { chunks, stats: Vec::new(), comparable: Vec::new(), misspelled });
        }
        let writers = self.writers.create_column_writers(number)?;
        let comparable = self.columns.iter().zip(rows.columns());
        let comparable =
            comparable.map(|(column, values)| is_text(column) && !end_with_blanks(values.as_string_view()));
        let comparable = comparable.collect();
        let values = rows.columns().iter().chain(shredded.iter().flatten()).map(stored);
        for ((field, values), mut writer) in self.schema.fields().iter().zip(values).zip(writers) {
            // No column is nested, so each is one leaf.
            for leaf in compute_leaves(field, &values)? {
                writer.write(&leaf)?;
            }
            chunks.push(writer.close()?);
        }
        let stats = self.columns.iter().zip(rows.columns()).map(|(column, values)| column_stats(column, values));
        Ok(Group { chunks, stats: stats.collect::<Result<_>>()?, comparable, misspelled })
    }
}

fn column_stats(column: &Column, values: &ArrayRef) -> Result<ColumnStats> {
    let nulls = Some(values.null_count() as i64);
    let mut stats = ColumnStats { nulls, ..ColumnStats::of_nothing(column.id) };
    let has_no_bounds = matches!(column.sql_type, SqlType::Super | SqlType::Varbyte(_) | SqlType::Interval);
    if !has_no_bounds && !is_text(column) {
        stats.min = Some(min_batch(values)?).filter(|min| !min.is_null());
        stats.max = Some(max_batch(values)?).filter(|max| !max.is_null());
    }
    Ok(stats)
}

/// The relation's columns with the field ids by which DuckLake finds them, then the shredded ones.
fn file_schema(columns: &[Column], shreddings: &[Shredding]) -> SchemaRef {
    let field = |column: &Column| {
        let id = [("PARQUET:field_id".to_owned(), column.id.to_string())];
        Field::new(&column.name, stored_type(&column.sql_type.arrow()), true).with_metadata(id.into())
    };
    Arc::new(Schema::new(columns.iter().map(field).chain(shreddings.iter().map(Shredding::field)).collect::<Vec<_>>()))
}

/// The same, which says of columns with such texts that they are comparable.
fn described(schema: &Schema, comparable: &[bool]) -> Schema {
    let mut fields: Vec<Field> = schema.fields().iter().map(|field| (**field).clone()).collect();
    for (field, _) in fields.iter_mut().zip(comparable).filter(|(_, is_comparable)| **is_comparable) {
        field.metadata_mut().insert(COMPARABLE_KEY.to_owned(), String::new());
    }
    Schema::new(fields)
}

/// The type by which a file keeps values of `data_type`, and as which it is read: a DECIMAL of few digits is an integer.
fn stored_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Decimal128(precision, scale) if *precision <= UNSCALED_DIGITS => {
            DataType::Decimal64(*precision, *scale)
        }
        other => other.clone(),
    }
}

/// Values as a file keeps them.
fn stored(values: &ArrayRef) -> ArrayRef {
    match stored_type(values.data_type()) {
        decimal @ DataType::Decimal64(..) => {
            let integers = values.as_primitive::<Decimal128Type>().unary::<_, Decimal64Type>(|value| value as i64);
            Arc::new(integers.with_data_type(decimal))
        }
        _ => Arc::clone(values),
    }
}

/// How to encode columns that have values such as these.
fn properties(schema: &Schema, samples: impl Iterator<Item = Option<ArrayRef>>) -> Result<WriterProperties> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_statistics_truncate_length(Some(LONGEST_TEXT));
    for (field, values) in schema.fields().iter().zip(samples) {
        let Some(values) = values else { continue };
        let path = ColumnPath::new(vec![field.name().clone()]);
        let (is_text, are_distinct) = (values.as_string_view_opt().is_some(), are_distinct(&values)?);
        if field.name() == "sequence_number" && is_text {
            // Each is the one before plus one: all but the last digits are shared.
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY);
        } else if is_text && are_distinct {
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_bloom_filter_enabled(path, true);
        } else if is_integer(values.data_type()) {
            // Places in a dictionary, and differences, hardly get smaller, and every query that reads them would pay.
            properties = properties.set_column_compression(path.clone(), Compression::UNCOMPRESSED);
            if are_distinct {
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
            }
        }
    }
    Ok(properties.build())
}

/// Whether a file keeps values of the type as integers.
fn is_integer(data_type: &DataType) -> bool {
    match data_type {
        DataType::Decimal128(precision, _) => *precision <= UNSCALED_DIGITS,
        DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..) => true,
        other => other.is_integer(),
    }
}

/// Whether nearly every value of a sample differs from the others: then a look-up of one is worth a filter that says which
/// row groups cannot have it.
fn are_distinct(values: &ArrayRef) -> Result<bool> {
    let (mut seen, mut count) = (HashSet::new(), 0);
    for row in 0..values.len() {
        let value = ScalarValue::try_from_array(values, row)?;
        if !value.is_null() && value.try_as_str().flatten().is_none_or(|text| text.len() <= LONGEST_TEXT) {
            seen.insert(value);
            count += 1;
        }
    }
    Ok(count >= SAMPLE / 2 && seen.len() * 10 >= count * 9)
}
