//! Webhooks: in order, at least once, of what their owner may see, through failures, restarts and restores.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cartulary_model::ObjectId;
use cartulary_repository::{
    AddressFault, DeliveryState, NewAccessEntry, NewAccessList, NewWebhook, ObjectMove, Precondition, RepositoryError,
    SendOutcome, SendingWebhook, Session, UserChanges, WebhookChanges, WebhookDelivery, WebhookEvent, WebhookFilter,
    WebhookRules, WebhookSender, WebhookState, WebhookView, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const ANY: Precondition = Precondition::Any;

/// What the other side does with a sending; it takes it when nothing is said.
enum Answer {
    Is(SendOutcome),
    Never,
}

/// The other side.
struct Post {
    answers: Mutex<VecDeque<Answer>>,
    sent: UnboundedSender<WebhookDelivery>,
}

impl WebhookSender for Post {
    fn check(&self, url: &str) -> Result<(), AddressFault> {
        if url.starts_with("https://") {
            return Ok(());
        }
        Err(AddressFault { code: "invalid_url", detail: "begins with `https:`".to_owned() })
    }

    fn send(&self, delivery: WebhookDelivery) -> SendingWebhook {
        let answer = self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Is(SendOutcome::Delivered));
        let _ = self.sent.send(delivery);
        Box::pin(async move {
            match answer {
                Answer::Is(outcome) => outcome,
                Answer::Never => std::future::pending().await,
            }
        })
    }
}

fn failed() -> Answer {
    Answer::Is(SendOutcome::Failed { code: "answered_error", detail: "it answered 500".to_owned(), retry_after: None })
}

/// An office that sends, with one more try after a failed one, and what arrives.
struct Posts {
    post: Arc<Post>,
    sent: UnboundedReceiver<WebhookDelivery>,
}

impl Posts {
    async fn open(office: &mut TestOffice) -> Self {
        let (sender, sent) = unbounded_channel();
        let post = Arc::new(Post { answers: Mutex::default(), sent: sender });
        let rules = WebhookRules {
            sender: Some(Arc::clone(&post) as Arc<dyn WebhookSender>),
            pauses: vec![Duration::ZERO],
            changes_at_once: 3,
            dead_max: 3,
        };
        office.reopen_as(|config| config.webhooks = rules).await;
        Self { post, sent }
    }

    fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.post.answers.lock().unwrap().extend(answers);
    }

    async fn next(&mut self) -> WebhookDelivery {
        self.sent.recv().await.unwrap()
    }

    /// Takes what arrives until these objects were told of, and returns the positions in the order in which they came.
    async fn until(&mut self, wanted: &[ObjectId]) -> Vec<i64> {
        let mut missing: Vec<ObjectId> = wanted.to_vec();
        let mut positions = Vec::new();
        while !missing.is_empty() {
            for (position, object) in told(&self.next().await) {
                positions.push(position);
                missing.retain(|one| Some(*one) != object);
            }
        }
        positions
    }
}

/// What a delivery tells: positions and objects.
fn told(delivery: &WebhookDelivery) -> Vec<(i64, Option<ObjectId>)> {
    match &delivery.event {
        WebhookEvent::Changes { entries, .. } => {
            entries.iter().map(|entry| (entry.position, entry.object_id)).collect()
        }
        other => panic!("no changes: {other:?}"),
    }
}

fn objects(delivery: &WebhookDelivery) -> Vec<ObjectId> {
    told(delivery).into_iter().filter_map(|(_, object)| object).collect()
}

fn new(filter: WebhookFilter) -> NewWebhook {
    NewWebhook { name: "register".to_owned(), url: "https://r.example/in".to_owned(), filter, ..NewWebhook::default() }
}

fn created() -> WebhookFilter {
    WebhookFilter { kinds: vec!["created".to_owned()], ..WebhookFilter::default() }
}

async fn hook(session: &Session, filter: WebhookFilter) -> String {
    session.webhook_create(new(filter)).await.unwrap().value.0.id.to_string()
}

/// Lets somebody have webhooks.
async fn permit(office: &TestOffice, user: &str, permissions: &[&str]) {
    let root = office.system.root_folder().await.unwrap();
    let mut entries: Vec<NewAccessEntry> =
        permissions.iter().map(|permission| NewAccessEntry::granting(user, *permission)).collect();
    entries.push(NewAccessEntry::granting("staff", "Write"));
    office.system.acl_put(root, ANY, NewAccessList { entries, inherits: true }).await.unwrap();
}

/// Waits until it stands with a webhook as is asked for; the tests' own time limit is the limit.
async fn when(session: &Session, id: &str, is: impl Fn(&WebhookView) -> bool) -> WebhookView {
    loop {
        let view = session.webhook_get(id).await.unwrap();
        if is(&view) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn deliveries(session: &Session, id: &str, state: DeliveryState) -> Vec<String> {
    let window = session.webhook_deliveries(id, state, ALL).await.unwrap();
    assert_eq!(window.total, window.items.len() as u64);
    window.items.into_iter().map(|one| one.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_told_in_order_and_only_what_the_owner_may_see() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let amal = office.user("amal", &["staff"]).await;
        assert!(matches!(
            amal.webhook_create(new(created())).await,
            Err(RepositoryError::Forbidden { permission }) if permission == "HaveWebhooks"
        ));
        permit(office, "amal", &["HaveWebhooks"]).await;
        let id = hook(&amal, created()).await;
        let mut open = Vec::new();
        for number in 0..7 {
            let secret = office.dossier(&format!("secret {number}")).await;
            let none = NewAccessList { entries: Vec::new(), inherits: false };
            office.system.acl_put(secret, ANY, none).await.unwrap();
            open.push(office.dossier(&format!("open {number}")).await);
        }
        let mut seen = Vec::new();
        let mut positions = Vec::new();
        let mut ids = Vec::new();
        while !open.iter().all(|one| seen.contains(one)) {
            let delivery = posts.next().await;
            assert_eq!(delivery.webhook.to_string(), id);
            ids.push(delivery.id.clone());
            seen.extend(objects(&delivery));
            positions.extend(told(&delivery).into_iter().map(|(position, _)| position));
        }
        // What was made before its list was put may have been told, as long as everybody could see it.
        seen.retain(|one| open.contains(one));
        assert_eq!(seen, open);
        assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
        ids.dedup();
        assert!(ids.len() >= 3, "three changes at most in each");
        // A secret dossier that is changed later is not told of.
        let view = when(&amal, &id, |view| view.position >= *positions.last().unwrap()).await;
        assert_eq!((view.state, view.dead_count, view.owner.name.as_str()), (WebhookState::Active, 0, "amal"));
        // Another one's webhook is not there.
        let huda = office.user("huda", &["staff"]).await;
        assert!(matches!(huda.webhook_get(&id).await, Err(RepositoryError::NotFound { .. })));
        assert!(matches!(huda.webhook_delete(&id, ANY).await, Err(RepositoryError::NotFound { .. })));
        assert_eq!(huda.webhook_list(ALL).await.unwrap().total, 0);
        assert_eq!(office.system.webhook_list(ALL).await.unwrap().total, 1);
        amal.webhook_delete(&id, ANY).await.unwrap();
        assert_eq!(office.system.webhook_list(ALL).await.unwrap().total, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_before_it_is_sent_is_not_told() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let amal = office.user("amal", &["staff"]).await;
        permit(office, "amal", &["HaveWebhooks"]).await;
        let paused = NewWebhook { paused: true, ..new(created()) };
        let id = amal.webhook_create(paused).await.unwrap().value.0.id.to_string();
        let (hidden, seen) = (office.dossier("A").await, office.dossier("B").await);
        let none = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(hidden, ANY, none).await.unwrap();
        let secret = office.dossier("secret").await;
        let moved = office.document(seen, "moved.txt", "a").await.value.summary.id;
        let none = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(secret, ANY, none).await.unwrap();
        let to = ObjectMove { from: None, to: secret, name: None };
        office.system.object_move(moved, ANY, to).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        let go = WebhookChanges { paused: Some(false), ..WebhookChanges::default() };
        amal.webhook_update(&id, ANY, go).await.unwrap();
        assert_eq!(objects(&posts.next().await), [seen]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_locked_or_may_have_none_any_more_pauses_his_webhook() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let amal = office.user("amal", &["staff"]).await;
        permit(office, "amal", &["HaveWebhooks"]).await;
        let id = hook(&amal, created()).await;
        permit(office, "amal", &["Read"]).await;
        let first = office.dossier("first").await;
        let paused = when(&office.system, &id, |view| view.state == WebhookState::Paused).await;
        assert_eq!(paused.code.as_deref(), Some("not_permitted"));
        let go = || WebhookChanges { paused: Some(false), ..WebhookChanges::default() };
        assert!(matches!(amal.webhook_update(&id, ANY, go()).await, Err(RepositoryError::Forbidden { .. })));
        permit(office, "amal", &["HaveWebhooks"]).await;
        amal.webhook_update(&id, ANY, go()).await.unwrap();
        assert_eq!(posts.until(&[first]).await.len(), 1, "nothing was lost");
        let user = amal.actor().id();
        let disabled = |disabled| UserChanges { disabled: Some(disabled), ..UserChanges::default() };
        office.system.user_update(user, ANY, disabled(true)).await.unwrap();
        let second = office.dossier("second").await;
        let paused = when(&office.system, &id, |view| view.state == WebhookState::Paused).await;
        assert_eq!(paused.code.as_deref(), Some("owner_locked"));
        office.system.user_update(user, ANY, disabled(false)).await.unwrap();
        office.system.webhook_update(&id, ANY, go()).await.unwrap();
        posts.until(&[second]).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_arrive_is_tried_again_given_up_and_sent_again_when_asked_for() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let id = hook(&office.system, created()).await;
        // Once again under the same id.
        posts.answer([failed()]);
        let a = office.dossier("A").await;
        let (first, again) = (posts.next().await, posts.next().await);
        assert_eq!((objects(&first), first.id.as_str()), (vec![a], again.id.as_str()));
        when(&office.system, &id, |view| view.state == WebhookState::Active && view.position >= told(&first)[0].0)
            .await;
        // Given up, and the next goes on.
        posts.answer([failed(), failed()]);
        let b = office.dossier("B").await;
        let given_up = posts.next().await;
        assert_eq!(posts.next().await.id, given_up.id);
        when(&office.system, &id, |view| view.dead_count == 1).await;
        let c = office.dossier("C").await;
        assert_eq!(objects(&posts.next().await), [c]);
        when(&office.system, &id, |view| view.state == WebhookState::Active).await;
        assert_eq!(deliveries(&office.system, &id, DeliveryState::Dead).await, std::slice::from_ref(&given_up.id));
        let dead = office.system.webhook_deliveries(&id, DeliveryState::Dead, ALL).await.unwrap().items.remove(0);
        assert_eq!((dead.attempts, dead.code.as_deref()), (2, Some("answered_error")));
        // One by one.
        office.system.webhook_replay(&id, &given_up.id).await.unwrap();
        let replayed = posts.next().await;
        assert_eq!((replayed.id.as_str(), objects(&replayed)), (given_up.id.as_str(), vec![b]));
        when(&office.system, &id, |view| view.dead_count == 0).await;
        assert!(matches!(office.system.webhook_replay(&id, "nothing").await, Err(RepositoryError::NotFound { .. })));
        // As many as may be kept: it is paused, none is lost, and all are sent again in order.
        posts.answer((0..6).map(|_| failed()));
        let mut lost = Vec::new();
        for name in ["D", "E", "F"] {
            lost.push(office.dossier(name).await);
            let (one, other) = (posts.next().await, posts.next().await);
            assert_eq!(one.id, other.id);
        }
        let paused = when(&office.system, &id, |view| view.state == WebhookState::Paused).await;
        assert_eq!((paused.code.as_deref(), paused.dead_count), (Some("too_many_dead"), 3));
        assert_eq!(office.system.webhook_replay_dead(&id).await.unwrap().value, 3);
        let go = WebhookChanges { paused: Some(false), ..WebhookChanges::default() };
        office.system.webhook_update(&id, ANY, go).await.unwrap();
        for dossier in lost {
            assert_eq!(objects(&posts.next().await), [dossier]);
        }
        when(&office.system, &id, |view| view.dead_count == 0 && view.state == WebhookState::Active).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_wants_no_more_and_an_address_that_is_refused_pause_it_and_lose_nothing() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let id = hook(&office.system, created()).await;
        for (number, (outcome, code)) in [
            (SendOutcome::Gone, "gone"),
            (SendOutcome::AddressRefused { detail: "it is here".to_owned() }, "address_refused"),
        ]
        .into_iter()
        .enumerate()
        {
            posts.answer([Answer::Is(outcome)]);
            let dossier = office.dossier(&number.to_string()).await;
            let first = posts.next().await;
            let paused = when(&office.system, &id, |view| view.state == WebhookState::Paused).await;
            assert_eq!(paused.code.as_deref(), Some(code));
            assert_eq!(deliveries(&office.system, &id, DeliveryState::Pending).await, std::slice::from_ref(&first.id));
            let go = WebhookChanges { paused: Some(false), ..WebhookChanges::default() };
            office.system.webhook_update(&id, ANY, go).await.unwrap();
            let again = posts.next().await;
            assert_eq!((again.id.as_str(), objects(&again)), (first.id.as_str(), vec![dossier]));
            when(&office.system, &id, |view| view.state == WebhookState::Active && view.code.is_none()).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_office_that_ends_while_it_sends_goes_on_where_it_was() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        hook(&office.system, created()).await;
        posts.answer([Answer::Never]);
        let mut made = vec![office.dossier("0").await];
        let cut = posts.next().await;
        for number in 1..8 {
            made.push(office.dossier(&number.to_string()).await);
        }
        office.reopen().await;
        let again = posts.next().await;
        assert_eq!((again.id.as_str(), objects(&again)), (cut.id.as_str(), objects(&cut)));
        let mut seen = objects(&again);
        while seen.len() < made.len() {
            seen.extend(objects(&posts.next().await));
        }
        assert_eq!(seen, made, "each once, in order");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restore_it_is_told_and_nothing_is_skipped() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let id = hook(&office.system, created()).await;
        let before = office.dossier("before").await;
        let last = posts.until(&[before]).await.pop().unwrap();
        let old = when(&office.system, &id, |view| view.position >= last).await;
        posts.answer([Answer::Never]);
        let cut = office.dossier("cut").await;
        assert_eq!(objects(&posts.next().await), [cut]);
        office.stop_background().await;
        // What a restore does to the log: the rows of a backup under another identity.
        office.tamper(
            "UPDATE repository_info SET value = '01890a5d-ac96-774b-bcce-b302099a8057' WHERE key = 'logIdentity'",
        );
        office.reopen().await;
        let first = posts.next().await;
        match &first.event {
            WebhookEvent::LogReplaced { previous, after } => {
                assert_eq!((previous.as_str(), *after), (old.log.as_str(), old.position));
            }
            other => panic!("{other:?}"),
        }
        let next = posts.next().await;
        assert_eq!(objects(&next), [cut], "what was not told before the restore is told");
        assert_eq!(next.log, office.repository.log_identity());
        assert_ne!(next.log, old.log);
        let after = office.dossier("after").await;
        posts.until(&[after]).await;
        assert_eq!(office.system.webhook_get(&id).await.unwrap().log, next.log);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_folders_narrow_what_is_told_also_of_what_left_or_is_destroyed() {
    each_office(async |office| {
        let mut posts = Posts::open(office).await;
        let (inside, outside) = (office.dossier("inside").await, office.dossier("outside").await);
        let filter = WebhookFilter {
            kinds: ["created", "moved", "destroyed"].map(str::to_owned).to_vec(),
            types: vec!["document".to_owned()],
            folder: Some(inside),
        };
        hook(&office.system, filter).await;
        office.document(outside, "b.txt", "b").await;
        let first = office.document(inside, "a.txt", "a").await.value.summary.id;
        assert_eq!(objects(&posts.next().await), [first]);
        let away = ObjectMove { from: None, to: outside, name: None };
        office.system.object_move(first, ANY, away).await.unwrap();
        assert_eq!(objects(&posts.next().await), [first], "it left");
        office.system.object_destroy(first, ANY).await.unwrap();
        let second = office.document(inside, "c.txt", "c").await.value.summary.id;
        assert_eq!(objects(&posts.next().await), [second], "what happens elsewhere is not told");
        office.system.object_destroy(inside, ANY).await.unwrap();
        assert_eq!(objects(&posts.next().await), [second], "it is destroyed with its folder");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_and_nothing_is_made() {
    each_office(async |office| {
        let _posts = Posts::open(office).await;
        let document = office.document(office.dossier("A").await, "a.txt", "a").await.value.summary.id;
        let filter = |kinds: &[&str], types: &[&str], folder| WebhookFilter {
            kinds: kinds.iter().map(ToString::to_string).collect(),
            types: types.iter().map(ToString::to_string).collect(),
            folder,
        };
        let wrong = [
            (NewWebhook { url: "ftp://r.example".to_owned(), ..new(created()) }, "url"),
            (NewWebhook { url: format!("https://{}", "a".repeat(3_000)), ..new(created()) }, "url"),
            (NewWebhook { name: String::new(), ..new(created()) }, "name"),
            (NewWebhook { name: "a".repeat(1_000), ..new(created()) }, "name"),
            (NewWebhook { after: Some(1_000_000), ..new(created()) }, "after"),
            (new(filter(&["signed_in"], &[], None)), "filter.kinds[0]"),
            (new(filter(&[], &["document", "nothing"], None)), "filter.types[1]"),
            (new(filter(&[], &[], Some(document))), "filter.folder"),
        ];
        for (new, field) in wrong {
            match office.system.webhook_create(new).await {
                Err(RepositoryError::Invalid { violations }) => assert_eq!(violations[0].field, field),
                other => panic!("{field}: {other:?}"),
            }
        }
        let nowhere = new(filter(&[], &[], Some(ObjectId::generate())));
        assert!(matches!(office.system.webhook_create(nowhere).await, Err(RepositoryError::NotFound { .. })));
        assert_eq!(office.system.webhook_list(ALL).await.unwrap().total, 0);
        // A repeated request finds what the first made, without the secret.
        let keyed = || NewWebhook { idempotency_key: Some("one".to_owned()), ..new(created()) };
        let (first, secret) = office.system.webhook_create(keyed()).await.unwrap().value;
        let (again, none) = office.system.webhook_create(keyed()).await.unwrap().value;
        assert_eq!((first.id, secret.unwrap().bytes().unwrap().len(), none.is_none()), (again.id, 32, true));
        let stale = office.system.webhook_delete(&first.id.to_string(), Precondition::Token(77)).await;
        assert!(matches!(stale, Err(RepositoryError::Stale { token: 0, .. })), "{stale:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_sends() {
    each_office(async |office| {
        if !office.is_shared() {
            return;
        }
        let mut posts = Posts::open(office).await;
        hook(&office.system, created()).await;
        let other = office.another_node().await;
        let background = other.start_background();
        let mut made = Vec::new();
        for number in 0..30 {
            made.push(office.dossier(&number.to_string()).await);
        }
        let mut seen = Vec::new();
        while seen.len() < made.len() {
            seen.extend(objects(&posts.next().await));
        }
        assert_eq!(seen, made, "each once, in order");
        background.stop().await;
        other.close().await;
    })
    .await;
}
