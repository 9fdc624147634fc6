//! Turns: acts on one thing that this node does one after the other, because two at once would undo each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartulary_model::ObjectId;
use tokio::sync::OwnedMutexGuard;

/// How long somebody waits for his turn.
const PATIENCE: Duration = Duration::from_secs(60);

type Queue = Arc<tokio::sync::Mutex<()>>;

/// Who does something to which object. What another node does is found by what it left.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queues: Mutex<BTreeMap<ObjectId, Queue>>,
}

impl Turns {
    /// Waits until nobody else here does something to an object; nothing when that takes too long.
    pub(crate) async fn turn(&self, id: ObjectId) -> Option<OwnedMutexGuard<()>> {
        let queue = {
            let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
            // A queue that only this map knows is one that nobody is in.
            queues.retain(|_, queue| Arc::strong_count(queue) > 1);
            Arc::clone(queues.entry(id).or_default())
        };
        tokio::time::timeout(PATIENCE, queue.lock_owned()).await.ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_turn_ends_with_its_guard_and_leaves_no_queue() {
        let turns = Turns::default();
        let (one, other) = (ObjectId::generate(), ObjectId::generate());
        let first = turns.turn(one).await.unwrap();
        drop(turns.turn(other).await.unwrap());
        let waiting = turns.turn(one);
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        drop(first);
        drop(waiting.await.unwrap());
        drop(turns.turn(other).await.unwrap());
        assert_eq!(turns.queues.lock().unwrap().len(), 1);
    }
}
