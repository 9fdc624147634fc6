//! What a client knows of its contact with an office: whether it answers, since when it does not, and when to give up.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long an office may be out of reach before the caller gives up, unless a person says otherwise.
pub const GIVE_UP_AFTER: Duration = Duration::from_secs(120);
/// A call from which nothing has moved for so long is worth a word. Most answers take milliseconds.
const QUIET_AFTER: Duration = Duration::from_secs(5);
/// A call from which nothing has moved for so long is given up and made again. An office that answers at all has written
/// and synchronised a file long before; the system itself notices a broken line after 30 s.
const SILENT_AFTER: Duration = Duration::from_secs(120);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// How the contact with an office stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It answers, or nothing was asked.
    Answers,
    /// A call is under way, and nothing has been heard for so long.
    Quiet(Duration),
    /// Calls fail and are made again.
    Lost(Outage),
}

/// A time in which an office does not do what it is asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// What is wrong, as the beginning of a sentence: `the office does not answer (connection refused)`.
    pub reason: String,
    /// How long it has lasted.
    pub lasted: Duration,
    /// How long the calls are still made again.
    pub gives_up_in: Duration,
}

/// The contact with one office, shared by all calls of a client. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Contact {
    state: Arc<Mutex<State>>,
    is_hopeless: Arc<watch::Sender<bool>>,
    give_up_after: Duration,
}

#[derive(Debug)]
struct State {
    running: u32,
    last_sign: Instant,
    lost: Option<Lost>,
    sending_bytes: u64,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    reason: String,
}

impl Contact {
    /// Returns the contact with an office that is waited for so long when it does not answer.
    pub fn new(give_up_after: Duration) -> Self {
        let state = State { running: 0, last_sign: Instant::now(), lost: None, sending_bytes: 0 };
        let is_hopeless = Arc::new(watch::Sender::new(false));
        Self { state: Arc::new(Mutex::new(state)), is_hopeless, give_up_after }
    }

    /// Returns how the contact stands now.
    pub fn standing(&self) -> Standing {
        let state = self.lock();
        if let Some(lost) = &state.lost {
            let lasted = lost.since.elapsed();
            let gives_up_in = self.give_up_after.saturating_sub(lasted);
            return Standing::Lost(Outage { reason: lost.reason.clone(), lasted, gives_up_in });
        }
        let quiet = state.last_sign.elapsed();
        if state.running > 0 && quiet >= QUIET_AFTER { Standing::Quiet(quiet) } else { Standing::Answers }
    }

    /// Returns the bytes of calls under way that were handed to the system.
    pub fn sending_bytes(&self) -> u64 {
        self.lock().sending_bytes
    }

    /// Waits for nothing any more: a call that fails from now on is not made again.
    pub fn give_up(&self) {
        self.is_hopeless.send_replace(true);
    }

    /// Notes that a call begins; it ends with what is returned.
    pub fn begin(&self) -> Pulse {
        let mut state = self.lock();
        // What was heard before the first of several calls says nothing about them.
        if state.running == 0 {
            state.last_sign = Instant::now();
        }
        state.running = state.running.saturating_add(1);
        drop(state);
        Pulse { contact: self.clone(), moved: Arc::new(Mutex::new(Moved { at: Instant::now(), bytes: 0 })) }
    }

    /// Notes that the office did what it was asked to, or refused for good.
    pub fn is_well(&self) {
        let mut state = self.lock();
        state.last_sign = Instant::now();
        state.lost = None;
    }

    fn is_lost(&self, reason: &str) {
        let mut state = self.lock();
        let since = state.lost.as_ref().map_or_else(Instant::now, |lost| lost.since);
        state.lost = Some(Lost { since, reason: reason.to_owned() });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call under way.
#[derive(Debug)]
pub struct Pulse {
    contact: Contact,
    moved: Arc<Mutex<Moved>>,
}

/// Notes the bytes of a body as they leave. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Meter {
    contact: Contact,
    moved: Arc<Mutex<Moved>>,
}

#[derive(Debug)]
struct Moved {
    at: Instant,
    bytes: u64,
}

impl Pulse {
    /// Returns what the body of the call notes its bytes in.
    pub fn meter(&self) -> Meter {
        Meter { contact: self.contact.clone(), moved: Arc::clone(&self.moved) }
    }

    /// Ends when nothing has moved for [`SILENT_AFTER`].
    pub async fn silence(&self) {
        loop {
            let still = self.moved.lock().unwrap_or_else(PoisonError::into_inner).at.elapsed();
            match SILENT_AFTER.checked_sub(still) {
                Some(left) if !left.is_zero() => tokio::time::sleep(left).await,
                _ => return,
            }
        }
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let bytes = self.moved.lock().unwrap_or_else(PoisonError::into_inner).bytes;
        let mut state = self.contact.lock();
        state.running = state.running.saturating_sub(1);
        state.sending_bytes = state.sending_bytes.saturating_sub(bytes);
    }
}

impl Meter {
    /// Notes that so many bytes left.
    pub fn sent(&self, bytes: u64) {
        let mut moved = self.moved.lock().unwrap_or_else(PoisonError::into_inner);
        moved.at = Instant::now();
        moved.bytes = moved.bytes.saturating_add(bytes);
        drop(moved);
        let mut state = self.contact.lock();
        state.last_sign = Instant::now();
        state.sending_bytes = state.sending_bytes.saturating_add(bytes);
    }
}

/// How long one call waits before its next try, and when it gives up: when it has failed for too long itself, or the office
/// has failed on every call for so long. A second call that finds the office gone so waits with the first, not after it.
#[derive(Debug)]
pub struct Patience<'a> {
    contact: &'a Contact,
    since: Option<Instant>,
    pause: Duration,
}

impl<'a> Patience<'a> {
    /// Begins with the first failure, however long the call took until then.
    pub const fn new(contact: &'a Contact) -> Self {
        Self { contact, since: None, pause: FIRST_PAUSE }
    }

    /// Waits before the next try, as long as the office `asked` to if it did; `false` when it is time to give up. `reason`
    /// is told to those who watch.
    pub async fn wait(&mut self, reason: &str, asked: Option<Duration>) -> bool {
        self.contact.is_lost(reason);
        let since = *self.since.get_or_insert_with(Instant::now);
        let mut left = self.contact.give_up_after.saturating_sub(since.elapsed());
        if let Standing::Lost(outage) = self.contact.standing() {
            left = left.min(outage.gives_up_in);
        }
        if left.is_zero() {
            return false;
        }
        let pause = asked.unwrap_or(self.pause).min(LONGEST_PAUSE).min(left);
        self.pause = self.pause.saturating_mul(2).min(LONGEST_PAUSE);
        let mut is_hopeless = self.contact.is_hopeless.subscribe();
        tokio::select! {
            _ = is_hopeless.wait_for(|is_hopeless| *is_hopeless) => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn a_call_after_the_office_was_given_up_does_not_wait_for_it_again() {
        let contact = Contact::new(Duration::ZERO);
        assert!(!Patience::new(&contact).wait("the office does not answer", None).await);
        assert!(!Patience::new(&contact).wait("the office does not answer", None).await);
        let Standing::Lost(outage) = contact.standing() else { panic!("{contact:?}") };
        assert_eq!(outage.gives_up_in, Duration::ZERO);
    }

    #[tokio::test]
    async fn who_is_asked_to_stop_waits_for_no_office() {
        let contact = Contact::new(Duration::from_secs(3600));
        contact.give_up();
        assert!(!Patience::new(&contact).wait("the office does not answer", None).await);
    }

    #[test]
    fn bytes_under_way_are_counted_until_their_call_ends() {
        let contact = Contact::new(GIVE_UP_AFTER);
        let pulse = contact.begin();
        pulse.meter().sent(7);
        assert_eq!((contact.sending_bytes(), contact.standing()), (7, Standing::Answers));
        drop(pulse);
        assert_eq!(contact.sending_bytes(), 0);
    }
}
