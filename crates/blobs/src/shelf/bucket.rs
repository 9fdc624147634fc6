//! A shelf that is a bucket.

use std::path::Path;

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::buffered::BufWriter;
use object_store::path::Path as ObjectPath;
use tokio::io::AsyncWriteExt;

use super::ShelfItem;
use crate::error::{BlobError, Result};
use crate::objects::{Objects, store_fault};

pub(super) async fn put(objects: &Objects, name: &str, file: &Path) -> Result<()> {
    let source = |source| BlobError::Source { source };
    let mut reader = tokio::fs::File::open(file).await.map_err(source)?;
    // Small files go in one request, large ones in parts; nothing is seen before the end.
    let mut writer = BufWriter::with_capacity(objects.store.clone(), ObjectPath::from(name), objects.part_bytes());
    let copied = tokio::io::copy(&mut reader, &mut writer).await;
    let ended = match copied {
        Ok(_) => writer.shutdown().await,
        Err(error) => {
            let _ = writer.abort().await;
            Err(error)
        }
    };
    ended.map_err(|error| BlobError::Unavailable { source: Box::new(error) })?;
    let _ = tokio::fs::remove_file(file).await;
    Ok(())
}

pub(super) async fn get(objects: &Objects, name: &str) -> Result<BoxStream<'static, Result<Bytes>>> {
    let found = objects.store.get(&ObjectPath::from(name)).await.map_err(store_fault)?;
    Ok(found.into_stream().map_err(store_fault).boxed())
}

pub(super) async fn list(objects: &Objects, folder: &str) -> Result<Vec<ShelfItem>> {
    let prefix = ObjectPath::from(folder);
    let found = objects.store.list_with_delimiter(Some(&prefix)).await.map_err(store_fault)?;
    let item = |meta: object_store::ObjectMeta| ShelfItem { name: meta.location.to_string(), size_bytes: meta.size };
    Ok(found.objects.into_iter().map(item).collect())
}

pub(super) async fn delete(objects: &Objects, name: &str) -> Result<()> {
    objects.delete(&ObjectPath::from(name)).await
}
