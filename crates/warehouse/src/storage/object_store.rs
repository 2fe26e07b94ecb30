//! Data files for the query engine's scans: an object store that reads from the [`Disk`].

use std::ffi::OsString;
use std::fmt;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    Attributes, CopyOptions, Error, GetOptions, GetRange, GetResult, GetResultPayload, ListResult, MultipartUpload,
    ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use tidemill_clock::{Disk, DiskFile};

/// The URL under which the engine knows the store.
pub(crate) const URL: &str = "tidemill://data";

/// Reads files; paths are those of the disk. Nothing can be written: see [`super::FileWriter`].
#[derive(Debug)]
pub(crate) struct DataFiles {
    disk: Arc<dyn Disk>,
}

impl DataFiles {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// Reads parts of a file: at once where the system has them in memory, otherwise off the threads that serve clients.
    async fn read(&self, location: &Path, ranges: Vec<Range<u64>>) -> Result<Vec<Bytes>> {
        let opened = self.disk.open_to_read(&path_of(location));
        let file = opened.map_err(|error| failed(location, error))?;
        if let Some(parts) = ranges.iter().map(|range| read_at_once(&*file, range)).collect() {
            return Ok(parts);
        }
        let read = move || ranges.iter().map(|range| read_part(&*file, range)).collect::<std::io::Result<_>>();
        let read = tokio::task::spawn_blocking(read).await.map_err(|source| Error::JoinError { source })?;
        read.map_err(|error| failed(location, error))
    }

    fn meta(&self, location: &Path) -> Result<ObjectMeta> {
        let length = self.disk.open_to_read(&path_of(location)).and_then(|file| file.len());
        Ok(ObjectMeta {
            location: location.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: length.map_err(|error| failed(location, error))?,
            e_tag: None,
            version: None,
        })
    }
}

fn read_part(file: &dyn DiskFile, range: &Range<u64>) -> std::io::Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    let read = file.read_at(&mut bytes, range.start)?;
    bytes.truncate(read);
    Ok(bytes.into())
}

/// The same; none if it would have to wait.
fn read_at_once(file: &dyn DiskFile, range: &Range<u64>) -> Option<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_at_once(&mut bytes, range.start).then(|| bytes.into())
}

/// The disk's path of a location, which has some characters encoded.
fn path_of(location: &Path) -> PathBuf {
    let plain = urlencoding::decode_binary(location.as_ref().as_bytes()).into_owned();
    PathBuf::from("/").join(OsString::from_vec(plain))
}

fn failed(location: &Path, error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::NotFound => Error::NotFound { path: location.to_string(), source: error.into() },
        _ => Error::Generic { store: "tidemill", source: error.into() },
    }
}

fn read_only<T>() -> Result<T> {
    Err(Error::NotSupported { source: "data files are not written through the query engine".into() })
}

impl fmt::Display for DataFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataFiles")
    }
}

#[async_trait]
impl ObjectStore for DataFiles {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let meta = self.meta(location)?;
        let range = match options.range {
            None => 0..meta.size,
            Some(GetRange::Bounded(range)) => range,
            Some(GetRange::Offset(start)) => start..meta.size,
            Some(GetRange::Suffix(length)) => meta.size.saturating_sub(length)..meta.size,
        };
        let parts = if options.head { Vec::new() } else { self.read(location, vec![range.clone()]).await? };
        let payload = GetResultPayload::Stream(stream::iter(parts.into_iter().map(Ok)).boxed());
        Ok(GetResult { payload, meta, range, attributes: Attributes::new() })
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.read(location, ranges.to_vec()).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        read_only()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        read_only()
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        stream::iter([read_only()]).boxed()
    }

    fn list(&self, _: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        stream::iter([read_only()]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        read_only()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        read_only()
    }
}
